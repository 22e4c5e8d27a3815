// Run inside an empty network namespace with a scenario as JSON on standard input: builds it, reads it back by our
// socket and by ip, and writes what both said as JSON.
import { execFileSync } from "node:child_process";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { collect, type Snapshot, writeSnapshot } from "../../../src/netlink/index.ts";
import type { Scenario } from "./scenarios.ts";

/** What ip prints with -json -details, parsed by whoever needs it. */
export const ipCommands = {
	link: "ip -json -details link show",
	address: "ip -json -details address show",
	route4: "ip -4 -json -details route show table all",
	route6: "ip -6 -json -details route show table all",
	rule4: "ip -4 -json -details rule show",
	rule6: "ip -6 -json -details rule show",
	nexthop: "ip -json -details nexthop show",
	neighbour: "ip -json -details neighbour show nud permanent",
	proxy: "ip -json -details neighbour show proxy",
	bridgeVlan: "bridge -json -details vlan show",
} as const;

/** Both sides of one scenario. */
export interface Recording {
	readonly name: string;
	/** Of `writeSnapshot`, in base 64. */
	readonly raw: string;
	readonly ip: Readonly<Record<keyof typeof ipCommands, unknown>>;
	/** Commands that this kernel or this ip refused, with what they said. */
	readonly refused: readonly string[];
	readonly unstable: readonly string[];
}

const run = (command: string): string => {
	const [program = "", ...words] = command.split(" ");
	return execFileSync(program, words, { encoding: "utf8", stdio: "pipe", timeout: 30_000 });
};

/** A kernel without bridges says so to bridge(8), and there is nothing to compare. */
function tell(command: string): string {
	try {
		return run(command);
	} catch (error) {
		if (command.startsWith("bridge ")) return "";
		throw error;
	}
}

function askIp(): Recording["ip"] {
	const answers = Object.entries(ipCommands).map(([name, command]) => [
		name,
		JSON.parse(tell(command) || "[]"),
	]);
	return Object.fromEntries(answers) as Recording["ip"];
}

/** A snapshot without counters and clocks, to tell whether two are of the same state. */
function settings(snapshot: Snapshot): string {
	return JSON.stringify(snapshot, (key, value) => {
		if (/cacheinfo|stats|[tT]imer|xstats/.test(key)) return undefined;
		return typeof value === "bigint" ? String(value) : value;
	});
}

if (process.argv[2] === "record") {
	const scenario = JSON.parse(await text(process.stdin)) as Scenario;
	const refused: string[] = [];
	for (const command of scenario.commands) {
		try {
			run(command);
		} catch (error) {
			refused.push(`${command}: ${(error as { stderr: string }).stderr.trim()}`);
		}
	}
	// Both sides are asked until nothing changes in between: bonds and duplicate address detection take their time.
	let { raw, snapshot } = await collect();
	let ip = askIp();
	for (let tries = 0; tries < 40; tries++) {
		const after = await collect();
		if (settings(snapshot) === settings(after.snapshot)) break;
		await setTimeout(250);
		({ raw, snapshot } = await collect());
		ip = askIp();
	}
	const recording: Recording = {
		name: scenario.name,
		raw: Buffer.from(writeSnapshot(raw)).toString("base64"),
		ip,
		refused,
		unstable: snapshot.unstable,
	};
	process.stdout.write(JSON.stringify(recording));
}
