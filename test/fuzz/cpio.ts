import { EkexecError } from "../../src/bytes/index.ts";
import {
	addToSum,
	type CpioEvent,
	CpioParser,
	headerFields,
	type ParseOptions,
	parseCpio,
	putHeader,
} from "../../src/cpio/index.ts";
import type { Random } from "./frame/random.ts";
import { chunked, type FuzzTarget } from "./frame/target.ts";

/** What a parse came to, comparable between chunkings. */
interface Outcome {
	readonly events: readonly string[];
	readonly code: string | undefined;
	readonly offset: unknown;
}

function outcome(events: () => Iterable<CpioEvent>): Outcome {
	const told: string[] = [];
	let data = 0;
	let sum = 0;
	try {
		for (const event of events()) {
			if (event.type === "data") {
				data += event.bytes.length;
				sum = addToSum(sum, event.bytes);
			} else if (event.type === "entry") {
				told.push(`entry ${event.entry.offset} ${event.entry.name.join()}`);
			} else if (event.type === "fault") {
				const { code, kernel, offset, name, summary, error } = event.fault;
				told.push(`fault ${code} ${kernel} ${offset} ${name.join()} ${summary} ${error.message}`);
			} else told.push(`${event.type} ${data} ${sum}`);
		}
		return { events: told, code: undefined, offset: undefined };
	} catch (error) {
		if (!(error instanceof EkexecError)) throw error;
		return { events: told, code: error.code, offset: error.details.offset };
	}
}

function* pushed(chunks: readonly Uint8Array[], options: ParseOptions): Generator<CpioEvent> {
	const parser = new CpioParser(options);
	for (const chunk of chunks) {
		parser.push(chunk);
		for (let event = parser.next(); event !== undefined; event = parser.next()) yield event;
		if (parser.rest.length > 0) return;
	}
	parser.end();
	for (let event = parser.next(); event !== undefined; event = parser.next()) yield event;
}

/** An archive put together field by field, each of which may be wrong. */
function make(random: Random): Uint8Array {
	const parts: Uint8Array[] = [];
	let offset = 0;
	const add = (bytes: Uint8Array) => {
		parts.push(bytes);
		offset += bytes.length;
	};
	for (let left = random.below(6); left >= 0; left--) {
		const name =
			left === 0
				? "TRAILER!!!"
				: random.pick(["a", "a/b", ".", "../x", "/etc/x", "\u00e4".repeat(9)]);
		const bytes = new TextEncoder().encode(name);
		const size = left === 0 && !random.chance(8) ? 0 : random.below(40);
		const header: Record<string, number> = Object.fromEntries(
			headerFields.map((field) => [field, 0]),
		);
		header.namesize = bytes.length + 1;
		header.filesize = size;
		header.mode = random.pick([
			0o100644, 0o100644, 0o40755, 0o120777, 0o20600, 0o10600, 0, 0o170000,
		]);
		if (random.chance(12)) header[random.pick(headerFields)] = random.u32();
		const head = new Uint8Array(110);
		putHeader(head, 0, random.chance(3) ? "crc" : "newc", header as never);
		add(head);
		add(bytes);
		add(new Uint8Array(1 + ((4 - ((offset + 1) % 4)) % 4)));
		const data = random.bytes(size);
		if (random.chance(8)) data.fill(0, 0, 1);
		add(data);
		add(new Uint8Array((4 - (offset % 4)) % 4));
	}
	return Buffer.concat(parts);
}

export const targets: readonly FuzzTarget[] = [
	{
		name: "cpio/parse",
		make,
		run(input, random) {
			const way = () => (random.chance(2) ? "error" : "event");
			const options = { foreign: way(), faults: way() } as const;
			const whole = outcome(() => parseCpio(input, options));
			const pieces = outcome(() => pushed(chunked(input, random), options));
			if (JSON.stringify(whole) !== JSON.stringify(pieces)) {
				throw new Error(`chunking changes the outcome: ${JSON.stringify([whole, pieces])}`);
			}
		},
	},
];
