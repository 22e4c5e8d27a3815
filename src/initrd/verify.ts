import { createHash } from "node:crypto";
import { EkexecError, showBytes, text } from "../bytes/index.ts";
import { type ByteSource, byteSource, type Chunks, type CompressCode } from "../compress/index.ts";
import type { CpioCode, ParsedEntry } from "../cpio/index.ts";
import type { InitrdCode } from "./codes.ts";
import { checkInit } from "./init.ts";
import { type Change, compareManifests, type Manifest, manifestOf } from "./manifest.ts";
import { readRoot } from "./read.ts";
import { Root } from "./root.ts";
import type { ScanOptions, Segment, SegmentStart } from "./scan.ts";
import { type Remark, remarkOf, remarkOfFault } from "./trouble.ts";

export interface VerifyOptions extends ScanOptions {
	/** What the tree must be. */
	readonly manifest?: Manifest;
	/** What the whole file's SHA-256 must be, in hex. */
	readonly sha256?: string;
	/** Whether there must be an /init that can be run. On unless told; a layer by itself has none. */
	readonly init?: boolean;
	/** Compute the SHA-256 of each file for {@link VerifyResult.found}. On if there is a manifest. */
	readonly digests?: boolean;
}

/**
 * Something that a kernel trips over (`error`), or that is odd but works (`warning`). Codes are a closed set: those of errors
 * of this room and those below it, and those of the checks here.
 */
export interface Problem extends Remark {
	readonly segment?: number;
	/** Offset in the file, or in the unpacked stream of a compressed segment. */
	readonly offset?: number;
	/** Whether the offset is one of the unpacked stream. */
	readonly unpacked?: true;
	readonly path?: string;
}

export interface VerifyResult {
	/** Whether there is no error; warnings may be. */
	readonly ok: boolean;
	/** Errors first, then warnings, both in the order of the file. */
	readonly problems: readonly Problem[];
	/** More problems than are listed; errors only where nothing but errors is listed. */
	readonly omitted: number;
	readonly segments: readonly Segment[];
	readonly sha256: string;
	/** How the tree differs from the manifest, if one was given. */
	readonly changes: readonly Change[];
	/** What the tree is. */
	readonly found: Manifest;
}

/** More problems of one input help nobody, and memory has an end. */
const maxProblems = 1000;

/**
 * Reads an initrd to its end and looks for all that a kernel would trip over: whatever ends its unpacking, whatever it
 * skips in silence, formats that some kernels do not read, early microcode where it is not found, an /init that is missing or
 * cannot be run; and compares with a manifest and a digest. It goes on where the kernel does; what is not looked at is told.
 * Never throws for what is wrong with the input: that is the result.
 */
export async function verifyInitrd(
	from: ByteSource | Chunks,
	options: VerifyOptions = {},
): Promise<VerifyResult> {
	const errors: Problem[] = [];
	const warnings: Problem[] = [];
	let reported = 0;
	const report = (problem: Problem) => {
		const list = problem.level === "error" ? errors : warnings;
		if (list.length < maxProblems) list.push(problem);
		reported += 1;
	};
	const { manifest, init = true } = options;
	const digest = createHash("sha256");
	const { where } = options;
	const source = byteSource(hashed(from, digest), where === undefined ? {} : { where });
	const segments: Segment[] = [];
	let current: SegmentStart | undefined;
	let summed: SegmentStart | undefined;
	let found = new Root();
	try {
		const read = await readRoot(source, {
			...options,
			digests: options.digests ?? manifest !== undefined,
			programs: init,
			onTrouble: (trouble, entry, segment) => {
				report({ ...remarkOf(trouble), ...placeOf(entry, segment) });
			},
			also: {
				segment(start) {
					current = start;
					checkStart(start, report);
				},
				fault(fault, segment) {
					report({ ...remarkOfFault(fault), ...placeOf(fault, segment) });
				},
				event(event, segment) {
					if (event.type !== "entry") return;
					checkEarly(event.entry, segment, report);
					if (event.entry.format !== "crc" || summed === segment) return;
					// Once: what is said is said of all entries, of whatever kind.
					summed = segment;
					report({
						level: "warning",
						code: "VERIFY_CRC_FORMAT",
						message: "written as 070702, which kernels before 6.2 refuse",
						...placeOf({ offset: event.entry.offset, name: new Uint8Array(0) }, segment),
					});
				},
				wantsData: () => false,
				segmentEnd: (segment) => {
					segments.push(segment);
				},
			},
		});
		found = read.root;
		if (segments.length === 0) {
			report({
				level: "error",
				code: "VERIFY_EMPTY",
				message: "nothing in it but NULs, or nothing at all",
			});
		} else if (init) {
			const remark = checkInit(found);
			if (remark !== undefined) report({ ...remark, path: "/init" });
		}
	} catch (error) {
		if (!(error instanceof EkexecError) || error.kind !== "check") throw error;
		const { offset } = error.details;
		const dot = error.message.endsWith(".") ? "" : ".";
		const unpacked = current?.kind !== "none" && insideArchive.has(error.code);
		report({
			level: "error",
			code: error.code,
			message: `${error.message}${dot} ${endsUnpacking.has(error.code) ? "The kernel unpacks nothing" : "Nothing was looked at"} from here on.`,
			...(typeof offset === "number" ? { offset } : {}),
			...(unpacked && typeof offset === "number" ? { unpacked } : {}),
		});
		// The digest is of the whole file, whatever is in it.
		for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next());
	} finally {
		await source.close();
	}
	const sha256 = digest.digest("hex");
	const expected = options.sha256?.toLowerCase();
	if (expected !== undefined && expected !== sha256) {
		report({
			level: "error",
			code: "VERIFY_SHA256",
			message: `SHA-256 of the file is ${sha256}, expected ${expected}`,
		});
	}
	const tree = manifestOf(found);
	const changes = manifest === undefined ? [] : compareManifests(manifest, tree);
	const ok = changes.length === 0 && errors.length === 0;
	const problems = [...errors, ...warnings].slice(0, maxProblems);
	const omitted = reported - problems.length;
	return { ok, problems, omitted, segments, sha256, changes, found: tree };
}

async function* hashed(
	from: ByteSource | Chunks,
	digest: { update(bytes: Uint8Array): unknown },
): AsyncGenerator<Uint8Array, void, undefined> {
	const source = byteSource(from);
	try {
		for (let chunk = await source.next(); chunk !== undefined; chunk = await source.next()) {
			digest.update(chunk);
			yield chunk;
		}
	} finally {
		if (source !== from) await source.close();
	}
}

function placeOf(
	entry: Pick<ParsedEntry, "offset" | "name">,
	segment: SegmentStart,
): Pick<Problem, "segment" | "offset" | "unpacked" | "path"> {
	return {
		segment: segment.index,
		offset: entry.offset,
		...(segment.kind === "none" ? {} : { unpacked: true }),
		...(entry.name.length > 0 ? { path: showBytes(entry.name) } : {}),
	};
}

/** What ends the scan of an archive. */
const insideArchive: ReadonlySet<string> = new Set<CpioCode>([
	"CPIO_ALIGNMENT",
	"CPIO_CHECKSUM",
	"CPIO_HEX",
	"CPIO_MAGIC",
	"CPIO_NAME",
	"CPIO_SIZE",
	"CPIO_TRAILING",
	"CPIO_TRUNCATED",
]);

/** Of what ends the scan, that which ends a kernel's unpacking, too. Other things it may well read, or read differently. */
const endsUnpacking: ReadonlySet<string> = new Set<CpioCode | CompressCode | InitrdCode>([
	"CPIO_ALIGNMENT",
	"CPIO_CHECKSUM",
	"CPIO_HEX",
	"CPIO_MAGIC",
	"CPIO_NAME",
	"CPIO_TRAILING",
	"CPIO_TRUNCATED",
	"COMPRESS_CORRUPT",
	"COMPRESS_TRUNCATED",
	"COMPRESS_UNKNOWN",
	"INITRD_SEGMENT",
]);

/** RFC 1952, 2.3.1: all flags but FTEXT (1), which says nothing, and FNAME (8), behind which lib/decompress_inflate.c skips. */
const gzipFlags = 0b1111_0110;

/** xz-file-format.txt, 2.1.1.2: the second byte of the stream flags says which check the stream has. */
const xzChecks = new Map([
	[0x00, "none"],
	[0x01, "CRC32"],
	[0x04, "CRC64"],
	[0x0a, "SHA-256"],
]);

function checkStart(start: SegmentStart, report: (problem: Problem) => void): void {
	if (start.kind === "gzip" && ((start.head[3] ?? 0) & gzipFlags) !== 0) {
		report({
			level: "error",
			code: "VERIFY_GZIP_HEADER",
			message:
				"gzip with an extra field, a comment or a header checksum: kernels expect at most a name there. Compress it with gzip -n",
			segment: start.index,
			offset: start.offset,
		});
	}
	const check = start.head[7] ?? 0;
	if (start.kind === "xz" && check > 1) {
		report({
			level: "error",
			code: "VERIFY_XZ_CHECK",
			message: `xz with ${xzChecks.get(check) ?? `check ${check}`}: kernels read CRC32 or none. Compress it with xz --check=crc32`,
			segment: start.index,
			offset: start.offset,
		});
	}
}

function checkEarly(
	entry: ParsedEntry,
	segment: SegmentStart,
	report: (problem: Problem) => void,
): void {
	const early = /^(?:\.?\/)*kernel\/(?:x86\/microcode\/.|firmware\/acpi\/.)/.test(text(entry.name));
	if (early && entry.kind === "file" && (segment.kind !== "none" || segment.index !== 0)) {
		report({
			level: "error",
			code: "VERIFY_EARLY",
			message: "the kernel looks for this in an uncompressed archive at the very start only",
			...placeOf(entry, segment),
		});
	}
}
