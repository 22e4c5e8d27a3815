import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { utf8 } from "../../src/bytes/index.ts";
import { readSnapshot } from "../../src/netlink/index.ts";
import {
	diffNetworks,
	parseSshConnection,
	planNetwork,
	renderEmergency,
	renderUnits,
	snapshot,
} from "../../src/network/index.ts";
import { address, card, network, route } from "./make.ts";
import type { Capture } from "./scenarios/agent.ts";

const folder = fileURLToPath(new URL("../../fixtures/network/", import.meta.url));
const captures = readdirSync(folder).map(
	(file) => JSON.parse(readFileSync(folder + file, "utf8")) as Capture,
);

function networkOf(capture: Capture) {
	return snapshot({
		dumps: readSnapshot(Buffer.from(capture.dumps, "base64")),
		files: new Map(Object.entries(capture.files).map(([path, text]) => [path, utf8(text)])),
		symlinks: new Map(Object.entries(capture.symlinks)),
	});
}

/** The rules of emergency-kexec, from the text of `ip a`: a line per interface, scopes host and link left out. */
function ipsOf(text: string): string {
	const lines: string[][] = [];
	for (const line of text.split("\n")) {
		const head = /^\d+: ([^:@]+)[@:]/.exec(line);
		if (head) lines.push([head[1] ?? ""]);
		const own = /^\s+inet6? ([^\s/]+)(?:\/(\d+)| peer \S+\/(\d+)).* scope (\S+)/.exec(line);
		if (own && own[4] !== "host" && own[4] !== "link") {
			lines.at(-1)?.push(`${own[1]}/${own[2] ?? own[3]}`);
		}
	}
	return `${lines
		.filter((words) => words.length > 1)
		.map((words) => words.join(";"))
		.join("\n")}\n`;
}

/** From the text of `ip r` and `ip -6 r`: target;via;dev, without unreachable and its like, fe80::, lo; links first. */
function routesOf(...texts: string[]): string {
	const lines: { target: string; via: string; dev: string }[] = [];
	let target = "";
	for (const line of texts.join("\n").split("\n")) {
		const words = line.trim().split(/\s+/);
		const after = (word: string) =>
			words.includes(word) ? words[words.indexOf(word) + 1] : undefined;
		if (!/^\s/.test(line)) target = words[0] ?? "";
		if (/^(|unreachable|blackhole|prohibit|throw|fe80::.*)$/.test(target)) continue;
		const dev = after("dev");
		if (dev === undefined || dev === "lo") continue;
		const via = after("via") === "inet6" ? words[words.indexOf("via") + 2] : after("via");
		lines.push({ target, via: via ?? "", dev });
	}
	const direct = lines.filter(({ via }) => via === "");
	const far = lines.filter(({ via }) => via !== "");
	return [...direct, ...far].map(({ target: to, via, dev }) => `${to};${via};${dev}\n`).join("");
}

describe("files of emergency-kexec", () => {
	test("there are captures enough", () => {
		expect(captures.length).toBeGreaterThanOrEqual(10);
	});

	test.each(captures)("from dumps as from what ip printed: $name", (capture) => {
		const files = renderEmergency(networkOf(capture));
		const [a, r, r6] = capture.ip;
		expect(files.emergency_ips).toBe(ipsOf(a));
		expect(files.emergency_routes).toBe(routesOf(r, r6));
	});

	test("nothing but newlines where there is nothing", () => {
		const files = renderEmergency(
			network({ resolver: { servers: [], search: [], options: [], source: "" } }),
		);
		expect(files).toEqual({ emergency_ips: "\n", emergency_routes: "", emergency_nameservers: "" });
	});

	test("the format, by hand", () => {
		const files = renderEmergency(
			network({
				links: [card("eth0", "52:54:00:00:00:01")],
				addresses: [
					address("lo", "127.0.0.1/8", { scope: "host" }),
					address("eth0", "2001:db8::1/64"),
					address("eth0", "192.0.2.10/24"),
					address("eth0", "fe80::1/64"),
				],
				routes: [
					route("default via 192.0.2.1 dev eth0"),
					route("192.0.2.0/24 dev eth0"),
					route("192.0.2.7/32 via 192.0.2.8 dev eth0"),
					route("10.0.0.0/8", { type: "unreachable" }),
					route("fe80::/64 dev eth0"),
					route("10.5.0.0/16 via 192.0.2.9 dev eth0", { table: 100 }),
					route("10.1.0.0/16", {
						hops: [
							{ link: "eth0", gateway: "192.0.2.2", weight: 1 },
							{ link: "eth0", gateway: "192.0.2.3", weight: 1 },
						],
					}),
				],
			}),
		);
		expect(files).toEqual({
			emergency_ips: "eth0;192.0.2.10/24;2001:db8::1/64\n",
			emergency_routes:
				"192.0.2.0/24;;eth0\ndefault;192.0.2.1;eth0\n192.0.2.7;192.0.2.8;eth0\n10.1.0.0/16;192.0.2.2;eth0\n10.1.0.0/16;192.0.2.3;eth0\n",
			emergency_nameservers: "192.0.2.53\n",
		});
	});
});

describe("captured networks", () => {
	test.each(captures)(
		"$name: planned with its login, in units that name every address",
		(capture) => {
			const net = networkOf(capture);
			expect(net.notes).toEqual([]);
			expect(diffNetworks(net, net)).toEqual([]);
			const plan = planNetwork(net, { connection: parseSshConnection(capture.login) });
			expect(plan.refusal).toBeUndefined();
			const text = renderUnits(plan)
				.map((file) => file.content)
				.join("\n");
			for (const each of plan.network.addresses.filter(({ origin }) => origin !== "link-local")) {
				expect(text).toContain(`Address=${each.address}/${each.prefix}`);
			}
			// Planning what was planned changes nothing more.
			expect(planNetwork(plan.network).network.routes).toEqual(plan.network.routes);
		},
	);
});
