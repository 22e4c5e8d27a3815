import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readCertificate } from "../../src/ssh/certificate.ts";
import { missing } from "../support/programs.ts";

const lacking = missing("ssh-keygen");

describe.skipIf(lacking)(`certificates signed by ssh-keygen ${lacking}`, () => {
	const folder = mkdtempSync(join(tmpdir(), "ekexec-certificate-"));
	afterAll(() => rmSync(folder, { recursive: true }));
	const keygen = (...words: string[]) => execFileSync("ssh-keygen", ["-q", ...words]);
	const blobOf = (name: string) => readFileSync(join(folder, name), "utf8").split(" ")[1] ?? "";

	test.each(["rsa", "ecdsa", "ed25519"])("%s", (type) => {
		const [key, authority] = [join(folder, type), join(folder, `${type}-authority`)];
		for (const path of [key, authority]) keygen("-t", type, "-N", "", "-f", path);
		const validity = ["-V", "20200101000000Z:20300101000000Z"];
		const options = [
			...validity,
			"-O",
			"force-command=/bin/true",
			"-O",
			"source-address=192.0.2.0/24",
		];
		keygen("-s", authority, "-I", "id", "-n", "root,ops", ...options, `${key}.pub`);
		expect(readCertificate(blobOf(`${type}-cert.pub`))).toEqual({
			key: blobOf(`${type}.pub`),
			authority: blobOf(`${type}-authority.pub`),
			signedWith: { rsa: "rsa-sha2-512", ecdsa: "ecdsa-sha2-nistp256" }[type] ?? "ssh-ed25519",
			principals: ["root", "ops"],
			validBefore: Date.UTC(2030, 0, 1) / 1000,
			critical: ["force-command", "source-address"],
		});
		expect(readCertificate(blobOf(`${type}.pub`))).toBeUndefined();
	});
});
