import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { imageForTarget } from "../../src/cli/image-source.ts";
import type { HostOptions } from "../../src/rescue/index.ts";
import {
	breakRoot,
	type RunningVictim,
	repairRoot,
	type StartVictimOptions,
	startVictim,
	victimNetwork,
} from "../../src/vm/index.ts";
import { jumps, refused, secondCard } from "./cases.ts";
import { bootedVictim, noVictim, rescueImage, shell, testIo } from "./lab.ts";
import { Namespace, noNamespace } from "./namespace.ts";

const lacking = await noVictim("qemu-img");
const lackingTrixie = lacking || (await noVictim());
const alone = lacking || (await noNamespace());

/** The image that the command takes when it is not told which. */
const usualImage: HostOptions["image"] = imageForTarget({ modules: "auto" }, testIo(), () => {});

/** A machine of its own for one case. */
async function on(
	options: StartVictimOptions,
	act: (victim: RunningVictim) => Promise<void>,
): Promise<void> {
	const victim = await startVictim(options);
	try {
		await act(victim);
	} finally {
		await victim.stop();
	}
}

describe.skipIf(lacking)(`machines of other kinds ${lacking}`, () => {
	test("lockdown=integrity: the signature is tried with the kernel alone, refused before any layer is sent", () =>
		on({ suite: "bookworm", commandLine: "lockdown=integrity" }, async (victim) => {
			const { kernel } = await rescueImage();
			const sent = (await readFile(kernel.path)).length;
			expect(await refused(victim, "RESCUE_REFUSED", { sent })).toContain("signature");
		}));

	test("512 MB of memory: rescued with the modules that it needs", () =>
		on({ suite: "bookworm", memory: 512 }, async (victim) => {
			await breakRoot(victim);
			const { plan } = await jumps(victim, "root@127.0.0.1", { image: usualImage });
			expect(plan.memory?.total).toBeLessThan(512 * 1024 * 1024);
		}));

	test("one that cannot be started leaves no folder behind", async () => {
		const { TMPDIR } = process.env;
		const home = await mkdtemp(join(tmpdir(), "ekexec-start-"));
		onTestFinished(async () => {
			if (TMPDIR === undefined) delete process.env.TMPDIR;
			else process.env.TMPDIR = TMPDIR;
			await rm(home, { recursive: true });
		});
		process.env.TMPDIR = home;
		const drive = () => Promise.reject(new Error("no disk"));
		await expect(startVictim({ suite: "bookworm", drive })).rejects.toThrow("no disk");
		expect((await readdir(home)).filter((name) => name.startsWith("ekexec-"))).toEqual([]);
	});

	test("256 MB of memory: refused by the budget, which is told", () =>
		on({ suite: "bookworm", memory: 256 }, async (victim) => {
			const told = await refused(victim, "RESCUE_REFUSED", { image: usualImage });
			expect(told).toMatch(/memory: the rescue system needs \d+ MiB, the target has \d+ MiB/);
		}));
});

describe.skipIf(lackingTrixie)(`a trixie victim ${lackingTrixie}`, () => {
	test("its root made read-only: rescued, the file system corrected", () =>
		on({ suite: "trixie" }, async (victim) => {
			expect(await breakRoot(victim)).toContain("Read-only file system");
			const { hostKey, facts } = await jumps(victim);
			expect(facts.system).toContain("trixie");
			const repair = await repairRoot(victim, hostKey);
			expect(repair).toMatchObject({ mounted: "", code: 1 });
			expect(repair.addresses).toContain(`${victimNetwork.address}/24`);
		}));
});

describe.skipIf(alone)(`a bookworm victim without any IPv4 ${alone}`, () => {
	test("IPv6 only, over a card of its own: rescued at the same address", async () => {
		await using namespace = await Namespace.make("2001:db8:6::1/64");
		const { within } = namespace;
		const backend = "tap,ifname=tap0,script=no,downscript=no";
		const victim = await bootedVictim("bookworm", { within, nics: [{ backend }] });
		try {
			await shell(
				victim,
				`set -e
				${secondCard}
				ip link set $card up
				ip address add 2001:db8:6::15/64 dev $card nodad
				ip route add 2001:db8:9::/48 via 2001:db8:6::1 dev $card`,
			);
			const overIpv6 = { ...victim, login: { ...victim.login, port: 22 } };
			const target = "root@[2001:db8:6::15]";
			await shell(
				overIpv6,
				`for folder in /sys/class/net/e*; do
					[[ $(<$folder/address) = ${victimNetwork.mac} ]] && ip link set \${folder##*/} down
				done
				ip -4 address flush scope global
				[[ $(ip -4 address show scope global) = "" ]]`,
				target,
			);
			const { facts, proof, plan } = await jumps(overIpv6, target);
			expect(facts.ssh.connection?.server).toBe("2001:db8:6::15");
			const { addresses } = plan.network.network;
			expect(addresses.filter(({ family }) => family === 4)).toEqual([]);
			expect(proof?.login.join(" ")).toContain("root@2001:db8:6::15");
		} finally {
			await victim.stop();
		}
	});
});
