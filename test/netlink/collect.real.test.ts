import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { decodeSnapshot, readSnapshot } from "../../src/netlink/index.ts";
import { compareWithIp } from "../support/ip-json/compare.ts";
import { cannotUnshare, missingKinds, recordHere } from "../support/netlink/namespace.ts";
import { scenarios } from "../support/netlink/scenarios.ts";

const reason = cannotUnshare();

describe.skipIf(reason !== "")(
	`the local socket agrees with ip -json -details${reason && `: ${reason}`}`,
	() => {
		for (const scenario of scenarios) {
			const lacking = reason === "" ? missingKinds(scenario.kinds) : [];
			const name =
				lacking.length === 0
					? scenario.name
					: `${scenario.name}: no ${lacking.join(", ")} in this kernel`;
			test.skipIf(lacking.length > 0)(name, () => {
				const recording = recordHere(scenario);
				expect(recording.refused).toEqual([]);
				expect(recording.unstable).toEqual([]);
				const snapshot = decodeSnapshot(readSnapshot(Buffer.from(recording.raw, "base64")));
				const { differences, fields } = compareWithIp(snapshot, recording.ip);
				expect(differences).toEqual([]);
				// The least that every scenario has: a comparison of nothing would also find no difference.
				expect([...fields]).toEqual(
					expect.arrayContaining([
						"link.ifname",
						"link.flags",
						"address.addr_info.local",
						"route.dst",
						"route.table",
						"rule.priority",
					]),
				);
			});
		}
	},
);

describe.skipIf(reason !== "")(`collect${reason && `: ${reason}`}`, () => {
	const inNamespace = (code: string, input = ""): string =>
		execFileSync(
			"unshare",
			["-n", process.execPath, "--import", "tsx", "--input-type=module", "-e", code],
			{
				encoding: "utf8",
				input,
				timeout: 90_000,
				cwd: new URL("../..", import.meta.url),
			},
		);
	const importing = `import { collect } from ${JSON.stringify(new URL("../../src/netlink/index.ts", import.meta.url).href)};`;

	test("answers all dumps, raw and decoded, and only those asked for", () => {
		const told = inNamespace(`${importing}
			const all = await collect();
			const some = await collect({ only: ["rules"] });
			console.log(JSON.stringify([
				Object.keys(all.raw).sort(), all.snapshot.absent, all.snapshot.links.map((link) => link.ifname),
				Object.keys(some.raw), some.snapshot.rules.length > 0,
			]));`);
		expect(JSON.parse(told)).toEqual([
			expect.arrayContaining(["links", "addresses", "routes", "rules", "neighbours", "proxies"]),
			expect.any(Array),
			["lo"],
			["rules"],
			true,
		]);
	});

	test("what goes on changing is read again, and told as unstable in the end", () => {
		// ip makes and removes a route some ten thousand times while the routes are read, which the kernel never marks.
		const told = inNamespace(`${importing}
			import { execFileSync, spawn } from "node:child_process";
			import { once } from "node:events";
			import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
			import { tmpdir } from "node:os";
			import { join } from "node:path";
			execFileSync("ip", ["link", "set", "lo", "up"]);
			// From a file, so that ip never waits for this process, which is busy reading.
			const folder = mkdtempSync(join(tmpdir(), "ekexec-churn-"));
			const batch = join(folder, "batch");
			writeFileSync(batch, "route add 10.5.0.0/24 dev lo\\nroute del 10.5.0.0/24 dev lo\\n".repeat(500000));
			const churn = spawn("ip", ["-batch", batch], { stdio: "ignore" });
			let during;
			// On a busy machine ip may not get its turn within a read.
			for (let round = 0; round < 1000; round++) {
				during = await collect({ only: ["routes"], attempts: 3 });
				if (during.snapshot.unstable.length > 0) break;
			}
			churn.kill("SIGKILL");
			rmSync(folder, { recursive: true });
			await once(churn, "exit");
			const after = await collect({ only: ["routes"] });
			console.log(JSON.stringify([during.snapshot.unstable, during.raw.routes.stable, after.snapshot.unstable]));`);
		expect(JSON.parse(told)).toEqual([["routes"], false, []]);
	});

	test("a signal that was given stops it", () => {
		const told = inNamespace(`${importing}
			await collect({ signal: AbortSignal.abort(new Error("enough")) }).catch((error) => console.log(error.message));`);
		expect(told).toBe("enough\n");
	});

	test("leaves nothing that keeps the process alive", async () => {
		const words = [
			"-n",
			process.execPath,
			"--import",
			"tsx",
			"--input-type=module",
			"-e",
			`${importing} await collect();`,
		];
		const child = spawn("unshare", words, {
			stdio: "ignore",
			cwd: new URL("../..", import.meta.url),
		});
		const [code] = await once(child, "exit");
		expect(code).toBe(0);
	});
});
