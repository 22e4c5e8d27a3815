// What is brought into the target's memory: files, each a row of parts.
import { concat, EkexecError, raw, struct, u8, u16, u32, u64, utf8 } from "../bytes/index.ts";
import type { HelperCode } from "./contract.ts";

/** Bytes that ekexec itself made. */
export interface LiteralPart {
	/** Offset in the file. */
	readonly offset: number;
	readonly size: number;
	readonly bytes: Uint8Array;
}

/** A file of known digest: checked on the target before it counts. */
export interface DigestPart {
	readonly offset: number;
	readonly size: number;
	/** SHA-256, 32 bytes. */
	readonly sha256: Uint8Array;
	/** Its bytes from an offset on; called again, further on, where a lost connection is taken up. */
	open(from: number): AsyncIterable<Uint8Array>;
}

/** A file of the target: the helper copies it there, and its bytes go nowhere else. */
export interface SplicePart {
	readonly offset: number;
	/** Bytes it must have, exactly. */
	readonly size: number;
	/** Absolute path on the target. */
	readonly splice: Uint8Array;
	/** Milliseconds until reading it counts as stuck; 5000 unless told. */
	readonly deadline?: number;
}

export type StagedPart = LiteralPart | DigestPart | SplicePart;

/** File numbers with a meaning; 2 and 3 are free (boot parameters, device tree). */
export const fileNumber = { kernel: 0, initrd: 1, extra: 2 } as const;

/** One file in memory. Bytes that no part covers are zero. */
export interface StagedFile {
	/** 0 kernel, 1 initrd, 2 and 3 free. */
	readonly file: number;
	/** Whole size in bytes. */
	readonly size: number;
	readonly parts: readonly StagedPart[];
}

const partHead = struct("part", {
	file: u8,
	kind: u8,
	zero: u16,
	deadline: u32,
	offset: u64,
	size: u64,
	sha256: raw(32),
});

/** Splices' deadline unless told, in milliseconds. */
const spliceDeadline = 5000;

/** The payload of a PART frame. */
export function encodePart(file: number, part: StagedPart): Uint8Array {
	const place = { file, offset: BigInt(part.offset), size: BigInt(part.size) };
	if ("splice" in part) {
		if (part.splice[0] !== 0x2f || part.splice.includes(0)) {
			throw new EkexecError<HelperCode>("usage", "HELPER_RANGE", "a splice needs an absolute path");
		}
		const head = partHead.write({ ...place, kind: 2, deadline: part.deadline ?? spliceDeadline });
		return concat([head, part.splice]);
	}
	if ("sha256" in part) return partHead.write({ ...place, kind: 1, sha256: part.sha256 });
	if (part.bytes.length !== part.size) {
		throw new EkexecError<HelperCode>(
			"bug",
			"HELPER_RANGE",
			"literal bytes of another size than said",
			{
				expected: `${part.size}`,
				found: `${part.bytes.length}`,
			},
		);
	}
	return partHead.write({ ...place, kind: 0 });
}

/** A file whose content is at hand. */
export function literalFile(file: number, bytes: Uint8Array | string): StagedFile {
	const content = typeof bytes === "string" ? utf8(bytes) : bytes;
	return {
		file,
		size: content.length,
		parts: [{ offset: 0, size: content.length, bytes: content }],
	};
}
