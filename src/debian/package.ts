/** Architectures that images are built for, by Debian's names. */
export type Architecture = "amd64" | "arm64";

/** What is needed to fetch one package and know it: this much stands in a lock file. */
export interface PackageRef {
	readonly name: string;
	readonly version: string;
	/** `all` or the architecture. */
	readonly arch: string;
	/** Bytes of the .deb. */
	readonly size: number;
	/** Of the .deb, lower-case hex. */
	readonly sha256: string;
	/** Below the archive's root: `pool/…/x.deb`. */
	readonly path: string;
	/** Which archive holds it: the label of its source, `debian` or `debian-security` by default. */
	readonly archive: string;
}

/** One stanza of a Packages file, as far as resolving and fetching need it. */
export interface Package extends PackageRef {
	/** Bytes, rounded to KiB by Debian. */
	readonly installedSize: number;
	readonly essential: boolean;
	readonly section: string;
	/** Pre-Depends and Depends together: every clause has to hold. */
	readonly depends: readonly Clause[];
	/** Conflicts and Breaks together: none may hold for another package of the set. */
	readonly conflicts: readonly Relation[];
	readonly provides: readonly Provided[];
}

/** `a | b | c`: one of them has to hold. */
export type Clause = readonly Relation[];

export type Operator = "<<" | "<=" | "=" | ">=" | ">>";

/** `name:any (>= version)` of deb-control(5). */
export interface Relation {
	readonly name: string;
	/** What follows the colon: `any`, `native` or an architecture. */
	readonly qualifier?: string;
	readonly operator?: Operator;
	readonly version?: string;
}

/** A name that a package stands for, in a version if it says so. */
export interface Provided {
	readonly name: string;
	readonly version?: string;
}

/** The packages of one or more repositories. */
export interface PackageIndex {
	readonly arch: Architecture;
	/** Packages of that very name, newest version first. */
	find(name: string): readonly Package[];
	/** Packages that provide the name, by name and then newest first. */
	providers(name: string): readonly Package[];
	/** All names, sorted. */
	names(): Iterable<string>;
}
