import { describe, expect, test } from "vitest";
import { type RunningVictim, victimNetwork } from "../../src/vm/index.ts";
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
