import { dirname } from "node:path";
import { rescueImage } from "../test/vm/lab.ts";
import type { Benchmark, Frame } from "./frame/frame.ts";
import { type Link, makeLink, noLink, type Shape } from "./link/link.ts";
import type { Order } from "./link/operator.ts";

/** From a fast local network to a slow line around half the world, and how often each is measured. */
const shapes: readonly (Shape & { rounds: number })[] = [
	{ rate: 1000, roundTrip: 1, rounds: 5 },
	{ rate: 1000, roundTrip: 100, rounds: 3 },
	{ rate: 100, roundTrip: 100, rounds: 3 },
	{ rate: 10, roundTrip: 100, rounds: 1 },
];

const contestants: readonly { readonly name: string; readonly order: Order }[] = [
	{ name: "the bytes alone, over TCP", order: "tcp" },
	{ name: "ssh TARGET 'cat > FILE', login included", order: "ssh" },
	{ name: "ekexec, from connect to staged", order: "ekexec" },
	{ name: "ekexec --transport openssh", order: "ekexec by ssh" },
];

/** How much of its time over a link a rescue is to blame for. */
const staged: Benchmark = {
	name: "link/staged",
	async run(frame) {
		const reason = noLink();
		if (reason !== "") frame.leaveOut(reason);
		const folder = dirname((await rescueImage()).kernel.path);
		for (const shape of shapes) {
			const link = await makeLink(frame.scratch, shape, folder);
			try {
				await compare(frame, shape, link);
			} finally {
				link.close();
			}
		}
	},
};

async function compare(
	frame: Frame,
	{ rate, roundTrip, rounds }: Shape & { rounds: number },
	link: Link,
): Promise<void> {
	let steps = "";
	let sent = 0;
	await frame.compare(
		`${rate} Mbit/s, ${roundTrip} ms there and back`,
		contestants.map(({ name, order }) => ({
			name,
			run: async () => {
				const before = await link.counters();
				const answer = await link.order(order);
				if (order !== "ekexec") return answer;
				sent = (await link.counters()).sent - before.sent;
				steps = Object.entries(answer.steps)
					.map(([step, ms]) => `${step} ${(ms / 1000).toFixed(1)} s`)
					.join(", ");
				return answer;
			},
		})),
		{
			rounds,
			note: () => `${(sent / 1e6).toFixed(1)} MB on the line. The last run of ekexec: ${steps}.`,
		},
	);
}

export const benchmarks: readonly Benchmark[] = [staged];
