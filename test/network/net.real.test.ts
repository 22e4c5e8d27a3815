import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Network, Plan } from "../../src/network/index.ts";
import { find, missing } from "../support/programs.ts";
import { disagreements, type IpJson, ipCommands } from "./ip-json.ts";
import { scenarios } from "./scenarios/list.ts";

const ip = find("ip") ?? "ip";
const root = fileURLToPath(new URL("../../", import.meta.url));
const lacking =
	missing("ip") || (process.getuid?.() === 0 ? "" : "needs root, for network namespaces");

/** What a kernel without a kind of link, or without nexthop objects, says. */
const unable = /Unknown device type|not supported|Invalid argument|File exists/;

describe.skipIf(lacking)(`ekexec net in network namespaces ${lacking}`, () => {
	const namespaces: string[] = [];
	let folder: string;
	beforeAll(() => {
		folder = mkdtempSync(join(tmpdir(), "ekexec-net-"));
	});
	afterAll(() => {
		for (const name of namespaces) spawnSync(ip, ["netns", "delete", name]);
		rmSync(folder, { recursive: true, force: true });
	});

	/** A namespace with three pairs of veth for cards. */
	function namespace(): string {
		const name = `ekexec-${process.pid}-${namespaces.length}`;
		execFileSync(ip, ["netns", "add", name]);
		namespaces.push(name);
		const lines = ["link set dev lo up"];
		for (const n of [1, 2, 3]) {
			lines.push(`link add enp${n}s0 type veth peer name far${n}`, `link set dev far${n} up`);
		}
		execFileSync(ip, ["-n", name, "-batch", "-"], { input: lines.join("\n") });
		return name;
	}

	function ekexec(name: string, args: readonly string[], env: Record<string, string> = {}) {
		const command = [
			"netns",
			"exec",
			name,
			process.execPath,
			"--import",
			"tsx",
			join(root, "src/cli/main.ts"),
			...args,
		];
		return spawnSync(ip, command, {
			cwd: root,
			encoding: "utf8",
			env: { PATH: process.env.PATH ?? "", ...env },
			maxBuffer: 64 * 1024 * 1024,
		});
	}

	const usable = scenarios.filter(({ lease }) => lease === undefined);

	test.for(usable)("agrees with ip -json -details: $name", (scenario, context) => {
		const name = namespace();
		const make = (lines: readonly string[], ...options: string[]) =>
			spawnSync(ip, [...options, "-n", name, "-batch", "-"], {
				input: lines.join("\n"),
				encoding: "utf8",
			});
		let built = make(scenario.build);
		if (built.status === 0) built = make(scenario.build6 ?? [], "-6");
		if (built.status === 0 && scenario.bridge !== undefined) {
			const args = ["-n", name, "-batch", "-"];
			const input = scenario.bridge.join("\n");
			built = spawnSync(find("bridge") ?? "bridge", args, { input, encoding: "utf8" });
		}
		if (built.status !== 0) {
			expect(built.stderr).toMatch(unable);
			context.skip(`this kernel cannot: ${built.stderr.split("\n", 1)[0]}`);
		}
		waitForAddresses(name);
		const all: Record<string, object[]> = {};
		for (const [key, args] of ipCommands) {
			const { stdout } = spawnSync(ip, ["-n", name, ...args.split(" ")], { encoding: "utf8" });
			all[key] = [...(all[key] ?? []), ...(JSON.parse(stdout || "[]") as object[])];
		}
		const { stdout, stderr, status } = ekexec(name, ["net", "--json"]);
		expect(stderr).toBe("");
		expect(status).toBe(0);
		expect(disagreements(JSON.parse(stdout) as Network, all as unknown as IpJson)).toEqual([]);
	});

	test("the forms it prints, its files and exit codes", () => {
		const name = namespace();
		execFileSync(ip, ["-n", name, "-batch", "-"], {
			input: [
				"link set dev enp1s0 up",
				"address add 192.0.2.10/24 dev enp1s0",
				"route add default via 192.0.2.1",
			].join("\n"),
		});
		const table = ekexec(name, ["net"]);
		expect(table.stdout).toMatch(/^enp1s0 +veth +up .*192\.0\.2\.10\/24/m);

		const dumped = ekexec(name, ["net", "--emergency", "--dump-network", folder]);
		expect(dumped.status).toBe(0);
		expect(readFileSync(join(folder, "emergency_ips"), "utf8")).toBe("enp1s0;192.0.2.10/24\n");
		expect(readFileSync(join(folder, "emergency_routes"), "utf8")).toBe(
			"192.0.2.0/24;;enp1s0\ndefault;192.0.2.1;enp1s0\n",
		);
		expect(dumped.stdout).toContain("==> emergency_nameservers <==");

		// The only way in is one end of a pair: a container's.
		const login = "198.51.100.7 50000 192.0.2.10 22";
		const refused = ekexec(name, ["net", "--plan", "--json"], { SSH_CONNECTION: login });
		expect(refused.status).toBe(3);
		expect(refused.stderr).toContain("enp1s0, which is left out");
		const plan = JSON.parse(refused.stdout) as Plan;
		expect(plan.refusal?.code).toBe("NETWORK_WAY_BACK");
		expect(ekexec(name, ["net", "--units"], { SSH_CONNECTION: login }).stdout).toBe("");
		expect(ekexec(name, ["net", "--json", "--units"]).status).toBe(2);
	});

	test("diff tells what of the first is missing in the second, and exits with 1", () => {
		const name = namespace();
		const save = (file: string) => {
			const { stdout } = ekexec(name, ["net", "--json"]);
			writeFileSync(join(folder, file), stdout);
			return join(folder, file);
		};
		execFileSync(ip, ["-n", name, "address", "add", "192.0.2.10/24", "dev", "enp1s0"]);
		const one = save("one.json");
		execFileSync(ip, ["-n", name, "address", "add", "192.0.2.11/24", "dev", "enp1s0"]);
		const two = save("two.json");
		expect(ekexec(name, ["net", "diff", one, two])).toMatchObject({ status: 0, stdout: "" });
		expect(ekexec(name, ["net", "diff", two, one])).toMatchObject({
			status: 1,
			stdout: "address 192.0.2.11/24 dev enp1s0: missing\n",
		});
		expect(ekexec(name, ["net", "diff", one, join(folder, "none")]).status).toBe(2);
	});

	function waitForAddresses(name: string): void {
		const deadline = Date.now() + 10_000;
		while (Date.now() < deadline) {
			const { stdout } = spawnSync(ip, ["-n", name, "address", "show"], { encoding: "utf8" });
			if (!stdout.includes("tentative")) return;
			Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
		}
	}
});
