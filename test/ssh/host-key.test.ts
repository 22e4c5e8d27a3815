import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { checkByKnownHosts } from "../../src/ssh/host-key.ts";
import { noPrompt, type PublicKey } from "../../src/ssh/index.ts";
import { publicKey } from "../../src/ssh/public-key.ts";
import { resolveOptions } from "../../src/ssh/resolve.ts";
import { parseTarget } from "../../src/ssh/target.ts";
import { operator } from "./sshd.ts";
import { codeOf } from "./support.ts";

const place = mkdtempSync(join(tmpdir(), "ekexec-host-key-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));
const file = join(place, "known_hosts");

const field = (bytes: Uint8Array) => {
	const length = Buffer.alloc(4);
	length.writeUInt32BE(bytes.length);
	return Buffer.concat([length, bytes]);
};
function key(...fields: (string | Uint8Array)[]): PublicKey {
	const made = publicKey(Buffer.concat(fields.map((each) => field(Buffer.from(each)))));
	if (made === undefined) throw new Error("no key");
	return made;
}
const ed25519 = (fill: number) => key("ssh-ed25519", Buffer.alloc(32, fill));
/** An RSA key with a modulus of so many bits; its first byte on the wire is the sign. */
function rsa(bits: number): PublicKey {
	const { n = "" } = generateKeyPairSync("rsa", { modulusLength: bits }).publicKey.export({
		format: "jwk",
	});
	const modulus = Buffer.from(n, "base64url");
	return key("ssh-rsa", Uint8Array.of(1, 0, 1), Buffer.concat([Uint8Array.of(0), modulus]));
}

/** The check of a target's key, given the lines of known_hosts. */
function judged(target: string, lines: string[], settings: string[] = []) {
	writeFileSync(file, `${lines.join("\n")}\n`);
	const options = resolveOptions(
		parseTarget(target),
		{
			settings: [`UserKnownHostsFile=${file}`, "GlobalKnownHostsFile=none", ...settings],
			file: "none",
			user: undefined,
			port: undefined,
			jump: undefined,
			identities: [],
		},
		operator(join(place, "home")),
	);
	return checkByKnownHosts(options, noPrompt, () => {});
}
const line = (name: string, { type, blob }: PublicKey) =>
	`${name} ${type} ${Buffer.from(blob).toString("base64")}`;

describe("a key known for the host without its port", () => {
	const [own, other] = [ed25519(1), ed25519(2)];

	test("is known for every port of it, as to ssh", async () => {
		const check = judged("h:2222", [line("h", own)]);
		expect(await check.check(own)).toBe(true);
		expect(check.types).toEqual(new Set(["ssh-ed25519"]));
		expect(await codeOf(check.check(other))).toBe("SSH_HOST_KEY_UNKNOWN");
	});

	test("says nothing where the port has a key of its own", async () => {
		const check = judged("h:2222", [line("h", rsa(2048)), line("[h]:2222", other)]);
		expect(await codeOf(check.check(own))).toBe("SSH_HOST_KEY_CHANGED");
		expect(check.types).toEqual(new Set(["ssh-ed25519"]));
	});

	test("is revoked for every port, too", async () => {
		const check = judged("h:2222", [`@revoked ${line("h", own)}`]);
		expect(await codeOf(check.check(own))).toBe("SSH_HOST_KEY_REVOKED");
	});

	test("is not looked for under an alias, nor the other way round", async () => {
		const aliased = judged("h:2222", [line("h", own)], ["HostKeyAlias=a"]);
		expect(await codeOf(aliased.check(own))).toBe("SSH_HOST_KEY_UNKNOWN");
		const plain = judged("h", [line("[h]:2222", own)]);
		expect(await codeOf(plain.check(own))).toBe("SSH_HOST_KEY_UNKNOWN");
	});
});

describe("RSA keys of hosts", () => {
	test.each([
		[[], 1024, true],
		[["RequiredRSASize=2048"], 2048, true],
		[["RequiredRSASize=2049"], 2048, "SSH_HANDSHAKE"],
	] as const)("%j, %i bits: %s", async (settings, bits, result) => {
		const shown = rsa(bits);
		const checked = judged("h", [line("h", shown)], [...settings]).check(shown);
		expect(result === true ? await checked : await codeOf(checked)).toBe(result);
	});
});
