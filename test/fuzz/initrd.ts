import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { EkexecError } from "../../src/bytes/index.ts";
import { type CpioEntry, packCpio } from "../../src/cpio/index.ts";
import {
	asManifest,
	compareManifests,
	extractInitrd,
	manifestOf,
	matcher,
	parseTree,
	Root,
	readRoot,
	type VerifyResult,
	verifyInitrd,
} from "../../src/initrd/index.ts";
import { jsonMaker } from "./frame/json.ts";
import type { Random } from "./frame/random.ts";
import { chunked, type FuzzTarget } from "./frame/target.ts";

const maxOutput = 8 * 1024 * 1024;
const paths = [
	"a",
	"b",
	"a/b",
	"a/b/c",
	"b/a",
	"../x",
	"a/../../x",
	"/etc/x",
	".",
	"..",
	"a/.",
	"//a",
	"a/",
	"b//",
] as const;
const targets_ = [".", "..", "/", "a", "b", "../victim", "a/b", "/b/../..", "a/", "\0a"] as const;

/** Archives whose entries get in each other's way: symlinks, links, type changes, names that climb. */
function make(random: Random): Uint8Array {
	const parts: Uint8Array[] = [];
	for (let left = random.below(4); left >= 0; left--) {
		let archive = Buffer.alloc(0);
		for (let entries = random.below(8); entries > 0; entries--) {
			const record = one(random);
			archive = Buffer.concat([archive, record]);
		}
		if (!random.chance(8)) archive = Buffer.concat([archive, packCpio([])]);
		parts.push(random.chance(3) ? gzipSync(archive) : archive, new Uint8Array(4 * random.below(3)));
		const size = parts.reduce((sum, part) => sum + part.length, 0);
		parts.push(new Uint8Array(((4 - (size % 4)) % 4) + (random.chance(12) ? 1 : 0)));
	}
	return Buffer.concat(parts);
}

/** One record with a name and numbers that the writer would refuse: written under a harmless name, then renamed. */
function one(random: Random): Uint8Array {
	const path = random.pick(paths);
	const name = "n".repeat(path.length);
	const target = random.pick(targets_);
	const entry = random.pick<CpioEntry<never>>([
		{ kind: "file", name, content: random.bytes(random.below(9)) },
		{ kind: "file", name, content: "" },
		{ kind: "directory", name, mode: random.pick([0o755, 0o500]) },
		{ kind: "symlink", name, target: target.replaceAll("\0", "0") },
		{ kind: "fifo", name },
		{ kind: "socket", name },
	]);
	const bytes = packCpio([entry]);
	const record = bytes.slice(0, bytes.length - 124);
	record.set(Buffer.from(path), 110);
	if (entry.kind === "symlink" && target.includes("\0"))
		record.set(Buffer.from(target), Math.ceil((110 + path.length + 1) / 4) * 4);
	if (random.chance(8)) record.set(Buffer.from("070702"));
	if (random.chance(2)) record.set(Buffer.from(`0000000${random.below(3)}`), 6);
	if (random.chance(2)) record.set(Buffer.from("00000002"), 6 + 8 * 4);
	// What a kernel passes over: types that are none or have more than 16 bits, data and names of sizes that cannot be.
	if (random.chance(10)) {
		const mode = random.pick(["000001a4", "000181a4", "000041ed", "0000a1ff", "000021b0"] as const);
		record.set(Buffer.from(mode), 14);
	}
	if (random.chance(20))
		record.set(Buffer.from(random.pick(["00000000", "00001004"] as const)), 94);
	return record;
}

const seeds = () => [
	gzipSync(packCpio([{ kind: "file", name: "init", mode: 0o755, content: "x" }])),
	Buffer.concat([
		packCpio([{ kind: "file", name: "a" }]),
		gzipSync(
			packCpio([
				{ kind: "link", name: "b", target: "c" },
				{ kind: "file", name: "c" },
			]),
		),
	]),
];

export const targets: readonly FuzzTarget[] = [
	{
		name: "initrd/verify",
		make,
		seeds,
		async run(input, random) {
			const result = await verifyInitrd(chunked(input, random), { maxOutput, digests: true });
			const again = await verifyInitrd([input], { maxOutput, digests: true });
			// How far a corrupt compressed stream is unpacked before that shows depends on the pieces; the verdict does not.
			const told = (verdict: VerifyResult) =>
				JSON.stringify(verdict.ok ? verdict : [verdict.ok, verdict.sha256]);
			if (told(result) !== told(again))
				throw new Error(`chunking changes the verdict: ${told(result)}, ${told(again)}`);
			if (result.problems.some(({ level }) => level === "error") === result.ok)
				throw new Error("ok and errors at once");
		},
	},
	{
		name: "initrd/extract",
		make,
		seeds,
		async run(input, random) {
			const place = mkdtempSync(join(tmpdir(), "ekexec-fuzz-extract-"));
			let refusal: unknown;
			try {
				await extractInitrd(chunked(input, random), join(place, "out"), {
					maxOutput,
					...(random.chance(3) ? { patterns: ["a"] } : {}),
				});
			} catch (error) {
				refusal = error;
			}
			const there = readdirSync(place);
			rmSync(place, { recursive: true, force: true });
			if (there.join() !== "out") throw new Error(`something left the folder: ${there.join()}`);
			if (refusal !== undefined) throw refusal;
		},
	},
	{
		name: "initrd/merge",
		make,
		seeds,
		async run(input) {
			// What was read as a tree must be a tree: every name found again, no name twice.
			const also = { fault: () => {} };
			const { root } = await readRoot([input], { maxOutput, digests: true, also });
			const manifest = manifestOf(root);
			if (new Set(manifest.entries.map(({ path }) => path)).size !== manifest.entries.length)
				throw new Error("a name twice");
			for (const node of root.nodes())
				if (root.find(node.path) !== node) throw new Error(`lost ${node.key}`);
			asManifest(JSON.parse(JSON.stringify(manifest)));
		},
	},
	{
		name: "initrd/json",
		make: jsonMaker(
			[
				{ path: "a", text: "x", mode: "0644", uid: 1, gid: 2, mtime: 3 },
				{ path: "d", type: "character", major: 1, minor: 3 },
				{ path: "b", base64: "QUI=" },
			],
			{
				entries: [
					{ path: "s", target: "b" },
					{ path: "l", type: "link", target: "a" },
				],
			},
			manifestOf(
				(
					await readRoot(
						[
							packCpio([
								{ kind: "file", name: "a/b", content: "x" },
								{ kind: "symlink", name: "c", target: "d" },
								{ kind: "character", name: "e", major: 1, minor: 2 },
							]),
						],
						{ digests: true },
					)
				).root,
			),
		),
		seeds: () => [
			Buffer.from(
				'[{"path":"a","text":"x","mode":"0644"},{"path":"d","type":"character","major":1,"minor":3}]',
			),
			Buffer.from(
				'{"entries":[{"path":"\\\\xff","target":"b"},{"path":"l","type":"link","target":"a"}]}',
			),
		],
		fixtures: () => false,
		async run(input) {
			let json: unknown;
			try {
				json = JSON.parse(Buffer.from(input).toString());
			} catch {
				return;
			}
			try {
				const manifest = asManifest(json);
				compareManifests(manifest, manifestOf(new Root()));
				compareManifests(manifestOf(new Root()), manifest);
			} catch (error) {
				if (!(error instanceof EkexecError)) throw error;
			}
			const entries = await parseTree(json, { base: "/nonexistent" });
			packCpio(entries as CpioEntry<never>[]);
		},
	},
	{
		// Patterns and names, a line each: whatever they are, they come to an end.
		name: "initrd/patterns",
		seeds: () => [Buffer.from(`${"*a".repeat(40)}b\n${"a".repeat(4000)}`)],
		make(random) {
			const pieces = [
				"*",
				"**",
				"**/",
				"/",
				"?",
				"[a-z]",
				"[!a",
				"]",
				"\\",
				"a",
				"aaaa",
				"\n",
			] as const;
			let made = "";
			for (let left = random.below(60); left >= 0; left--) made += random.pick(pieces);
			return Buffer.from(made + "a".repeat(random.below(300)));
		},
		fixtures: () => false,
		run(input) {
			const lines = Buffer.from(input).toString("latin1").split("\n").slice(0, 30);
			const test = matcher(lines);
			for (const line of lines) test(line);
		},
	},
];
