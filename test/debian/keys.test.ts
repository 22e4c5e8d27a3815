import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readKeyring, verifyClearsigned } from "../../src/debian/signature.ts";
import { clearsign, newKey, now } from "./mini.ts";

const folder = new URL("../../src/debian/keys/", import.meta.url);
const rows = readFileSync(new URL("README.md", folder), "utf8")
	.split("\n")
	.map((line) => /^\| (\S+\.asc) +\| ([0-9A-F]{40}) +\| (\S+) +\|/.exec(line))
	.flatMap((match) => (match ? [[match[1] ?? "", match[2] ?? "", match[3] ?? ""] as const] : []));

describe("keys that ship", () => {
	test("are those of the list, no more and no fewer", () => {
		const files = readdirSync(folder).filter((name) => name !== "README.md");
		expect(files.sort()).toEqual(rows.map(([name]) => name).sort());
		expect(rows).toHaveLength(6);
	});

	test.each(rows)("%s has these fingerprints", async (name, primary, subkey) => {
		const [key, ...rest] = await readKeyring([new URL(name, folder)]);
		expect(rest).toEqual([]);
		expect(key?.isPrivate()).toBe(false);
		expect(key?.getFingerprint().toUpperCase()).toBe(primary);
		const subkeys = key?.subkeys.map((one) => one.getFingerprint().toUpperCase());
		expect(subkeys).toEqual(subkey === "–" ? [] : [subkey]);
	});
});

describe("signature of a Release file", async () => {
	const key = await newKey();
	const other = await newKey("someone else");
	const keyring = [key.toPublic()];
	const text = "Codename: trixie\n- with a dash\n";
	const signed = Buffer.from(await clearsign(text, key)).toString();
	const verify = (armored: string, keys = keyring, date = now) =>
		verifyClearsigned(Buffer.from(armored), keys, new Date(date), "InRelease");
	const refused = expect.objectContaining({ code: "DEBIAN_SIGNATURE", kind: "check" });

	test("the signed text is what comes back", async () => {
		expect(await verify(signed)).toBe(text);
	});

	test("nothing around the signed part does", async () => {
		expect(await verify(`${signed}\nCodename: sid\n`)).toBe(text);
	});

	test.each([
		["a changed letter", signed.replace("trixie", "trixia")],
		["a line more", signed.replace("Codename", "Suite: sid\nCodename")],
		["something before it", `Codename: sid\n${signed}`],
		["no signature at all", text],
		["a login page", "<html><body>Welcome</body></html>"],
		["a signature cut off", signed.slice(0, signed.indexOf("-----BEGIN PGP SIGNATURE") + 60)],
		["nothing", ""],
	])("%s is refused", async (_, altered) => {
		await expect(verify(altered)).rejects.toEqual(refused);
	});

	test("another key is refused", async () => {
		await expect(verify(signed, [other.toPublic()])).rejects.toEqual(refused);
		await expect(verify(signed, [])).rejects.toEqual(refused);
	});

	test("a signature from the future is refused", async () => {
		await expect(verify(signed, keyring, now - 3 * 3600_000)).rejects.toEqual(refused);
	});

	test("a file that holds no keys is refused as a mistake of the user", async () => {
		await expect(readKeyring([new URL("README.md", folder)])).rejects.toMatchObject({
			code: "DEBIAN_SIGNATURE",
			kind: "usage",
		});
	});
});
