import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { missing } from "../programs.ts";
import type { Recording } from "./record.ts";
import type { Scenario } from "./scenarios.ts";

const recorder = fileURLToPath(new URL("record.ts", import.meta.url));

/** Why no network namespace can be made here; empty where one can. */
export function cannotUnshare(): string {
	const lacking = missing("unshare", "ip");
	if (lacking !== "") return lacking;
	if (process.platform !== "linux") return "no Linux";
	if (process.getuid?.() !== 0) return "not root";
	try {
		execFileSync("unshare", ["-n", "true"], { stdio: "ignore", timeout: 10_000 });
		return "";
	} catch {
		return "network namespaces cannot be made here";
	}
}

/** Kinds of links that this kernel refuses to make. */
export function missingKinds(kinds: readonly string[]): readonly string[] {
	return kinds.filter((kind) => {
		const [program, words] = probes[kind] ?? ["link", `add probe type ${kind}`];
		try {
			execFileSync("unshare", ["-n", "ip", "-batch", "-"], {
				input: `link add p0 type veth peer name p1\n${program} ${words}\n`,
				stdio: ["pipe", "ignore", "ignore"],
				timeout: 10_000,
			});
			return false;
		} catch {
			return true;
		}
	});
}

/** Kinds that cannot be made by their name alone: object of ip, and the rest of the command. */
const probes: Readonly<Record<string, readonly [string, string]>> = {
	tun: ["tuntap", "add probe mode tun"],
	vlan: ["link", "add link p0 name probe type vlan id 5"],
	macvlan: ["link", "add link p0 name probe type macvlan"],
	ipvlan: ["link", "add link p0 name probe type ipvlan"],
	vrf: ["link", "add probe type vrf table 5"],
	vxlan: ["link", "add probe type vxlan id 5 dstport 4789"],
	geneve: ["link", "add probe type geneve id 5 remote 192.0.2.1"],
	ipip: ["link", "add probe type ipip remote 192.0.2.1"],
	gre: ["link", "add probe type gre remote 192.0.2.1"],
	vti: ["link", "add probe type vti remote 192.0.2.1 key 5"],
};

/** Builds a scenario in a namespace of its own and reads it on both sides. */
export function recordHere(scenario: Scenario): Recording {
	const words = ["-n", process.execPath, "--import", "tsx", recorder, "record"];
	return JSON.parse(
		execFileSync("unshare", words, {
			input: JSON.stringify(scenario),
			encoding: "utf8",
			maxBuffer: 64 * 1024 * 1024,
			timeout: 90_000,
		}),
	) as Recording;
}
