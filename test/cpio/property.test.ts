import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concat, equal } from "../../src/bytes/index.ts";
import {
	type CpioEntry,
	CpioParser,
	packCpio,
	readCpio,
	type WriteOptions,
} from "../../src/cpio/index.ts";

const part = fc
	.oneof(
		fc.constantFrom("a", "b", "etc", "TRAILER!!!", "c-d"),
		fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => String.fromCharCode(...bytes)),
	)
	.map((name) => name.replace(/[/\0]/g, "_").replace(/^\.{1,2}$/, "dots"));
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const attributes = fc.record({
	mode: fc.integer({ min: 0, max: 0o7777 }),
	uid: u32,
	gid: u32,
	mtime: u32,
});
const thing = fc.oneof(
	fc.record({ kind: fc.constant("file" as const), content: fc.uint8Array({ maxLength: 9000 }) }),
	fc.record({
		kind: fc.constant("symlink" as const),
		target: fc.uint8Array({ minLength: 1, maxLength: 50 }).map((t) => t.map((b) => b || 1)),
	}),
	fc.record({
		kind: fc.constantFrom("character" as const, "block" as const),
		major: fc.integer({ min: 0, max: 4095 }),
		minor: fc.integer({ min: 0, max: 1048575 }),
	}),
	fc.record({ kind: fc.constantFrom("fifo" as const, "socket" as const, "directory" as const) }),
);

/** Trees: leaves in directories of a few levels, no name both a directory and something else. */
const tree: fc.Arbitrary<CpioEntry<never>[]> = fc
	.array(fc.tuple(fc.array(part, { maxLength: 3 }), part, thing, attributes), { maxLength: 12 })
	.map((items) => {
		const taken = new Map<string, string>();
		const entries: CpioEntry<never>[] = [];
		for (const [folders, leaf, what, how] of items) {
			const parts = [...folders, leaf];
			const path = parts.join("/");
			const parents = folders.map((_, i) => parts.slice(0, i + 1).join("/"));
			if (
				parts[0] === "TRAILER!!!" ||
				taken.has(path) ||
				parents.some((p) => taken.get(p) === "leaf")
			)
				continue;
			for (const parent of parents) taken.set(parent, "directory");
			taken.set(path, what.kind === "directory" ? "directory" : "leaf");
			const name = Uint8Array.from(path, (c) => c.charCodeAt(0));
			entries.push({ ...what, ...how, name } as CpioEntry<never>);
		}
		return entries;
	});
const options: fc.Arbitrary<WriteOptions> = fc.record({
	format: fc.constantFrom("newc" as const, "crc" as const),
	align: fc.constantFrom(4, 16, 512, 4096),
	block: fc.constantFrom(4, 512),
	sort: fc.boolean(),
});
const key = (name: Uint8Array) => String.fromCharCode(...name);

describe("for any tree", () => {
	test("what is written is read again", () => {
		fc.assert(
			fc.property(tree, options, (entries, how) => {
				const read = new Map([...readCpio(packCpio(entries, how))].map((e) => [key(e.name), e]));
				for (const entry of entries) {
					if (entry.kind === "link") continue;
					const found = read.get(key(entry.name as Uint8Array));
					expect(found).toMatchObject({
						kind: entry.kind,
						uid: entry.uid,
						gid: entry.gid,
						mtime: entry.mtime,
					});
					expect((found?.mode ?? 0) & 0o7777).toBe(entry.mode);
					if (entry.kind === "file")
						expect(equal(found?.data ?? new Uint8Array(0), entry.content as Uint8Array)).toBe(true);
					if (entry.kind === "symlink")
						expect(equal(found?.target ?? new Uint8Array(0), entry.target as Uint8Array)).toBe(
							true,
						);
					if (entry.kind === "character" || entry.kind === "block") {
						expect([found?.rdevmajor, found?.rdevminor]).toEqual([entry.major, entry.minor]);
					}
				}
			}),
			{ numRuns: 150 },
		);
	});

	test("order does not matter, and every parent precedes its children", () => {
		fc.assert(
			fc.property(tree, fc.nat(), (entries, turn) => {
				const cut = entries.length === 0 ? 0 : turn % entries.length;
				const turned = [...entries.slice(cut), ...entries.slice(0, cut)];
				const bytes = packCpio(entries);
				expect(equal(packCpio(turned), bytes)).toBe(true);
				const seen = new Set<string>();
				for (const { name, kind } of readCpio(bytes)) {
					const path = key(name);
					const slash = path.lastIndexOf("/");
					if (slash > 0) expect(seen).toContain(path.slice(0, slash));
					if (kind === "directory") seen.add(path);
				}
			}),
			{ numRuns: 100 },
		);
	});

	test("chunks of any size give the same entries and data", () => {
		fc.assert(
			fc.property(
				tree,
				options,
				fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1 }),
				(entries, how, sizes) => {
					const bytes = packCpio(entries, how);
					const parser = new CpioParser();
					const found: [string, Uint8Array][] = [];
					let parts: Uint8Array[] = [];
					let at = 0;
					for (let i = 0; at < bytes.length; i++) {
						const end = at + (sizes[i % sizes.length] ?? 1);
						// A buffer that is used again, as streams do: nothing may be kept of it but what was copied.
						const chunk = Buffer.from(bytes.subarray(at, end));
						parser.push(chunk);
						for (let event = parser.next(); event; event = parser.next()) {
							if (event.type === "data") parts.push(new Uint8Array(event.bytes));
							if (event.type === "end") {
								found.push([key(event.entry.name), concat(parts)]);
								parts = [];
							}
						}
						chunk.fill(0xee);
						at = end;
					}
					parser.end();
					expect(parser.next()).toBeUndefined();
					const whole = [...readCpio(bytes)].map((e) => [
						key(e.name),
						e.kind === "file" ? e.data : new Uint8Array(0),
					]);
					expect(found).toEqual(
						whole.map(([name, data]) => [name, new Uint8Array(data as Uint8Array)]),
					);
				},
			),
			{ numRuns: 100 },
		);
	});
});
