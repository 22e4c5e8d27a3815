import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EkexecError } from "../../../src/bytes/index.ts";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";

/**
 * One parser under attack. `test/fuzz/<room>.ts` exports `targets: readonly FuzzTarget[]`, and that is all there is to do:
 * `npm run fuzz` and the unit tests find it.
 */
export interface FuzzTarget {
	/** `<room>/<parser>`. */
	readonly name: string;
	/**
	 * Feeds one input. Fine: returning, and throwing an EkexecError that is no `bug`. A finding: any other exception,
	 * more than ten seconds, more memory than {@link memory}.
	 */
	run(input: Uint8Array, random: Random): void | Promise<void>;
	/** Inputs to start from, besides the fixtures of the room. */
	readonly seeds?: () => readonly Uint8Array[];
	/** Only fixtures of the room that this accepts (path below `fixtures/`) are seeds; all unless told. */
	readonly fixtures?: (path: string) => boolean;
	/** Makes an input that is well-formed or nearly so; used for half of the inputs if it is there. */
	readonly make?: (random: Random) => Uint8Array;
	/** Resident memory in MiB at which the process is stopped; 768 unless told. */
	readonly memory?: number;
}

const here = fileURLToPath(new URL("..", import.meta.url));
const fixtures = fileURLToPath(new URL("../../../fixtures", import.meta.url));
/** Larger fixtures are for other tests: mutating them is slow and finds nothing more. */
const largestSeed = 256 * 1024;

/** All targets of all rooms, by name. */
export async function findTargets(): Promise<readonly FuzzTarget[]> {
	const rooms = readdirSync(here)
		.filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && file !== "run.ts")
		.sort();
	const found: FuzzTarget[] = [];
	for (const file of rooms) {
		const module = (await import(join(here, file))) as { targets?: readonly FuzzTarget[] };
		if (module.targets === undefined) throw new Error(`test/fuzz/${file} exports no targets`);
		found.push(...module.targets);
	}
	return found;
}

/** What a target starts from: its own seeds and the fixtures of its room. Never empty. */
export function corpusOf(target: FuzzTarget): readonly [Uint8Array, ...Uint8Array[]] {
	const room = target.name.split("/", 1)[0] ?? "";
	const folder = join(fixtures, room);
	const files = existsSync(folder)
		? readdirSync(folder, { recursive: true, encoding: "utf8", withFileTypes: true })
				.filter((file) => file.isFile())
				.map((file) => join(file.parentPath, file.name))
				.sort()
		: [];
	const wanted = files.filter((path) => target.fixtures?.(path.slice(fixtures.length + 1)) ?? true);
	const seeds = wanted
		.map((path): Uint8Array => readFileSync(path))
		.filter((seed) => seed.length <= largestSeed);
	return [new Uint8Array(0), ...(target.seeds?.() ?? []), ...seeds];
}

/** Input number `n` of a run: depends on target, seed and number alone, so a finding can be made again. */
export function inputOf(
	target: FuzzTarget,
	corpus: readonly [Uint8Array, ...Uint8Array[]],
	seed: number,
	n: number,
): { input: Uint8Array; random: Random } {
	const random = new Random(seed, n);
	// First the corpus as it is.
	const plain = corpus[n];
	if (plain !== undefined) return { input: plain, random };
	const made = target.make !== undefined && random.chance(2);
	const start = made ? (target.make?.(random) ?? corpus[0]) : random.pick(corpus);
	if (made && random.chance(3)) return { input: start, random };
	return { input: mutate(start, corpus, random), random };
}

/** Runs one input; answers what is wrong with how the target took it, or undefined. */
export async function attempt(
	target: FuzzTarget,
	input: Uint8Array,
	random: Random,
): Promise<unknown> {
	try {
		await target.run(input, random);
		return undefined;
	} catch (error) {
		return error instanceof EkexecError && error.kind !== "bug" ? undefined : error;
	}
}

/** Cuts bytes into chunks: whole, one byte each, or of random sizes. */
export function chunked(bytes: Uint8Array, random: Random): Uint8Array[] {
	const style = random.below(4);
	if (style === 0 || bytes.length === 0) return [bytes];
	const most = style === 1 && bytes.length < 4096 ? 1 : style === 2 ? 200 : 8192;
	const chunks: Uint8Array[] = [];
	for (let at = 0; at < bytes.length; ) {
		const end = at + 1 + random.below(most);
		chunks.push(bytes.subarray(at, end));
		at = end;
	}
	return chunks;
}
