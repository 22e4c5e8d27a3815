import { type CpioEntry, packCpio, parseCpio } from "../src/cpio/index.ts";
import type { Benchmark } from "./frame/frame.ts";

/**
 * A tree in memory: 4,000 files of 64 kB on average, and 40,000 of 200 bytes. All of them are parts of one buffer, which
 * the processor's caches hold: what is measured is writing and the work per entry.
 */
function entries(count: number, size: number): CpioEntry<never>[] {
	const content = new Uint8Array(2 * size).fill(0x5a);
	return Array.from({ length: count }, (_, i) => ({
		kind: "file",
		name: `usr/lib/folder${i % 200}/file-${i}`,
		content: content.subarray(0, Math.floor((2 * size * ((i * 7919) % count)) / count)),
	}));
}

export const benchmarks: readonly Benchmark[] = [
	{
		name: "cpio/memory",
		async run(frame) {
			for (const [title, count, size] of [
				["large files", 4000, 64_000],
				["small files", 40_000, 200],
			] as const) {
				const tree = entries(count, size);
				const archive = packCpio(tree);
				await frame.compare(
					`in memory, ${title}`,
					[
						{ name: "packCpio", run: () => packCpio(tree) },
						{
							name: "parseCpio",
							run: () => {
								for (const _ of parseCpio(archive));
							},
						},
						{ name: "a copy of the archive, for scale", run: () => archive.slice() },
					],
					{
						bytes: archive.length,
						rounds: 15,
						note: `${count} files of ${size} bytes on average, all of them read from one buffer of ${2 * size} bytes over and over: from caches, that is.`,
					},
				);
			}
		},
	},
];
