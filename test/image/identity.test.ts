import { describe, expect, test } from "vitest";
import { text, utf8 } from "../../src/bytes/index.ts";
import { type CpioEntry, planCpio, readCpio, writeCpio } from "../../src/cpio/index.ts";
import { type Identity, identityEntries, nonceContent, noncePath } from "../../src/image/index.ts";

interface Ref {
	readonly path: string;
}

const splice = (path: string, size: number) => ({ size, ref: { path } });

const identity: Identity<Ref> = {
	hostKeys: [
		{
			type: "ed25519",
			private: splice("/etc/ssh/ssh_host_ed25519_key", 411),
			public: utf8("ssh-ed25519 AAAA host\n"),
		},
		{ type: "rsa", private: splice("/srv/keys/rsa", 2602), certificate: utf8("cert") },
	],
	authorizedKeys: utf8("ssh-ed25519 AAAA me\n"),
	ports: [22, 2222],
	network: [{ name: "10-eth0.network", content: "[Match]\n" }],
	resolvConf: "nameserver 192.0.2.1\n",
	machineId: "0123456789abcdef0123456789abcdef",
	nonce: "d3adbeefd3adbeef",
	about: "In place of web1.",
};

const nixos: Identity<Ref> = {
	hostKeys: [{ type: "ed25519", private: splice("/k", 3) }],
	authorizedKeys: identity.authorizedKeys,
	network: ["addrs", "routes-v4", "routes-v6"].map((name) => ({
		name: `${name}.json`,
		content: "[]",
	})),
	nonce: identity.nonce,
};

const named = (entries: CpioEntry<Ref>[], name: string) => entries.find((e) => e.name === name);
const content = (entry: CpioEntry<Ref> | undefined): unknown => {
	if (entry?.kind !== "file") return undefined;
	return entry.content instanceof Uint8Array ? text(entry.content) : entry.content;
};

describe("rootfs", () => {
	const entries = identityEntries("rootfs", identity);

	test("host keys stay splices, in place and closed to others", () => {
		expect(named(entries, "etc/ssh/ssh_host_ed25519_key")).toMatchObject({
			mode: 0o600,
			content: splice("/etc/ssh/ssh_host_ed25519_key", 411),
		});
	});

	test("sshd is told of all keys, certificates and ports", () => {
		expect(content(named(entries, "etc/ssh/sshd_config.d/10-identity.conf"))).toBe(
			[
				"Port 22",
				"Port 2222",
				"HostKey /etc/ssh/ssh_host_ed25519_key",
				"HostKey /etc/ssh/ssh_host_rsa_key",
				"HostCertificate /etc/ssh/ssh_host_rsa_key-cert.pub\n",
			].join("\n"),
		);
	});

	test("sshd is told of authorities, names and revoked keys", () => {
		const revokedKeys = splice("/etc/ssh/krl", 44);
		const certified = { authorities: utf8("CA\n"), principals: utf8("ops\n") };
		const revoking = identityEntries("rootfs", { ...identity, revokedKeys, certified });
		expect(content(named(revoking, "etc/ssh/user_authorities"))).toBe("CA\n");
		expect(content(named(revoking, "root/.ssh/authorized_principals"))).toBe("ops\n");
		expect(content(named(revoking, "etc/ssh/revoked_keys"))).toEqual(revokedKeys);
		expect(content(named(revoking, "etc/ssh/sshd_config.d/10-identity.conf"))).toContain(
			[
				"TrustedUserCAKeys /etc/ssh/user_authorities",
				"AuthorizedPrincipalsFile /root/.ssh/authorized_principals",
				"RevokedKeys /etc/ssh/revoked_keys\n",
			].join("\n"),
		);
	});

	test("authorized_keys passes sshd's check of modes", () => {
		expect(named(entries, "root")).toMatchObject({ mode: 0o700 });
		expect(named(entries, "root/.ssh")).toMatchObject({ mode: 0o700 });
		expect(named(entries, "root/.ssh/authorized_keys")).toMatchObject({ mode: 0o600 });
	});

	test("the image's DHCP is masked by a planned network", () => {
		expect(named(entries, "etc/systemd/network/89-ekexec-default.network")).toMatchObject({
			kind: "symlink",
			target: "/dev/null",
		});
		const bare = identityEntries("rootfs", { ...identity, network: [] });
		expect(bare.some((entry) => String(entry.name).startsWith("etc/systemd"))).toBe(false);
	});

	test("in place of host keys a unit that makes one before sshd starts", () => {
		const made = identityEntries("rootfs", { ...identity, hostKeys: [], makesHostKey: true });
		expect(content(named(made, "etc/systemd/system/ekexec-host-key.service"))).toContain(
			"ExecStart=/usr/bin/ssh-keygen",
		);
		expect(
			named(made, "etc/systemd/system/ssh.service.wants/ekexec-host-key.service"),
		).toMatchObject({ target: "../ekexec-host-key.service" });
		expect(content(named(made, "etc/ssh/sshd_config.d/10-identity.conf"))).toContain(
			"HostKey /etc/ssh/ssh_host_ed25519_key",
		);
		expect(() =>
			identityEntries("stage1", { ...identity, hostKeys: [], makesHostKey: true }),
		).toThrow(expect.objectContaining({ code: "IMAGE_IDENTITY" }));
	});

	test("makes an archive whose size is known before the splices are", () => {
		const plan = planCpio<Ref>(entries);
		let size = 0;
		for (const chunk of writeCpio<Ref>(entries)) {
			size += chunk instanceof Uint8Array ? chunk.length : chunk.size;
		}
		expect(size).toBe(plan.size);
	});
});

test("stage1 holds the same files below /ekexec, units where they outlive the switch of roots", () => {
	const names = identityEntries("stage1", identity).map((entry) => entry.name);
	expect(names).toContain("ekexec/etc/ssh/ssh_host_rsa_key");
	expect(names).toContain("ekexec/run/systemd/network/10-eth0.network");
	expect(names.every((name) => name === "ekexec" || String(name).startsWith("ekexec/"))).toBe(true);
});

describe("nixos-images", () => {
	test("lays its files out as that project's restore expects them", () => {
		const names = identityEntries("nixos-images", nixos).map((entry) => entry.name);
		expect(names).toEqual([
			"ssh",
			"ssh/ssh_host_ed25519_key",
			"ssh/authorized_keys",
			"addrs.json",
			"routes-v4.json",
			"routes-v6.json",
			"ekexec.json",
		]);
	});

	test.each<[string, string, Partial<Identity<Ref>>]>([
		["a missing routes file", "network", { network: nixos.network.slice(0, 2) }],
		["a networkd unit", "network", { network: [...nixos.network, ...identity.network] }],
		["another port", "ports", { ports: [2222] }],
		["authorities", "certified", { certified: { authorities: utf8("x"), principals: utf8("y") } }],
		["revoked keys", "revokedKeys", { revokedKeys: utf8("ssh-ed25519 AAAA gone\n") }],
	])("refuses %s instead of losing it", (_name, field, change) => {
		expect(() => identityEntries("nixos-images", { ...nixos, ...change })).toThrow(
			expect.objectContaining({
				code: "IMAGE_IDENTITY",
				details: expect.objectContaining({ field }),
			}),
		);
	});
});

test.each<[string, string, Partial<Identity<Ref>>]>([
	["no host key", "hostKeys", { hostKeys: [] }],
	[
		"a key type that is a path",
		"hostKeys.type",
		{ hostKeys: [{ type: "../x", private: utf8("k") }] },
	],
	["nobody to log in", "authorizedKeys", { authorizedKeys: utf8(" \n") }],
	["a unit that is a path", "network", { network: [{ name: "../x.network", content: "" }] }],
	["a unit that is something else", "network", { network: [{ name: "x.service", content: "" }] }],
	["port 0", "ports", { ports: [0] }],
	["a nonce of two lines", "nonce", { nonce: "aaaaaaaa\nb" }],
	["a machine-id that is none", "machineId", { machineId: "uninitialized" }],
])("refuses %s", (_name, field, change) => {
	expect(() => identityEntries("rootfs", { ...identity, ...change })).toThrow(
		expect.objectContaining({
			code: "IMAGE_IDENTITY",
			details: expect.objectContaining({ field }),
		}),
	);
});

test("the nonce is read where it was written", () => {
	const bytes: Uint8Array[] = [];
	for (const chunk of writeCpio(
		identityEntries("rootfs", { ...identity, hostKeys: [{ type: "ed25519", private: utf8("k") }] }),
	)) {
		bytes.push(chunk as Uint8Array);
	}
	const whole = Uint8Array.from(bytes.flatMap((part) => [...part]));
	const found = [...readCpio(whole)].find((e) => `/${text(e.name)}` === noncePath("rootfs"));
	expect(found?.data).toEqual(nonceContent("rootfs", identity.nonce));
});
