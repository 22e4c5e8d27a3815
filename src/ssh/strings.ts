import { concat, struct, u32be } from "../bytes/index.ts";

const head = struct("string", { length: u32be });

/** Strings one after another, each behind its length (RFC 4251, section 5). */
export function sshStrings(parts: readonly Uint8Array[]): Uint8Array {
	return concat(parts.flatMap((part) => [head.write({ length: part.length }), part]));
}
