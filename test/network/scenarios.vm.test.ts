import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { missing } from "../support/programs.ts";
import { scenarios } from "./scenarios/list.ts";
import { type Answers, networkdPath, runScenarios } from "./scenarios/machine.ts";

const lacking =
	missing("qemu-system-x86_64", "ip", "bridge", "busybox") ||
	(existsSync(networkdPath) ? "" : `not on this machine: ${networkdPath}`);

describe.skipIf(lacking)(`networks given back by systemd-networkd ${lacking}`, () => {
	let folder: string;
	let answers: Answers;

	beforeAll(async () => {
		folder = await mkdtemp(join(tmpdir(), "ekexec-network-"));
		answers = await runScenarios(folder, { timeout: 14 * 60_000 });
	}, 15 * 60_000);
	afterAll(() => rm(folder, { recursive: true, force: true }));

	describe.each(scenarios)("$name", (scenario) => {
		const outcome = () => {
			const found = answers.outcomes.find((each) => each.name === scenario.name);
			expect(found?.error).toBeUndefined();
			if (found === undefined) throw new Error("the agent said nothing about it");
			return found;
		};

		test("read as ip -json -details has it, field by field", () => {
			expect(outcome().disagreements).toEqual([]);
		});

		test("planned with the login, without what belongs to workloads", () => {
			expect(outcome().refusal).toBeUndefined();
			const idle = outcome().leftOut.filter((name) => !/^enp\ds0$/.test(name));
			expect(idle.toSorted()).toEqual([...(scenario.leftOut ?? [])].toSorted());
		});

		test("there again, equal and not more, after systemd-networkd read our units", () => {
			expect(outcome()).toMatchObject({ lost: [], added: [], complaints: [] });
		});
	});

	test("a leased nameserver is found behind the stub", () => {
		const lease = answers.outcomes.find((each) => each.name.startsWith("DHCP lease"));
		expect(lease?.nameservers[0]).toBe("10.77.0.53");
	});
});
