import { type CodecName, codecs } from "../compress/index.ts";
import type { Io } from "./command.ts";
import { parseTime } from "./initrd-time.ts";
import { atOdds, unusable } from "./initrd-usage.ts";

interface Compression {
	readonly compress: CodecName | undefined;
	readonly level: string | undefined;
	readonly output: string;
}

/** The codec, by its own name or that of the output, and the level. */
export function compression(args: Compression): {
	codec: (typeof codecs)[CodecName];
	level?: number;
} {
	const codec = codecs[args.compress ?? codecByName(args.output)];
	if (codec.cannotCompress !== undefined) {
		const field = args.compress === undefined ? "--output" : "--compress";
		const others = Object.values(codecs).filter((each) => each.cannotCompress === undefined);
		const expected = `a compression that this Node can write: ${others.map(({ name }) => name).join(", ")}`;
		throw unusable(field, expected, `${codec.name}; ${codec.cannotCompress}`);
	}
	// What is in the codec's range, the codec knows.
	const level = wholeNumber("--level", args.level, /^-?\d+$/);
	if (level === undefined) return { codec };
	if (codec.name === "none") {
		throw atOdds(
			"--level",
			"an archive that is not compressed",
			"Name a compression with --compress, or by the ending of the output.",
		);
	}
	return { codec, level };
}

/** Endings of what kernels can unpack, too, and this program cannot write, and other ways to spell what it can. */
const foreign =
	/\.(?:lz4|lzo|lzop|lz|lzma|bz2?|bzip2|zstd|gzip|gz|xz|zst|tgz|txz|tzst|tbz2?|tlz|zip|7z)$/i;

function codecByName(output: string): CodecName {
	const named = Object.values(codecs).find(
		({ extension }) => extension !== "" && output.endsWith(extension),
	);
	if (named !== undefined) return named.name;
	const ending = foreign.exec(output)?.[0];
	if (ending === undefined) return "none";
	throw unusable(
		"--output",
		"an ending of what can be written (.gz, .xz, .zst), or --compress",
		ending,
	);
}

/** The time of everything: what the option says, or the environment; an empty variable is none. */
export function packTime(given: string | undefined, io: Io): number {
	if (given !== undefined) return parseTime("--mtime", given);
	return parseTime("SOURCE_DATE_EPOCH", io.env.SOURCE_DATE_EPOCH || "0");
}

export function wholeNumber(
	field: string,
	given: string | undefined,
	form: RegExp = /^\d+$/,
): number | undefined {
	if (given === undefined) return undefined;
	if (!form.test(given)) throw unusable(field, "a whole number", given);
	return Number(given);
}
