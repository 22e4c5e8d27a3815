import { targetOf } from "../src/cli/image-source.ts";
import { buildImage } from "../src/image/index.ts";
import { host, type Step } from "../src/rescue/index.ts";
import { startVictim } from "../src/vm/index.ts";
import { noVictim, rescueOptions } from "../test/vm/lab.ts";
import type { Benchmark, Frame } from "./frame/frame.ts";

/** MiB that victims have, the largest first; the first that is not rescued ends it. */
const sizes = [2048, 512, 384, 320, 256];

/** From connect to proof on a real Debian 12 that runs under software emulation, and with how little memory it works. */
const memory: Benchmark = {
	name: "rescue/memory",
	async run(frame) {
		const lacking = await noVictim();
		if (lacking !== "") frame.leaveOut(lacking);
		const rows = [
			"| memory | connect to staged | jump to proof | whole | what came of it |",
			"| ---: | ---: | ---: | ---: | --- |",
		];
		for (const size of sizes) {
			const { row, rescued } = await rescueOf(frame, size);
			frame.say(row);
			rows.push(row);
			if (!rescued) break;
		}
		frame.record(
			"a healthy bookworm victim by its memory, two processors, software emulation",
			rows.join("\n"),
		);
	},
};

async function rescueOf(
	frame: Frame,
	size: number,
): Promise<{ readonly row: string; readonly rescued: boolean }> {
	const victim = await startVictim({ suite: "bookworm", memory: size, say: frame.say });
	const begin = performance.now();
	const seconds: Partial<Record<Step, number>> = {};
	try {
		const result = await host(
			"root@127.0.0.1",
			await rescueOptions(victim, {
				timeout: 900_000,
				// As the command chooses: with little memory, modules for this machine alone.
				image: async (facts) => {
					const target = targetOf(facts, "auto");
					return (await buildImage(target === undefined ? {} : { target })).image;
				},
				report(event) {
					if (event.event !== "step" || event.state !== "done") return;
					seconds[event.step] = (performance.now() - begin) / 1000;
				},
			}),
		);
		const { stage = 0, jump = 0, prove = 0 } = seconds;
		const { plan, proof } = result;
		const left = plan.checks.find(({ id }) => id === "memory")?.found ?? "";
		const times = [stage, prove - jump, prove].map((each) => `${each.toFixed(0)} s`);
		const failed = proof?.failedUnits.length === 0 ? "" : `, failed: ${proof?.failedUnits}`;
		return {
			row: `| ${size} MiB | ${times.join(" | ")} | rescued${failed} (${left}) |`,
			rescued: true,
		};
	} catch (error) {
		const told = (error as Error).message.replaceAll("\n", " ").replaceAll("|", "/");
		return { row: `| ${size} MiB | | | | ${told} |`, rescued: false };
	} finally {
		await victim.stop();
	}
}

export const benchmarks: readonly Benchmark[] = [memory];
