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

describe("Match", () => {
	test("what cannot apply any more needs no look at what only ssh can find out", () => {
		const lines = [
			"Match host other exec /usr/bin/false",
			"Port 1",
			"Match host host exec /usr/bin/false",
			"Port 2",
			"Match host other exec /usr/bin/false final",
			"Port 3",
			"Match final host host",
			"User second",
		];
		const options = resolve(lines);
		// Once a pass.
		expect(weights(options)).toEqual(["Match exec: openssh", "Match exec: openssh"]);
		expect(options.unsupported.map(({ where }) => where)).toEqual([`${own}:3`, `${own}:3`]);
		expect(options).toMatchObject({ port: 22, user: "second" });
	});

	test("nor does one in a file that is included where nothing applies", () => {
		const included = join(place, "etc", "included");
		writeFileSync(included, "Match exec /usr/bin/true\nPort 1\n");
		const options = resolve([], ["Host other", `Include ${included}`]);
		expect(weights(options)).toEqual([]);
	});

	test("a word that ssh does not know is refused wherever it stands", () => {
		expect(() => resolve(["Match host other colour blue"])).toThrow(
			expect.objectContaining({ code: "SSH_CONFIG" }),
		);
	});
});

describe("values", () => {
	test("an address keeps its scope, and is written short", () => {
		expect(resolve([], [], "fe80:0:0::1%eth0").host).toBe("fe80::1%eth0");
		expect(resolve(["HostName FE80::0:1%%lo"]).host).toBe("fe80::1%lo");
		expect(resolve([], [], "2001:DB8:0::1").host).toBe("2001:db8::1");
	});

	test.each(["0", "none"])(
		"ConnectTimeout %s, ssh's for no limit, is no limit that has passed",
		(value) => {
			expect(resolve([`ConnectTimeout ${value}`]).connectTimeout).toBe(30);
		},
	);

	test("a dead line is noticed as soon where nobody can be asked", () => {
		expect(resolve(["BatchMode yes"]).serverAliveInterval).toBe(15);
		expect(resolve(["ServerAliveInterval 7"]).serverAliveInterval).toBe(7);
	});

	test("a host that the operator refuses is refused, with the operator's reason", () => {
		const attempt = () => resolve(["Host host", 'RefuseConnection "the old one: use new"']);
		expect(attempt).toThrow(expect.objectContaining({ code: "SSH_CONFIG" }));
		expect(attempt).toThrow("the old one: use new");
		expect(resolve(["Host host", "RefuseConnection no"], [], "other").host).toBe("other");
	});

	test("what chooses among the operator's own keys is told as not followed", () => {
		const line = "PubkeyAcceptedAlgorithms ssh-ed25519";
		expect(weights(resolve([line]))).toEqual([`${line}: note`]);
	});
});
