import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Machine } from "../../src/ssh/config.ts";
import type { SshOptions } from "../../src/ssh/options.ts";
import { resolveOptions } from "../../src/ssh/resolve.ts";
import { parseTarget } from "../../src/ssh/target.ts";

const place = mkdtempSync(join(tmpdir(), "ekexec-resolve-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const machine: Machine = {
	home: join(place, "home"),
	user: "me",
	uid: process.getuid?.() ?? 0,
	hostname: "operator.example",
	env: {},
	systemConfig: join(place, "etc", "ssh_config"),
};
const own = join(machine.home, ".ssh", "config");
mkdirSync(join(machine.home, ".ssh"), { recursive: true });
mkdirSync(join(place, "etc"));

/** What is in force for a target, given the lines of the operator's own file and of the system's. */
function resolve(user: string[], system: string[] = [], target = "host"): SshOptions {
	writeFileSync(own, `${user.join("\n")}\n`, { mode: 0o600 });
	writeFileSync(machine.systemConfig, `${system.join("\n")}\n`);
	const unset = { file: undefined, user: undefined, port: undefined, jump: undefined };
	return resolveOptions(parseTarget(target), { settings: [], identities: [], ...unset }, machine);
}

const weights = (options: SshOptions) =>
	options.unsupported.map(({ word, weight }) => `${word}: ${weight}`);

describe("what only the system's ssh can follow", () => {
	test.each([
		"RevokedHostKeys /etc/ssh/revoked",
		"KnownHostsCommand /usr/bin/keys %H",
		"CanonicalizeHostname yes",
		"BindInterface eth0",
		"VerifyHostKeyDNS yes",
		"PKCS11Provider /usr/lib/token.so",
	])("%s is followed whoever wrote it", (line) => {
		expect(weights(resolve([line]))).toEqual([`${line}: openssh`]);
		expect(weights(resolve([], [line]))).toEqual([`${line}: openssh`]);
	});

	test.each(["GSSAPIAuthentication yes", "HostbasedAuthentication yes", "IPQoS lowdelay"])(
		"%s is tried without where a distribution sets it for everybody",
		(line) => {
			expect(weights(resolve([line]))).toEqual([`${line}: openssh`]);
			expect(weights(resolve([], [line]))).toEqual([`${line}: note`]);
		},
	);

	test("algorithms of certificates say nothing where no certificate is taken", () => {
		expect(weights(resolve(["CASignatureAlgorithms ssh-ed25519"]))).toEqual([]);
	});
});
