import { createHash } from "node:crypto";
import { EkexecError, showBytes, text } from "../bytes/index.ts";
import { type ByteSource, byteSource, type Chunks, type CompressCode } from "../compress/index.ts";
import type { ParsedEntry } from "../cpio/index.ts";
import { type Change, compareManifests, type Manifest, manifestOf } from "./manifest.ts";
import { readRoot } from "./read.ts";
import { Root, type Trouble } from "./root.ts";
import type { ScanOptions, Segment, SegmentStart } from "./scan.ts";

export interface VerifyOptions extends ScanOptions {
	/** What the tree must be. */
	readonly manifest?: Manifest;
	/** What the whole file's SHA-256 must be, in hex. */
	readonly sha256?: string;
	/** Whether there must be an executable /init. On unless told; a layer by itself has none. */
	readonly init?: boolean;
	/** Compute the SHA-256 of each file for {@link VerifyResult.found}. On if there is a manifest. */
	readonly digests?: boolean;
}

/** Something that a kernel trips over (`error`), or that is odd but works (`warning`). */
export interface Problem {
	readonly level: "error" | "warning";
	/** Closed set: codes of errors of this room and those below it, and those of the checks here. */
	readonly code: string;
	readonly message: string;
	readonly segment?: number;
	/** Offset in the file, or in the unpacked stream of a compressed segment. */
	readonly offset?: number;
	readonly path?: string;
}

export interface VerifyResult {
	/** Whether there is no error; warnings may be. */
	readonly ok: boolean;
	readonly problems: readonly Problem[];
	/** More problems than are listed. */
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

const troubles: Readonly<Record<Trouble, readonly [Problem["level"], string, string]>> = {
	"no-parent": [
		"error",
		"VERIFY_NO_PARENT",
		"no entry before it makes its folder: the kernel skips it in silence",
	],
	"parent-no-directory": [
		"error",
		"VERIFY_PARENT",
		"its folder is no folder: the kernel skips it in silence",
	],
	loop: [
		"error",
		"VERIFY_LOOP",
		"symlinks on its path lead in a circle: the kernel skips it in silence",
	],
	"directory-not-empty": [
		"error",
		"VERIFY_NOT_EMPTY",
		"it would replace a folder that is not empty: the kernel skips it in silence",
	],
	"self-link": [
		"error",
		"VERIFY_SELF_LINK",
		"it is a hard link to itself: the kernel removes the file",
	],
	replaced: ["warning", "VERIFY_REPLACED", "it replaces something of another type"],
	"dot-dot": ["warning", "VERIFY_DOT_DOT", "its name holds .."],
};

/**
 * Reads an initrd to its end and looks for all that a kernel would trip over: whatever ends its unpacking, whatever it
 * skips in silence, formats that some kernels do not read, early microcode where it is not found, a missing /init; and
 * compares with a manifest and a digest. Never throws for what is wrong with the input: that is the result.
 */
export async function verifyInitrd(
	from: ByteSource | Chunks,
	options: VerifyOptions = {},
): Promise<VerifyResult> {
	const problems: Problem[] = [];
	let omitted = 0;
	const report = (problem: Problem) => {
		if (problems.length < maxProblems) problems.push(problem);
		else omitted += 1;
	};
	const { manifest, init = true } = options;
	const digest = createHash("sha256");
	const source = byteSource(hashed(from, digest));
	const segments: Segment[] = [];
	let found = new Root();
	try {
		const read = await readRoot(source, {
			...options,
			digests: options.digests ?? manifest !== undefined,
			onTrouble: (trouble, entry, segment) => {
				const [level, code, message] = troubles[trouble];
				report({ level, code, message, ...placeOf(entry, segment) });
			},
			also: {
				segment: (start) => checkStart(start, report),
				event(event, segment) {
					if (event.type === "entry") checkEntry(event.entry, segment, report);
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
		} else if (init) checkInit(found, report);
	} catch (error) {
		if (!(error instanceof EkexecError) || error.kind !== "check") throw error;
		const { offset } = error.details;
		const dot = error.message.endsWith(".") ? "" : ".";
		report({
			level: "error",
			code: error.code,
			message: `${error.message}${dot} ${ourLimits.has(error.code) ? "Nothing was looked at" : "The kernel unpacks nothing"} from here on.`,
			...(typeof offset === "number" ? { offset } : {}),
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
	const ok = changes.length === 0 && problems.every(({ level }) => level !== "error");
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
	entry: ParsedEntry,
	segment: SegmentStart,
): Pick<Problem, "segment" | "offset" | "path"> {
	return { segment: segment.index, offset: entry.offset, path: showBytes(entry.name) };
}

/** What a kernel may well read, but this program does not. */
const ourLimits: ReadonlySet<string> = new Set<CompressCode>([
	"COMPRESS_UNSUPPORTED",
	"COMPRESS_LIMIT",
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

function checkEntry(
	entry: ParsedEntry,
	segment: SegmentStart,
	report: (problem: Problem) => void,
): void {
	if (entry.format === "crc" && entry.kind === "file") {
		report({
			level: "warning",
			code: "VERIFY_CRC_FORMAT",
			message: "written as 070702, which kernels before 6.2 refuse",
			...placeOf(entry, segment),
		});
	}
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

function checkInit(root: Root, report: (problem: Problem) => void): void {
	const path = "/init";
	const found = root.find(Buffer.from("init"), true);
	const level = "error";
	if (found === undefined) {
		const dangling = root.find(Buffer.from("init"))?.inode.kind === "symlink";
		const message = dangling
			? "leads to nothing"
			: "is missing: the kernel would look for a root file system instead";
		report({ level, code: "VERIFY_NO_INIT", message: `${message}`, path });
	} else if (found.inode.kind !== "file" || found.inode.size === 0) {
		report({ level, code: "VERIFY_NO_INIT", message: "is no file with content", path });
	} else if ((found.inode.permissions & 0o111) === 0) {
		report({ level, code: "VERIFY_NO_INIT", message: "is not executable", path });
	}
}
