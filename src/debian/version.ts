import { debianError } from "./error.ts";
import type { Operator } from "./package.ts";

/** The three parts of a Debian version. A missing revision equals "0" and is given as "". */
export interface Version {
	readonly epoch: number;
	readonly upstream: string;
	readonly revision: string;
}

/**
 * Splits a version by deb-version(7): `[epoch:]upstream-version[-debian-revision]`, at the first colon and the last
 * hyphen. Throws `DEBIAN_SYNTAX` on what dpkg would refuse, too.
 */
export function parseVersion(text: string): Version {
	const colon = text.indexOf(":");
	const hyphen = text.lastIndexOf("-");
	const epoch = colon < 0 ? "0" : text.slice(0, colon);
	const upstream = text.slice(colon + 1, hyphen < 0 ? text.length : hyphen);
	const revision = hyphen < 0 ? "" : text.slice(hyphen + 1);
	if (
		!/^\d{1,10}$/.test(epoch) ||
		Number(epoch) > 0x7fff_ffff || // dpkg keeps it in an int
		!/^[A-Za-z0-9.+~:-]+$/.test(upstream) ||
		!/^[A-Za-z0-9.+~]*$/.test(revision) ||
		(hyphen >= 0 && revision === "")
	) {
		throw debianError("check", "DEBIAN_SYNTAX", "not a Debian version", {
			expected: "[epoch:]upstream[-revision]",
			found: JSON.stringify(text.slice(0, 100)),
		});
	}
	return { epoch: Number(epoch), upstream, revision };
}

/** Order of two versions by deb-version(7): negative, zero or positive. */
export function compareVersions(a: string, b: string): number {
	if (a === b) return 0;
	const left = parseVersion(a);
	const right = parseVersion(b);
	return (
		left.epoch - right.epoch ||
		compareParts(left.upstream, right.upstream) ||
		compareParts(left.revision, right.revision)
	);
}

/** Whether `version` stands in that relation to `bound`: `satisfies("2", ">=", "1")`. */
export function satisfies(version: string, operator: Operator, bound: string): boolean {
	const order = compareVersions(version, bound);
	switch (operator) {
		case "<<":
			return order < 0;
		case "<=":
			return order <= 0;
		case "=":
			return order === 0;
		case ">=":
			return order >= 0;
		case ">>":
			return order > 0;
	}
}

/** Letters before all other characters, the end before letters, a tilde before the end. */
function weight(code: number): number {
	if (Number.isNaN(code) || isDigit(code)) return 0;
	if (code === 0x7e) return -1;
	return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) ? code : code + 256;
}

function isDigit(code: number): boolean {
	return code >= 0x30 && code <= 0x39;
}

/** Turns of a part without digits, compared by weight, and a part of digits, compared as a number. */
function compareParts(a: string, b: string): number {
	let i = 0;
	let j = 0;
	while (i < a.length || j < b.length) {
		while (
			(i < a.length && !isDigit(a.charCodeAt(i))) ||
			(j < b.length && !isDigit(b.charCodeAt(j)))
		) {
			const difference = weight(a.charCodeAt(i)) - weight(b.charCodeAt(j));
			if (difference !== 0) return difference;
			i += 1;
			j += 1;
		}
		while (a.charCodeAt(i) === 0x30) i += 1;
		while (b.charCodeAt(j) === 0x30) j += 1;
		// Without leading zeros the longer number is the greater; of two as long, the first other digit decides.
		let first = 0;
		while (isDigit(a.charCodeAt(i)) && isDigit(b.charCodeAt(j))) {
			if (first === 0) first = a.charCodeAt(i) - b.charCodeAt(j);
			i += 1;
			j += 1;
		}
		if (isDigit(a.charCodeAt(i))) return 1;
		if (isDigit(b.charCodeAt(j))) return -1;
		if (first !== 0) return first;
	}
	return 0;
}
