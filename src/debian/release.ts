import { parseStanza, type Stanza } from "./control.ts";
import { debianError } from "./error.ts";

/** A file that a Release file vouches for. */
export interface ReleaseFile {
	readonly size: number;
	/** Lower-case hex. */
	readonly sha256: string;
}

/** What a verified Release file says. */
export interface Release {
	readonly origin: string;
	readonly label: string;
	readonly suite: string;
	readonly codename: string;
	/** Milliseconds since 1970. */
	readonly date: number;
	readonly validUntil: number | undefined;
	readonly byHash: boolean;
	readonly architectures: readonly string[];
	/** Whether packages of architecture `all` stand in an index of their own only. */
	readonly separateAll: boolean;
	/** By path below the folder of the Release file. */
	readonly files: ReadonlyMap<string, ReleaseFile>;
}

/** Paths in a Release file lead into folders below it, never out. */
const safePath = /^(?!\.\.?(?:\/|$))[A-Za-z0-9_.+~-]+(?:\/(?!\.\.?(?:\/|$))[A-Za-z0-9_.+~-]+)*$/;

/** Reads the text of a Release file; its signature is checked elsewhere. */
export function parseRelease(text: string, where?: string): Release {
	const stanza = parseStanza(text, where);
	const field = (name: string) => stanza.get(name) ?? "";
	const until = stanza.has("valid-until") ? time(stanza, "valid-until", where) : undefined;
	const architectures = field("architectures").split(/\s+/).filter(Boolean);
	const unsupported = field("no-support-for-architecture-all").split(/\s+/);
	return {
		origin: field("origin"),
		label: field("label"),
		suite: field("suite"),
		codename: field("codename"),
		date: time(stanza, "date", where),
		validUntil: until,
		byHash: field("acquire-by-hash") === "yes",
		architectures,
		separateAll: architectures.includes("all") && !unsupported.includes("Packages"),
		files: digests(field("sha256"), where),
	};
}

/** `Sat, 21 Nov 2026 09:15:44 UTC`: RFC 2822 with UTC spelled out. */
function time(stanza: Stanza, field: string, where: string | undefined): number {
	const found = stanza.get(field);
	const shape = /^\w{3}, +\d{1,2} \w{3} \d{4} \d{2}:\d{2}:\d{2} (?:UTC|GMT|[+-]0000|Z)$/;
	const value = found !== undefined && shape.test(found) ? Date.parse(found) : Number.NaN;
	if (Number.isNaN(value)) {
		throw debianError("check", "DEBIAN_SYNTAX", "a Release file needs a date", {
			where,
			field,
			expected: "Www, DD Mmm YYYY hh:mm:ss UTC",
			found: found === undefined ? "nothing" : JSON.stringify(found.slice(0, 100)),
		});
	}
	return value;
}

function digests(list: string, where: string | undefined): Map<string, ReleaseFile> {
	const files = new Map<string, ReleaseFile>();
	for (const line of list.split("\n")) {
		if (line.trim() === "") continue;
		const match = /^\s*([0-9a-f]{64})\s+(\d{1,15})\s+(\S+)$/.exec(line);
		const [, sha256 = "", size, path = ""] = match ?? [];
		if (!match || !safePath.test(path)) {
			throw debianError("check", "DEBIAN_SYNTAX", "not a line of digests", {
				where,
				field: "SHA256",
				expected: "SHA-256, size, path",
				found: JSON.stringify(line.slice(0, 200)),
			});
		}
		files.set(path, { sha256, size: Number(size) });
	}
	return files;
}
