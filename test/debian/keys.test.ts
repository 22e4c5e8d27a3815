import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readKeyring, verifyClearsigned } from "../../src/debian/signature.ts";
import { clearsign, newKey, now, scratch } from "./mini.ts";

const hour = 3600_000;

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
	const verify = (armored: string, keys = keyring, date: number | undefined = now) =>
		verifyClearsigned(Buffer.from(armored), keys, date, "InRelease");
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

	test("a clock that is a little behind does no harm, one that is days behind is told as that", async () => {
		expect(await verify(signed, keyring, now - 3 * hour)).toBe(text);
		await expect(verify(signed, keyring, now - 72 * hour)).rejects.toMatchObject({
			code: "DEBIAN_EXPIRED",
			details: { remedy: expect.stringContaining("clock") },
		});
		// Before the key was made, too.
		await expect(verify(signed, keyring, 0)).rejects.toMatchObject({ code: "DEBIAN_EXPIRED" });
		expect(await verifyClearsigned(Buffer.from(signed), keyring, undefined, "InRelease")).toBe(
			text,
		);
		const forged = signed.replace("trixie", "trixia");
		await expect(verify(forged, keyring, 0)).rejects.toEqual(refused);
	});

	test("a key that has expired since vouches no more, but for what may be old", async () => {
		const short = await newKey("short", 1000 * 3600);
		const then = Buffer.from(await clearsign(text, short)).toString();
		const keys = [short.toPublic()];
		expect(await verify(then, keys, now - hour)).toBe(text);
		await expect(verify(then, keys, now + hour)).rejects.toEqual(refused);
		expect(await verifyClearsigned(Buffer.from(then), keys, undefined, "InRelease")).toBe(text);
	});

	test("a file of several blocks, one after another, holds the keys of all", async () => {
		const file = join(await scratch(), "both.asc");
		const blocks = [key, other].map((one) => one.toPublic().armor());
		for (const joined of [blocks.join(""), blocks.join("Comment\n\n")]) {
			await writeFile(file, joined);
			expect((await readKeyring([file])).map((one) => one.getFingerprint())).toEqual(
				[key, other].map((one) => one.getFingerprint()),
			);
		}
	});

	test("a file that holds no keys is refused as a mistake of the user", async () => {
		await expect(readKeyring([new URL("README.md", folder)])).rejects.toMatchObject({
			code: "DEBIAN_SIGNATURE",
			kind: "usage",
		});
	});
});
