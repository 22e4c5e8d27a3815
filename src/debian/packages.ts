import { createHash } from "node:crypto";
import { debianError } from "./error.ts";
import type { Architecture, Package, PackageIndex } from "./package.ts";
import { parseDepends, parseProvides, parseRelations } from "./relation.ts";
import { compareVersions } from "./version.ts";

// A Packages file is 56 MB of text of which a resolver needs a third and looks at a hundredth. It is boiled down once
// to lines sorted by name, which are kept and searched as text: opening one costs reading it, nothing else.
//
//   ekexec-packages 1 SHA256-OF-THE-REST
//   name \t version \t arch \t size \t sha256 \t path \t installed-size \t essential \t section \t depends \t conflicts \t provides
//   …
//   (empty line)
//   provided-name \t name
//   …

const magic = "ekexec-packages 1 ";

/** Fields that are kept, by their place in a line. */
const columns: ReadonlyMap<string, number> = new Map(
	[
		"Package",
		"Version",
		"Architecture",
		"Size",
		"SHA256",
		"Filename",
		"Installed-Size",
		"Essential",
		"Section",
		"Depends",
		"Conflicts",
		"Provides",
		"Pre-Depends",
		"Breaks",
	].map((name, column) => [name, column]),
);
const [dependsAt, conflictsAt, providesAt, preDependsAt, breaksAt] = [9, 10, 11, 12, 13];

/** Boils a Packages file (as latin1 text, so that a character is a byte) down to the lines above. */
export function condense(packages: string, where: string): string {
	const lines: string[] = [];
	const provided: string[] = [];
	let values: string[] = [];
	let last = -1;
	const finish = () => {
		if (values[0] === undefined) {
			if (values.length > 0) throw syntax(where, "a stanza without Package");
			return;
		}
		const join = (...at: number[]) =>
			at
				.map((column) => values[column] ?? "")
				.filter((list) => list !== "")
				.join(", ");
		values[dependsAt] = join(preDependsAt, dependsAt);
		values[conflictsAt] = join(conflictsAt, breaksAt);
		const line: string[] = [];
		for (let column = 0; column <= providesAt; column++) line.push(values[column] ?? "");
		lines.push(line.join("\t"));
		for (const { name } of parseProvides(values[providesAt] ?? "")) {
			provided.push(`${name}\t${values[0]}`);
		}
		values = [];
	};
	for (let at = 0; at < packages.length; ) {
		let end = packages.indexOf("\n", at);
		if (end < 0) end = packages.length;
		if (end === at) {
			finish();
			last = -1;
		} else if (packages.charCodeAt(at) === 0x20 || packages.charCodeAt(at) === 0x09) {
			if (last >= 0) values[last] += ` ${clean(packages.slice(at, end))}`;
		} else {
			const colon = packages.indexOf(":", at);
			if (colon < 0 || colon > end)
				throw syntax(where, packages.slice(at, Math.min(end, at + 100)));
			last = columns.get(packages.slice(at, colon)) ?? -1;
			if (last >= 0) {
				if (values[last] !== undefined) throw syntax(where, `${packages.slice(at, colon)} twice`);
				values[last] = clean(packages.slice(colon + 1, end));
			}
		}
		at = end + 1;
	}
	finish();
	lines.sort(byNameThenNewest);
	const rest = `${lines.join("\n")}\n\n${[...new Set(provided)].sort().join("\n")}\n`;
	return `${magic}${sha256(rest)}\n${rest}`;
}

function clean(value: string): string {
	const trimmed = value.trim();
	return trimmed.includes("\t") ? trimmed.replace(/\s+/g, " ") : trimmed;
}

function byNameThenNewest(a: string, b: string): number {
	const nameA = a.slice(0, a.indexOf("\t"));
	const nameB = b.slice(0, b.indexOf("\t"));
	if (nameA !== nameB) return nameA < nameB ? -1 : 1;
	const versions = [a, b].map((line) => line.split("\t", 2)[1] ?? "");
	return compareVersions(versions[1] ?? "", versions[0] ?? "");
}

function sha256(latin1: string): string {
	return createHash("sha256").update(latin1, "latin1").digest("hex");
}

/** The text of a kept file; undefined if it is not whole or of another version. */
export function readCondensed(bytes: Buffer): string | undefined {
	const end = bytes.indexOf("\n");
	const digest = createHash("sha256")
		.update(bytes.subarray(end + 1))
		.digest("hex");
	return bytes.toString("latin1", 0, end) === `${magic}${digest}`
		? bytes.toString("latin1")
		: undefined;
}

/** A condensed Packages file and the archive its packages come from. */
export interface CondensedPackages {
	readonly text: string;
	readonly archive: string;
	readonly where: string;
}

/** Several condensed files as one index. Of equal versions the one of the earlier file comes first. */
export function openIndex(arch: Architecture, parts: readonly CondensedPackages[]): PackageIndex {
	const tables = parts.map((part) => {
		const start = part.text.indexOf("\n") + 1;
		const middle = part.text.indexOf("\n\n", start - 1) + 1;
		return {
			part,
			packages: { text: part.text, start, end: middle },
			provides: { text: part.text, start: middle + 1, end: part.text.length },
		};
	});
	const found = new Map<string, readonly Package[]>();
	const find = (name: string): readonly Package[] => {
		let packages = found.get(name);
		if (packages === undefined) {
			const all = tables.flatMap(({ part, packages }) =>
				linesOf(packages, name).map((line) => readLine(line, part)),
			);
			packages = all
				.filter((one) => one.arch === arch || one.arch === "all")
				// Array.sort is stable: the order of the files decides between equals.
				.sort((a, b) => compareVersions(b.version, a.version));
			found.set(name, packages);
		}
		return packages;
	};
	return {
		arch,
		find,
		providers(name) {
			const names = tables.flatMap(({ provides }) =>
				linesOf(provides, name).map((line) => line.slice(name.length + 1)),
			);
			return [...new Set(names)]
				.sort()
				.flatMap(find)
				.filter((one) => one.provides.some((provided) => provided.name === name));
		},
		*names() {
			const names = new Set<string>();
			for (const { packages } of tables) {
				for (let at = packages.start; at < packages.end; ) {
					names.add(packages.text.slice(at, packages.text.indexOf("\t", at)));
					at = packages.text.indexOf("\n", at) + 1;
				}
			}
			yield* [...names].sort();
		},
	};
}

interface Table {
	readonly text: string;
	/** Of the first line. */
	readonly start: number;
	/** Behind the newline of the last. */
	readonly end: number;
}

/** All lines whose first column is `key`, by bisection. */
function linesOf({ text, start, end }: Table, key: string): string[] {
	const keyAt = (line: number) => text.slice(line, text.indexOf("\t", line));
	const lineAt = (at: number) => Math.max(start, text.lastIndexOf("\n", at - 1) + 1);
	let low = start;
	let high = end;
	while (low < high) {
		const line = lineAt(Math.floor((low + high) / 2));
		if (keyAt(line) < key) low = text.indexOf("\n", line) + 1;
		else high = line;
	}
	const lines: string[] = [];
	while (low < end && text.startsWith(`${key}\t`, low)) {
		const next = text.indexOf("\n", low);
		lines.push(text.slice(low, next));
		low = next + 1;
	}
	return lines;
}

/** Paths below the archive's root: into the pool, never out of it. */
export const poolPath: RegExp = /^(?:(?!\.\.?\/)[A-Za-z0-9_.+~%:-]+\/)+[A-Za-z0-9_.+~%:-]+\.deb$/;
export const packageName: RegExp = /^[a-z0-9][a-z0-9+.-]*$/;

function readLine(line: string, { archive, where }: CondensedPackages): Package {
	const [
		name = "",
		version = "",
		arch = "",
		size = "",
		sha256 = "",
		path = "",
		installed = "",
		essential = "",
		section = "",
		depends = "",
		conflicts = "",
		provides = "",
	] = line.split("\t");
	if (
		!packageName.test(name) ||
		!poolPath.test(path) ||
		!/^[0-9a-f]{64}$/.test(sha256) ||
		!/^[1-9]\d{0,14}$/.test(size)
	) {
		throw syntax(where, line.slice(0, 200));
	}
	return {
		name,
		version,
		arch,
		size: Number(size),
		sha256,
		path,
		archive,
		installedSize: Number(installed) * 1024 || 0,
		essential: essential === "yes",
		section,
		depends: parseDepends(depends),
		conflicts: parseRelations(conflicts),
		provides: parseProvides(provides),
	};
}

function syntax(where: string, found: string): Error {
	return debianError("check", "DEBIAN_SYNTAX", "not a usable list of packages", {
		where,
		expected: "stanzas with Package, Version, Architecture, Size, SHA256 and Filename",
		found: JSON.stringify(found),
	});
}
