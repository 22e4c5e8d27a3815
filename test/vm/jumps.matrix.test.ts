import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type RunningVictim, victimNetwork } from "../../src/vm/index.ts";
import { keygen, scratch } from "../ssh/sshd.ts";
import { bondAndVlan, fromSnapshot, jumps, leaseAddress } from "./cases.ts";
import { noVictim, shell } from "./lab.ts";
import { Relay } from "./relay.ts";

const lacking = await noVictim("qemu-img");

/** Whole rescues of a running Debian 12, each from the same snapshot; what it shows stands in its name. */
describe.skipIf(lacking)(`a bookworm victim is rescued and proven ${lacking}`, () => {
	let victim: RunningVictim;
	fromSnapshot("bookworm", (running) => {
		victim = running;
	});

	test("kexec_file_load absent, login by sudo, leased address: kexec_load, and back with the address pinned", async () => {
		await leaseAddress(victim);
		await shell(
			victim,
			`mkdir -p /run/systemd/system/ssh.service.d
			printf '[Service]\\nSystemCallFilter=~kexec_file_load\\nSystemCallErrorNumber=ENOSYS\\n' >/run/systemd/system/ssh.service.d/filter.conf
			systemctl daemon-reload
			systemctl restart ssh`,
		);
		const { plan, network, remarks } = await jumps(victim, "admin@127.0.0.1");
		expect(plan.method).toBe("kexec_load");
		expect(remarks).toEqual([]);
		const { address } = victimNetwork;
		const leased = network.addresses.find((found) => found.address === address);
		expect(leased?.origin).toBe("lease");
		const planned = plan.network.network.addresses.find((found) => found.address === address);
		expect(planned?.origin).toBe("static");
		expect(plan.network.changed.join("\n")).toContain(`${address}/24`);
	});

	test("two cards, a VLAN on a bond, policy routing: all of it back", async () => {
		await bondAndVlan(victim);
		const { plan } = await jumps(victim, "fisher@127.0.0.1");
		const { network } = plan.network;
		const kinds = network.links.map(({ name, kind }) => `${name} ${kind ?? "card"}`);
		expect(kinds).toEqual(expect.arrayContaining(["bond0 bond", "bond0.100 vlan"]));
		expect(network.addresses.map(({ address }) => address)).toContain("203.0.113.5");
		expect(network.rules).toContainEqual(expect.objectContaining({ table: 100 }));
		expect(network.routes).toContainEqual(
			expect.objectContaining({ table: 100, gateway: "203.0.113.1" }),
		);
	});

	test("connection cut with the order to jump on its way: another one gives it again, and back", async () => {
		await using relay = await Relay.to(victim.port);
		const { remarks } = await jumps(victim, "root@127.0.0.1", {
			connect: { ...victim.login, port: relay.port },
			report(event) {
				if (event.event === "step" && event.step === "load" && event.state === "done") relay.cut();
			},
		});
		expect(remarks).toContain("it did not; giving it again");
	});

	test("host and operator vouched for by authorities, one key revoked: the same ones are believed behind the jump", async () => {
		const place = scratch();
		onTestFinished(() => place.remove());
		const made = (name: string) => keygen(join(place.path, name), "-t", "ed25519");
		const [authority, ops, gone, host] = ["authority", "ops", "gone", "host"].map(made);
		const sign = (...words: string[]) =>
			execFileSync("ssh-keygen", ["-q", "-s", String(authority), "-I", "test", ...words]);
		sign("-n", "ops", `${ops}.pub`);
		const hostKey = await shell(victim, "cat /etc/ssh/ssh_host_ed25519_key.pub");
		writeFileSync(`${host}.pub`, `${hostKey}\n`);
		sign("-h", "-n", "127.0.0.1", `${host}.pub`);
		const read = (name: string) => readFileSync(join(place.path, name), "utf8").trim();
		await shell(
			victim,
			`cd /etc/ssh
			echo '${read("authority.pub")}' >authority.pub
			echo '${read("host-cert.pub")}' >ssh_host_ed25519_key-cert.pub
			echo '${read("gone.pub")}' | tee revoked >>/root/.ssh/authorized_keys
			mkdir -p principals sshd_config.d
			echo ops >principals/root
			cat >sshd_config.d/certificates.conf <<-'end'
				TrustedUserCAKeys /etc/ssh/authority.pub
				AuthorizedPrincipalsFile /etc/ssh/principals/%u
				RevokedKeys /etc/ssh/revoked
				HostCertificate /etc/ssh/ssh_host_ed25519_key-cert.pub
			end
			systemctl restart ssh`,
		);
		// Nothing but the authority is known of the host.
		const known = join(place.path, "known_hosts");
		writeFileSync(known, `@cert-authority * ${read("authority.pub")}\n`);
		const letsIn = (key: string | undefined): boolean => {
			const { status, stderr } = spawnSync(
				"ssh",
				[
					...["-F", "none", "-p", String(victim.port), "-i", String(key)],
					...["-o", `UserKnownHostsFile=${known}`, "-o", "BatchMode=yes"],
					...["-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "root@127.0.0.1", "true"],
				],
				{ encoding: "utf8", timeout: 60_000 },
			);
			if (status !== 0 && !stderr.includes("Permission denied")) throw new Error(stderr);
			return status === 0;
		};
		expect([ops, gone].map(letsIn)).toEqual([true, false]);
		await jumps(victim, "root@127.0.0.1", {
			connect: { ...victim.login, identities: [String(ops)] },
		});
		expect([ops, gone].map(letsIn)).toEqual([true, false]);
	});

	test("root returns I/O errors, with sshd and its sftp in memory and little else: back", async () => {
		await shell(
			victim,
			"cat /usr/lib/openssh/sftp-server $(ldd /usr/lib/openssh/sftp-server | while read a b c d; do echo $c; done) >/dev/null",
		);
		await victim.vm.qmp.monitor("drive_del disk0");
		// Neither it nor fish, as the snapshot was taken before anybody used them.
		await expect(shell(victim, "id")).rejects.toThrow("Input/output error");
		await jumps(victim);
	});
});
