import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EkexecError } from "../../src/bytes/index.ts";
import {
	DumpParser,
	decodeSnapshot,
	encodeMessage,
	type ObjectKind,
	parseIp,
	readSnapshot,
	showIp,
} from "../../src/netlink/index.ts";
import { Build } from "../netlink/build.ts";
import type { Random } from "./frame/random.ts";
import { chunked, type FuzzTarget } from "./frame/target.ts";

/** What came of a dump, comparable between chunkings. */
function outcome(chunks: readonly Uint8Array[]): string {
	const objects: [ObjectKind, unknown][] = [];
	const others: unknown[] = [];
	let ending: unknown;
	try {
		const parser = new DumpParser({
			object: (kind, object) => objects.push([kind, object]),
			other: (message) => others.push(message),
		});
		for (const chunk of chunks) parser.push(chunk);
		ending = parser.end();
	} catch (error) {
		if (!(error instanceof EkexecError)) throw error;
		ending = [error.code, error.details.field];
	}
	return show([objects, others, ending]);
}

/** Every object that was understood can be written, and is understood again as the same. */
function rewrite(input: Uint8Array): void {
	const written: [ObjectKind, unknown][] = [];
	const parser = new DumpParser({
		object(kind, object) {
			const sample = encodeMessage(kind, object as never, { endian: "little" });
			const again = new DumpParser({
				object: (_, copy) => written.push([kind, copy]),
				other: () => {},
			});
			again.push(sample);
			const copy = written.at(-1)?.[1];
			if (show(copy) !== show(object)) throw new Error(`${kind}: ${show(object)} ${show(copy)}`);
		},
		other: () => {},
	});
	parser.push(input);
}

function show(value: unknown): string {
	return JSON.stringify(value, (_, member) => {
		if (typeof member === "bigint") return String(member);
		if (member instanceof Uint8Array) return [...member];
		return isRecord(member) ? Object.fromEntries(Object.entries(member).sort(byName)) : member;
	});
}

const isRecord = (value: unknown): value is object =>
	typeof value === "object" && value !== null && !Array.isArray(value);
const byName = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);

const types: readonly [number, ...number[]] = [16, 16, 20, 24, 24, 28, 32, 104, 2, 3, 1, 4, 36];

/** Messages whose lengths mostly fit, of attributes whose lengths mostly fit. */
function make(random: Random): Uint8Array {
	const build = new Build(random.chance(4) ? "big" : "little");
	const attributes = (body: Build, depth: number): void => {
		for (let left = random.below(5); left > 0; left--) {
			const type = random.below(45) + (random.chance(20) ? random.below(0xffff - 45) : 0);
			body.attribute(type, (payload) => {
				if (depth < 4 && random.chance(2)) attributes(payload, depth + 1);
				else
					payload.u8(...random.bytes(random.pick([0, 1, 2, 4, 4, 4, 8, 16, 6, random.below(40)])));
			});
		}
		if (random.chance(30)) body.u8(...random.bytes(random.below(8)));
	};
	for (let left = random.below(5); left > 0; left--) {
		const type = random.pick(types);
		build.message(type, random.pick([2, 2, 2, 0x12, 0x202, 0x302]), (body) => {
			body.u8(random.pick([0, 2, 7, 10, 28, 128]), ...random.bytes(7));
			body.u8(...random.bytes(random.pick([0, 4, 4, 8, 8])));
			attributes(body, 0);
		});
	}
	if (!random.chance(5)) build.done();
	return build.bytes;
}

function recordings(): readonly Uint8Array[] {
	const folder = fileURLToPath(new URL("../../fixtures/netlink/debian-6.1/", import.meta.url));
	if (!existsSync(folder)) return [];
	return readdirSync(folder)
		.filter((file) => file.endsWith(".netlink"))
		.sort()
		.map((file) => readFileSync(join(folder, file)));
}

export const targets: readonly FuzzTarget[] = [
	{
		name: "netlink/dump",
		make,
		fixtures: (path) => path.endsWith(".dump"),
		// The dumps within the recordings, each for itself.
		seeds: () =>
			recordings().flatMap((file) => Object.values(readSnapshot(file)).map(({ bytes }) => bytes)),
		run(input, random) {
			const whole = outcome([input]);
			const pieces = outcome(chunked(input, random));
			if (whole !== pieces) throw new Error(`chunking changes the outcome: ${whole} ${pieces}`);
			rewrite(input);
		},
	},
	{
		name: "netlink/snapshot",
		fixtures: (path) => path.endsWith(".netlink"),
		run(input) {
			decodeSnapshot(readSnapshot(input));
		},
	},
	{
		name: "netlink/ip",
		seeds: () =>
			["192.0.2.1", "2001:db8::1", "::ffff:1.2.3.4", "hex:00ff"].map((each) => Buffer.from(each)),
		run(input) {
			const bytes = parseIp(Buffer.from(input).toString("latin1"));
			const again = parseIp(showIp(bytes, 0, bytes.length));
			if (Buffer.compare(bytes, again) !== 0) throw new Error("shown otherwise than read");
		},
	},
];
