import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import {
	type HostOptions,
	type HostResult,
	host,
	openSession,
	unload,
} from "../../src/rescue/index.ts";
import {
	type RunningVictim,
	type VictimSuite,
	type Vm,
	victimNetwork,
} from "../../src/vm/index.ts";
import {
	bootedVictim,
	rescueImage,
	rescueOptions,
	restore,
	shell,
	traces,
	tracesAfter,
} from "./lab.ts";

// What a case of the matrix shows, for whichever victim.

const root = "root@127.0.0.1";

interface Told {
	readonly remarks: readonly string[];
}

/** Within a describe: one running victim for all of its tests, each of which begins at the same snapshot. */
export function fromSnapshot(suite: VictimSuite, take: (victim: RunningVictim) => void): void {
	let victim: RunningVictim;
	beforeAll(async () => {
		await rescueImage();
		victim = await bootedVictim(suite);
		take(victim);
	}, 900_000);
	beforeEach(() => restore(victim));
	afterAll(() => victim?.stop());
}

/** Rescues up to the loaded kernel, sees it loaded, unloads it, and sees nothing left. */
export async function loads(
	victim: RunningVictim,
	target: string = root,
	change: Partial<HostOptions> = {},
): Promise<HostResult & Told> {
	const before = await traces(victim);
	expect(before).toMatchObject({ loaded: "0", files: "", processes: "" });
	const options = await rescueOptions(victim, { until: "load", ...change });
	const result = await host(target, options);
	expect(result.jumped).toBe(false);
	expect(options.done()).toContain("load");
	const loaded = { ...before, loaded: "1" };
	expect(await tracesAfter(victim, loaded)).toEqual(loaded);
	const session = await openSession(target, options);
	expect(await unload(session)).toBe(true);
	await session.connection.close();
	expect(await tracesAfter(victim, before)).toEqual(before);
	return { ...result, remarks: options.remarks() };
}

/**
 * A rescue that ends in a refusal: exit code 3, nothing left, and of the image no more was sent than `sent` bytes.
 * Answers the refusal's message.
 */
export async function refused(
	victim: RunningVictim,
	code: string,
	{ sent = 0, ...change }: Partial<HostOptions> & { readonly sent?: number } = {},
): Promise<string> {
	const before = await traces(victim);
	const options = await rescueOptions(victim, change);
	const error = await host(root, options).then(
		() => undefined,
		(thrown: unknown) => thrown,
	);
	expect(error).toMatchObject({ code, exitCode: 3 });
	const progress = options.events.map((event) => (event.event === "progress" ? event.done : 0));
	expect(Math.max(0, ...progress)).toBeLessThanOrEqual(sent);
	expect(await tracesAfter(victim, before)).toEqual(before);
	return (error as Error).message;
}

/** Lines of a console that tell of a kernel's or system's end. */
const ominous = /panic|BUG:|Oops|RIP:|not syncing|Out of memory|SeaBIOS|emergency|Linux version/i;

/** What a machine went through, in few words: reports are cut. */
function whatHappened({ console, events }: Vm, from: number): string {
	const lines = console.since(from).split(/\r?\n/);
	const told = [
		...lines.filter((line) => ominous.test(line)).slice(0, 20),
		"…",
		...lines.slice(-15),
	];
	// A kernel that faults before its console works leaves nothing but the event of the machine's reset.
	const seen = events.map(({ event }) => event).join(", ");
	return `the rescue failed; the machine told ${seen || "nothing"}, and on its console:\n${told.join("\n")}`;
}

/** A whole rescue: behind the jump nothing is missing. */
export async function jumps(
	victim: RunningVictim,
	target: string = root,
	change: Partial<HostOptions> = {},
): Promise<HostResult & Told> {
	const options = await rescueOptions(victim, change);
	const from = victim.vm.console.position;
	const result = await host(target, options).catch((error: unknown) => {
		throw new Error(whatHappened(victim.vm, from), { cause: error });
	});
	expect(result.proof).toMatchObject({ network: [], failedUnits: [] });
	expect(result.proof?.bootId).toMatch(/^[0-9a-f-]{36}$/);
	expect(result.proof?.bootId).not.toBe(result.facts.bootId);
	return { ...result, remarks: options.remarks() };
}

/** Makes folders noexec; /tmp, which lies on the root, gets a file system of its own for that. */
export function noexec(...folders: string[]): string {
	const line = (folder: string): string =>
		folder === "/tmp" ? "mount -t tmpfs -o noexec tmpfs /tmp" : `mount -o remount,noexec ${folder}`;
	return folders.map(line).join(" && ");
}

/** Finds the victim's other card: $card. */
export const secondCard: string = `for folder in /sys/class/net/e*; do
			[[ $(<$folder/address) = ${victimNetwork.mac} ]] || card=\${folder##*/}
		done`;

/** The second card under a bond, a VLAN on it, an address, and a rule with a table of its own. */
export async function bondAndVlan(victim: RunningVictim): Promise<void> {
	await shell(
		victim,
		`set -e
		${secondCard}
		ip link add bond0 type bond mode active-backup miimon 100
		ip link set $card down
		ip link set $card master bond0
		ip link set bond0 up
		ip link add link bond0 name bond0.100 type vlan id 100
		ip link set bond0.100 up
		ip address add 203.0.113.5/24 dev bond0.100
		ip route add default via 203.0.113.1 dev bond0.100 table 100
		ip rule add from 203.0.113.5 lookup 100 priority 1000`,
	);
}

/** The victim's address comes by DHCP instead of by its configuration; QEMU's network gives the same one. */
export async function leaseAddress(victim: RunningVictim): Promise<void> {
	const unit = `[Match]\\nMACAddress=${victimNetwork.mac}\\n[Network]\\nDHCP=ipv4\\n`;
	await shell(
		victim,
		`mkdir -p /run/systemd/network
		printf '${unit}' >/run/systemd/network/05-lease.network
		systemctl restart systemd-networkd
		for try in {1..60}; do
			[[ $(ip -4 address show dynamic) == *${victimNetwork.address}* ]] && exit
			sleep 1
		done
		exit 1`,
	);
}
