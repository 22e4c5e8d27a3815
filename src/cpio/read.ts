import type { CpioEvent, ParsedEntry, ParseOptions } from "./event.ts";
import { CpioParser } from "./parse.ts";

/** All events of an archive that is whole in memory. Throws as {@link CpioParser.next} does. */
export function* parseCpio(
	bytes: Uint8Array,
	options: ParseOptions = {},
): Generator<CpioEvent, void, void> {
	const parser = new CpioParser(options);
	parser.push(bytes);
	parser.end();
	for (let event = parser.next(); event !== undefined; event = parser.next()) yield event;
}

/** An entry of an archive in memory, with its data: a view into the archive. */
export interface ReadEntry extends ParsedEntry {
	readonly data: Uint8Array;
}

/**
 * The entries of an archive that is whole in memory, in its order, without copying their data. Archives that follow
 * one another are read as one. Throws as {@link CpioParser.next} does.
 */
export function* readCpio(
	bytes: Uint8Array,
	options: ParseOptions = {},
): Generator<ReadEntry, void, void> {
	const base = options.offset ?? 0;
	for (const event of parseCpio(bytes, options)) {
		if (event.type !== "end") continue;
		const { entry } = event;
		const start = entry.dataOffset - base;
		yield { ...entry, data: bytes.subarray(start, start + entry.filesize) };
	}
}
