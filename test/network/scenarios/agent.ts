// Runs inside the virtual machine, as the only program beside the kernel's own: makes each network in a
// namespace, reads it, compares with `ip`, plans, wipes, lets systemd-networkd apply the units, and reads again.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
	appendFileSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
// By file: the room as a whole needs packages that are not in the guest.
import { HelperClient } from "../../../src/kexec/client.ts";
import { Evidence } from "../../../src/kexec/facts/evidence.ts";
import { networkSources, rawNetwork } from "../../../src/kexec/facts/network.ts";
import { helperStream } from "../../../src/kexec/stream.ts";
import { writeSnapshot } from "../../../src/netlink/index.ts";
import {
	diffNetworks,
	type Network,
	type Plan,
	parseSshConnection,
	planNetwork,
	type RawNetwork,
	renderUnits,
	snapshot,
} from "../../../src/network/index.ts";
import {
	disagreements,
	type IpJson,
	ipCommands,
	type VlanJson,
	vlanDisagreements,
} from "../ip-json.ts";
import { type Scenario, scenarios } from "./list.ts";

/** What the test on the other side of the serial line gets, a line of JSON a scenario. */
export interface Outcome {
	readonly name: string;
	/** The agent itself failed: with what. */
	readonly error?: string;
	/** Fields in which `ip -json -details` and the model differ. */
	readonly disagreements: readonly string[];
	readonly refusal?: string;
	/** Links left out. */
	readonly leftOut: readonly string[];
	/** What of the plan systemd-networkd did not bring, or brought otherwise. */
	readonly lost: readonly string[];
	/** What is there that was not planned. */
	readonly added: readonly string[];
	/** Complaints of systemd-networkd. */
	readonly complaints: readonly string[];
	/** Nameservers of the plan, and where they were found. */
	readonly nameservers: readonly string[];
	readonly milliseconds: number;
}

/** What CAPTURE=1 keeps of a scenario, for fixtures. */
export interface Capture {
	readonly name: string;
	readonly login: string;
	/** `writeSnapshot` of the dumps, base64. */
	readonly dumps: string;
	/** Files and symbolic links that were read, by path. */
	readonly files: Readonly<Record<string, string>>;
	readonly symlinks: Readonly<Record<string, string>>;
	/** Text of `ip a`, `ip r`, `ip -6 r`. */
	readonly ip: readonly [string, string, string];
}

const units = "/run/systemd/network";
const port = "/dev/ttyS1";

/** Cards of the guest, and of the other end, by the last byte of their MACs. */
const cards = [1, 2, 3].map((n) => ({ mac: `52:54:00:00:00:0${n}`, name: `enp${n}s0` }));
const farCard = "52:54:00:00:01:01";

function ip(...args: string[]): string {
	return execFileSync("/bin/ip", args, { encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
}

function batch(namespace: string, lines: readonly string[], ...options: string[]): void {
	execFileSync("/bin/ip", [...options, "-n", namespace, "-batch", "-"], {
		input: `${lines.join("\n")}\n`,
		encoding: "utf8",
	});
}

const bridge =
	(...args: string[]) =>
	(lines: readonly string[]): string =>
		execFileSync("/bin/bridge", args, { input: `${lines.join("\n")}\n`, encoding: "utf8" });

interface IpLink {
	readonly ifname: string;
	readonly address: string;
}

interface Card {
	readonly mac: string;
	/** Name that it gets. */
	readonly name: string;
}

/** Moves cards into a namespace, under their names, in the state in which a kernel finds them. */
function moveCards(namespace: string, wanted: readonly Card[]): void {
	const links = JSON.parse(ip("-json", "link", "show")) as IpLink[];
	const lines = wanted.flatMap(({ mac, name }) => {
		const link = links.find((each) => each.address === mac);
		if (link === undefined) throw new Error(`no card ${mac}: ${JSON.stringify(links)}`);
		return [
			`link set dev ${link.ifname} mtu 1500`,
			`link set dev ${link.ifname} netns ${namespace} name ${name}`,
		];
	});
	execFileSync("/bin/ip", ["-batch", "-"], { input: lines.join("\n") });
}

async function cardsAreBack(macs: readonly string[]): Promise<void> {
	for (let turn = 0; turn < 300; turn++) {
		const links = JSON.parse(ip("-json", "link", "show")) as IpLink[];
		if (macs.every((mac) => links.some((each) => each.address === mac))) return;
		await sleep(100);
	}
	throw new Error("the cards did not come back from a namespace");
}

/** Removes a namespace; cards with foreign names or addresses get theirs back. */
async function removeNamespace(name: string, macs: readonly string[]): Promise<void> {
	// A bond's or bridge's address on a card would hide it from us.
	const links = JSON.parse(ip("-n", name, "-json", "link", "show")) as (IpLink & {
		permaddr?: string;
		master?: string;
	})[];
	const lines = links
		.filter((link) => link.permaddr !== undefined)
		.flatMap((link) => [
			...(link.master === undefined ? [] : [`link set dev ${link.ifname} nomaster`]),
			`link set dev ${link.ifname} down`,
			`link set dev ${link.ifname} address ${link.permaddr}`,
		]);
	if (lines.length > 0) batch(name, lines);
	ip("netns", "delete", name);
	await cardsAreBack(macs);
}

async function read(namespace: string): Promise<RawNetwork> {
	const child = spawn("/bin/ip", [
		"netns",
		"exec",
		namespace,
		"/app/src/kexec/helper/bin/helper-x86_64",
		"probe",
	]);
	const exit = new Promise<number | undefined>((resolve) =>
		child.on("exit", (code) => resolve(code ?? undefined)),
	);
	const client = await HelperClient.open(helperStream({ ...child, exit }));
	const answers = await client.probe(networkSources());
	const raw = rawNetwork(evidenceOf(answers));
	client.close();
	return raw;
}

function evidenceOf(answers: ConstructorParameters<typeof Evidence>[0]): Evidence {
	return new Evidence(answers);
}

/** Waits until no address is tentative any more. */
async function settle(namespace: string): Promise<void> {
	for (let turn = 0; turn < 60; turn++) {
		if (!ip("-n", namespace, "address", "show").includes("tentative")) return;
		await sleep(300);
	}
	throw new Error("addresses stay tentative");
}

function networkd(namespace: string, log: string[]): ChildProcess {
	// Not by `ip netns exec`, which mounts a writable /sys.
	const enter = ["nsenter", `--net=/run/netns/${namespace}`, "/lib/systemd/systemd-networkd"];
	const child = spawn("/bin/busybox", enter, {
		env: { SYSTEMD_LOG_LEVEL: process.env.NETWORKD_LOG ?? "info", SYSTEMD_LOG_TARGET: "console" },
		stdio: ["ignore", "pipe", "pipe"],
	});
	for (const stream of [child.stdout, child.stderr]) {
		stream?.setEncoding("utf8").on("data", (text: string) => log.push(...text.split("\n")));
	}
	return child;
}

async function stop(child: ChildProcess): Promise<void> {
	if (child.exitCode !== null) return;
	const gone = new Promise((resolve) => child.once("exit", resolve));
	child.kill("SIGTERM");
	const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
	await gone;
	clearTimeout(timer);
}

function writeUnits(files: readonly { readonly name: string; readonly content: string }[]): void {
	rmSync(units, { recursive: true, force: true });
	mkdirSync(units, { recursive: true });
	for (const { name, content } of files) writeFileSync(`${units}/${name}`, content);
}

/** A DHCP server on the far end of the first card, and a client on the near one: both systemd-networkd. */
async function lease(): Promise<() => Promise<void>> {
	ip("netns", "add", "far");
	moveCards("far", [{ mac: farCard, name: "far0" }]);
	const log: string[] = [];
	writeUnits([
		{
			name: "10-far.network",
			content: `[Match]
Name=far0
[Network]
Address=10.77.0.1/24
DHCPServer=yes
IPv6SendRA=yes
[DHCPServer]
PoolOffset=50
PoolSize=1
DNS=10.77.0.53
EmitDNS=yes
EmitRouter=yes
Timezone=UTC
[IPv6SendRA]
EmitDNS=no
[IPv6Prefix]
Prefix=2001:db8:77::/64
`,
		},
	]);
	const server = networkd("far", log);
	await until(
		"the DHCP server's address",
		() => ip("-n", "far", "address", "show").includes("10.77.0.1"),
		log,
	);
	rmSync("/run/systemd/netif", { recursive: true, force: true });
	writeUnits([
		{
			name: "10-near.network",
			content:
				"[Match]\nName=enp1s0\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=yes\n[DHCPv4]\nClientIdentifier=mac\n",
		},
	]);
	const near = networkd("host", log);
	await until("a lease", () => ip("-n", "host", "address", "show").includes("10.77.0.50"), log);
	await until("its route", () => ip("-n", "host", "route", "show").includes("default"), log);
	await until(
		"an address of the router's prefix",
		() => ip("-n", "host", "address", "show").includes("2001:db8:77:"),
		log,
	);
	// Killed, not stopped: the lease stays, as on a host where the client runs.
	near.kill("SIGKILL");
	return async () => {
		await stop(server);
		rmSync("/run/systemd/netif", { recursive: true, force: true });
		await removeNamespace("far", [farCard]);
	};
}

async function until(
	what: string,
	condition: () => boolean,
	log: readonly string[],
): Promise<void> {
	for (let turn = 0; turn < 150; turn++) {
		if (condition()) return;
		await sleep(200);
	}
	throw new Error(`no ${what}: ${log.join("\n")}`);
}

async function build(scenario: Scenario): Promise<() => Promise<void>> {
	ip("netns", "add", "host");
	ip("-n", "host", "link", "set", "dev", "lo", "up");
	moveCards("host", cards);
	batch("host", scenario.build);
	batch("host", scenario.build6 ?? [], "-6");
	if (scenario.bridge !== undefined) bridge("-n", "host", "-batch", "-")(scenario.bridge);
	const cleanUp = scenario.lease ? await lease() : async () => {};
	await settle("host");
	return cleanUp;
}

const tell = (differences: ReturnType<typeof diffNetworks>) =>
	differences.map((each) =>
		[
			each.what,
			each.name,
			each.change,
			each.field,
			JSON.stringify(each.before),
			JSON.stringify(each.after),
		]
			.filter((word) => word !== undefined)
			.join(" "),
	);

async function run(scenario: Scenario): Promise<Outcome> {
	const started = Date.now();
	const macs = cards.map((each) => each.mac);
	const cleanUp = await build(scenario);
	const raw = await read("host");
	const before = snapshot(raw, "guest");
	const json = Object.fromEntries(
		["links", "addresses", "routes", "rules", "nexthops"].map((key) => [
			key,
			ipCommands
				.filter(([name]) => name === key)
				.flatMap(
					([, args]) => JSON.parse(ip("-n", "host", ...args.split(" ")) || "[]") as object[],
				),
		]),
	) as unknown as IpJson;
	const vlans = JSON.parse(bridge("-n", "host", "-json", "vlan", "show")([]) || "[]") as VlanJson[];
	const plan = planNetwork(before, {
		connection: parseSshConnection(scenario.login),
		keep: scenario.keep ?? [],
	});
	keep(scenario, raw);
	await removeNamespace("host", macs);

	const { after, complaints } = await apply(plan, scenario);
	await removeNamespace("rescue", macs);
	// Server and router were there all the time: what they offer must not have been taken again.
	await cleanUp();
	return {
		name: scenario.name,
		disagreements: [...disagreements(before, json), ...vlanDisagreements(before, vlans)],
		...(plan.refusal === undefined ? {} : { refusal: plan.refusal.message }),
		leftOut: plan.leftOut.filter(({ what }) => what === "link").flatMap(({ examples }) => examples),
		lost: tell(diffNetworks(planned(plan), after)),
		added: tell(diffNetworks(withoutIdleCards(after, plan), planned(plan))),
		complaints,
		nameservers: [...before.resolver.servers, before.resolver.source],
		milliseconds: Date.now() - started,
	};
}

/** Nameservers go to resolv.conf, which nobody writes here. */
function planned(plan: Plan): Network {
	return { ...plan.network, resolver: { ...plan.network.resolver, servers: [] } };
}

/** Cards that the plan does not carry are there all the same, down. */
function withoutIdleCards(network: Network, plan: Plan): Network {
	const known = new Set(plan.network.links.map((link) => link.name));
	return {
		...network,
		resolver: { ...network.resolver, servers: [] },
		links: network.links.filter((link) => known.has(link.name) || link.flags.includes("up")),
	};
}

/** Lets systemd-networkd apply a plan in a fresh namespace, until it is there or has had its time. */
async function apply(
	plan: Plan,
	scenario: Scenario,
): Promise<{ after: Network; complaints: string[] }> {
	ip("netns", "add", "rescue");
	ip("-n", "rescue", "link", "set", "dev", "lo", "up");
	// Names as udev gives them by the .link files.
	const named = cards.map(({ mac, name }) => ({
		mac,
		name: plan.matches.find((each) => each.permanentMac === mac)?.name ?? name,
	}));
	moveCards("rescue", named);
	const files = renderUnits(plan);
	writeUnits(files);
	const log: string[] = [];
	const child = networkd("rescue", log);
	let after: Network;
	const deadline = Date.now() + 25_000;
	for (;;) {
		await sleep(600);
		after = snapshot(await read("rescue"), "guest");
		if (diffNetworks(planned(plan), after).length === 0 || Date.now() > deadline) break;
	}
	await stop(child);
	if (Date.now() > deadline) {
		const units = files.map(({ name, content }) => `${name}\n${content}`).join("\n");
		appendFileSync(port, `# ${scenario.name}\n${units}\n${log.join("\n")}\n`);
	}
	const complaints = log.filter((line) => /fail|ignor|invalid|could not|unknown/i.test(line));
	return { after, complaints };
}

function keep(scenario: Scenario, raw: RawNetwork): void {
	if (process.env.CAPTURE === undefined) return;
	const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
	const capture: Capture = {
		name: scenario.name,
		login: scenario.login,
		dumps: Buffer.from(writeSnapshot(raw.dumps)).toString("base64"),
		files: Object.fromEntries([...raw.files].map(([path, bytes]) => [path, decode(bytes)])),
		symlinks: Object.fromEntries(raw.symlinks),
		ip: [ip("-n", "host", "a"), ip("-n", "host", "r"), ip("-n", "host", "-6", "r")],
	};
	send({ capture });
}

function send(value: object): void {
	appendFileSync(port, `${JSON.stringify(value)}\n`);
}

/** The guest has no udev and no init: modules, file systems and names are made here. */
function prepare(): void {
	const mount = (type: string, place: string, options = "rw") => {
		mkdirSync(place, { recursive: true });
		execFileSync("/bin/busybox", ["mount", "-t", type, "-o", options, type, place]);
	};
	mount("proc", "/proc");
	mount("sysfs", "/sys");
	mount("devtmpfs", "/dev");
	for (const module of readFileSync("/modules/order", "utf8").trim().split("\n")) {
		execFileSync("/bin/busybox", [
			"insmod",
			`/modules/${module}`,
			...(module.startsWith("bonding")
				? ["max_bonds=0"]
				: module.startsWith("dummy")
					? ["numdummies=0"]
					: []),
		]);
	}
	// Else every namespace begins with a gre0, a tunl0, a sit0.
	writeFileSync("/proc/sys/net/core/fb_tunnels_only_for_init_net", "1");
	// systemd-networkd takes a read-only /sys for a container's, where no udev tells it of devices.
	execFileSync("/bin/busybox", ["mount", "-o", "remount,ro", "/sys"]);
	ip("link", "set", "dev", "lo", "up");
}

async function main(): Promise<void> {
	prepare();
	await cardsAreBack([...cards.map((each) => each.mac), farCard]);
	const only = process.env.ONLY;
	for (const scenario of scenarios) {
		if (only !== undefined && !new RegExp(only).test(scenario.name)) continue;
		try {
			send({ outcome: await run(scenario) });
		} catch (error) {
			const told = error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
			const outcome: Outcome = {
				name: scenario.name,
				error: told,
				disagreements: [],
				leftOut: [],
				lost: [],
				added: [],
				complaints: [],
				nameservers: [],
				milliseconds: 0,
			};
			send({ outcome });
			for (const name of readdirSync("/run/netns").filter((each) => each !== "")) {
				await removeNamespace(name, []).catch(() => {});
			}
			await cardsAreBack([...cards.map((each) => each.mac), farCard]).catch(() => {});
		}
	}
	send({ done: true });
	execFileSync("/bin/busybox", ["poweroff", "-f"]);
}

await main();
