import { debianError } from "./error.ts";
import type { Architecture, PackageRef } from "./package.ts";
import { packageName, poolPath } from "./packages.ts";

/** What a build was made from: with it the same packages are had again, without looking at any index. */
export interface Lock {
	readonly suite: string;
	readonly arch: Architecture;
	readonly roots: readonly string[];
	readonly exclude: readonly string[];
	/** The Release files that vouched for the packages. */
	readonly releases: readonly LockedRelease[];
	readonly packages: readonly PackageRef[];
}

export interface LockedRelease {
	readonly suite: string;
	/** ISO 8601, UTC. */
	readonly date: string;
	/** Of the InRelease file. */
	readonly sha256: string;
}

const format = "ekexec-lock 1";
/** A rescue image has some 300 packages; Debian has 70,000. */
const packagesMax = 100_000;

/** The lock as JSON, one package a line, so that version control shows what changed. */
export function writeLock(lock: Lock): string {
	const { suite, arch, roots, exclude, releases, packages } = lock;
	const head = JSON.stringify({ format, suite, arch, roots, exclude, releases }, null, "\t");
	const lines = packages.map(
		({ name, version, arch, size, sha256, path, archive }) =>
			`\t\t${JSON.stringify({ name, version, arch, size, sha256, path, archive })}`,
	);
	return `${head.slice(0, -2)},\n\t"packages": [\n${lines.join(",\n")}\n\t]\n}\n`;
}

/** Reads and checks a lock; throws `DEBIAN_SYNTAX`. */
export function readLock(text: string, where?: string): Lock {
	const bad = (field: string, expected: string) =>
		debianError("usage", "DEBIAN_SYNTAX", "not a lock file", {
			where,
			field,
			expected,
			remedy: "Build once without --locked to write a new one.",
		});
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (cause) {
		throw debianError("usage", "DEBIAN_SYNTAX", "not a lock file", { where, cause });
	}
	const lock = isRecord(value) ? value : {};
	if (lock.format !== format) throw bad("format", format);
	const { suite, arch, roots, exclude, releases, packages } = lock;
	if (typeof suite !== "string") throw bad("suite", "a name");
	if (arch !== "amd64" && arch !== "arm64") throw bad("arch", "amd64 or arm64");
	if (!isStrings(roots)) throw bad("roots", "a list of names");
	if (!isStrings(exclude)) throw bad("exclude", "a list of names");
	if (!Array.isArray(releases) || !releases.every(isRelease)) throw bad("releases", "a list");
	if (!Array.isArray(packages) || packages.length > packagesMax) throw bad("packages", "a list");
	const names = new Set<string>();
	for (const [index, one] of packages.entries()) {
		if (!isPackage(one, arch) || names.has(one.name)) {
			throw bad(
				`packages[${index}]`,
				"name, version, arch, size, sha256, path, archive; each name once",
			);
		}
		names.add(one.name);
	}
	return { suite, arch, roots, exclude, releases, packages: packages as PackageRef[] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStrings(value: unknown): value is string[] {
	return Array.isArray(value) && value.every((one) => typeof one === "string");
}

const digest = /^[0-9a-f]{64}$/;

function isRelease(value: unknown): value is LockedRelease {
	return (
		isRecord(value) &&
		typeof value.suite === "string" &&
		typeof value.date === "string" &&
		!Number.isNaN(Date.parse(value.date)) &&
		digest.test(String(value.sha256))
	);
}

function isPackage(value: unknown, arch: string): value is PackageRef {
	return (
		isRecord(value) &&
		packageName.test(String(value.name)) &&
		typeof value.version === "string" &&
		(value.arch === arch || value.arch === "all") &&
		Number.isSafeInteger(value.size) &&
		Number(value.size) > 0 &&
		digest.test(String(value.sha256)) &&
		poolPath.test(String(value.path)) &&
		typeof value.archive === "string"
	);
}
