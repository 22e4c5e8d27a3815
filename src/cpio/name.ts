import { EkexecError, showBytes, utf8 } from "../bytes/index.ts";
import type { CpioCode } from "./codes.ts";
import type { Name } from "./entry.ts";
import { nameMax, pathMax, trailerName } from "./header.ts";

/** A name as a string of one character a byte: JavaScript orders and finds those as memcmp(3) would. */
export type Key = string;

export const rootKey: Key = ".";

/** Anything that makes a path not what it is to be: slashes at its ends or doubled, `.` or `..` as a part, NUL. */
const unusual = /^\/|\/$|\/\/|(?:^|\/)\.\.?(?:\/|$)|\0|[^\0-\x7f]/;

/**
 * The one form of a name: no `./`, `/` or doubled slashes; `.` for the root. One character for each byte, so that
 * it can be a key, and sorts as memcmp(3) does. Throws `CPIO_NAME` for what no archive can hold, or no kernel can unpack.
 */
export function nameKey(given: Name, field = "name"): string {
	if (
		typeof given === "string" &&
		given !== "" &&
		given.length <= nameMax &&
		!unusual.test(given)
	) {
		if (given !== trailerName && !given.startsWith(`${trailerName}/`)) return given;
	}
	const raw = toKey(typeof given === "string" ? utf8(given) : given);
	const parts = raw.split("/").filter((part) => part !== "" && part !== ".");
	const key = parts.join("/");
	const fault =
		raw === ""
			? "it is empty"
			: raw.includes("\0")
				? "it holds a NUL"
				: parts.includes("..")
					? "it holds .."
					: parts[0] === trailerName
						? "it ends an archive"
						: key.length >= pathMax
							? `it has ${key.length} bytes, PATH_MAX allows ${pathMax - 1}`
							: undefined;
	const long = parts.find((part) => part.length > nameMax);
	if (fault === undefined && long === undefined) return key === "" ? rootKey : key;
	const summary = `${field} cannot be written`;
	throw new EkexecError<CpioCode>("usage", "CPIO_NAME", fault ? `${summary}: ${fault}` : summary, {
		where: showBytes(fromKey(raw.slice(0, pathMax))),
		field,
		...(fault === undefined
			? {
					expected: `at most ${nameMax} bytes in one part (NAME_MAX)`,
					found: `${long?.length} in ${showBytes(fromKey(long?.slice(0, 16) ?? ""))}…`,
				}
			: {}),
	});
}

/** One character a byte. */
function toKey(bytes: Uint8Array): Key {
	// In pieces: arguments of a call live on the stack.
	let key = "";
	for (let at = 0; at < bytes.length; at += 8192) {
		key += String.fromCharCode(...bytes.subarray(at, at + 8192));
	}
	return key;
}

export function fromKey(key: Key): Uint8Array {
	const bytes = new Uint8Array(key.length);
	for (let i = 0; i < key.length; i++) bytes[i] = key.charCodeAt(i);
	return bytes;
}
