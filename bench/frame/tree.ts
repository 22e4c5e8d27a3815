import { createHash } from "node:crypto";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What a tree came to. */
export interface Tree {
	readonly path: string;
	readonly files: number;
	readonly bytes: number;
}

/** A rescue tree in outline: folder, how many files, their mean size, what they are like. */
const outline = [
	["usr/bin", 420, 90_000, "code"],
	["usr/sbin", 240, 110_000, "code"],
	["usr/lib/x86_64-linux-gnu", 330, 250_000, "code"],
	["usr/lib/systemd", 150, 180_000, "code"],
	["usr/lib/modules/6.1.0/kernel/drivers/net", 500, 70_000, "code"],
	["usr/lib/modules/6.1.0/kernel/drivers/scsi", 260, 80_000, "code"],
	["usr/lib/modules/6.1.0/kernel/fs", 220, 90_000, "code"],
	["usr/lib/firmware", 90, 110_000, "noise"],
	["usr/lib/systemd/system", 420, 900, "text"],
	["usr/lib/udev/rules.d", 130, 2500, "text"],
	["usr/share/terminfo", 240, 1200, "text"],
	["usr/share/zoneinfo", 600, 1400, "text"],
	["etc", 400, 2200, "text"],
] as const;

/** Bytes that are the same everywhere and for ever: xorshift32. */
function generator(seed: number): () => number {
	let state = seed;
	return () => {
		state ^= state << 13;
		state ^= state >>> 17;
		state ^= state << 5;
		return state >>> 0;
	};
}

/**
 * Machine code has few opcodes, often the same operands, and addresses that are noise; text has words. Both shrink to
 * about 30 % with xz, as real programs do.
 */
function* content(random: () => number, kind: "code" | "text" | "noise", size: number) {
	const bytes = Buffer.allocUnsafe(size + 64);
	let at = 0;
	while (at < size) {
		const dice = random();
		if (kind === "noise") {
			bytes.writeUInt32LE(dice, at);
			at += 4;
		} else if (kind === "text") {
			const word = words[Math.floor(((dice % 4096) * ((dice >>> 12) % 4096)) / 65536)] ?? "";
			at += bytes.write(word, at, "latin1");
		} else if (dice % 7 === 0 && at > 64) {
			// What was written a little before comes again: idioms of the compiler.
			const back = 64 + ((dice >>> 3) % Math.min(at - 63, 60_000));
			const length = Math.min(size + 64 - at, 12 + ((dice >>> 20) % 48));
			bytes.copyWithin(at, Math.max(0, at - back), Math.max(0, at - back) + length);
			at += length;
		} else {
			// The product of two even dice: some instructions come up far more often than others.
			const pick = Math.floor(((dice % 4096) * ((dice >>> 12) % 4096)) / 8192);
			bytes.set(instructions.subarray(8 * pick, 8 * pick + 8), at);
			at += 3 + (pick % 5);
			if (dice >>> 29 < 1) {
				bytes.writeUInt16LE(random() % 65536, at);
				at += 2;
			}
		}
	}
	yield bytes.subarray(0, size);
}

const instructions = Buffer.alloc(8 * 2048);
const dice = generator(7);
for (let at = 0; at < instructions.length; at += 4) instructions.writeUInt32LE(dice(), at);
const words = Array.from({ length: 256 }, (_, i) => {
	const length = 2 + (dice() % 9);
	const letters = Array.from({ length }, () => String.fromCharCode(97 + (dice() % 26)));
	return `${letters.join("")}${i % 9 === 0 ? "\n" : i % 5 === 0 ? "=" : " "}`;
});

/** Writes the tree, 4,000 files and 250 MB, the same bytes each time, with links as a merged /usr has them. */
export function makeTree(path: string): Tree {
	const random = generator(20_240_607);
	let files = 0;
	let bytes = 0;
	for (const [folder, count, mean, kind] of outline) {
		mkdirSync(join(path, folder), { recursive: true });
		for (let i = 0; i < count; i++) {
			// From a tenth of the mean to three times as much, small ones more often.
			const share = (random() % 1000) / 1000;
			const size = Math.floor(mean * (0.1 + 2.64 * share * share)) + (i % 7);
			const name = createHash("sha1")
				.update(`${folder}/${i}`)
				.digest("hex")
				.slice(0, 6 + (i % 20));
			const [data] = content(random, kind, size);
			writeFileSync(join(path, folder, name), data ?? "", {
				mode: folder.endsWith("bin") ? 0o755 : 0o644,
			});
			files += 1;
			bytes += size;
			if (i % 16 === 0) symlinkSync(name, join(path, folder, `${name}.link`));
		}
	}
	for (const folder of ["bin", "sbin", "lib"]) symlinkSync(`usr/${folder}`, join(path, folder));
	return { path, files, bytes };
}
