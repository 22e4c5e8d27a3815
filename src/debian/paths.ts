import { showBytes } from "../bytes/index.ts";
import { debianError } from "./error.ts";

// Inside this room a path is a string of which each character is a byte (latin1): it can be cut and looked up like
// text, and no byte of it is lost.

/** Top folders that a merged /usr turns into links: what lies below them lies below usr. */
export const mergedFolders: readonly string[] = [
	"bin",
	"sbin",
	"lib",
	"lib32",
	"lib64",
	"libx32",
	"libo32",
];
const merged = new RegExp(`^(?:${mergedFolders.join("|")})(?=/)`);

export function toPath(bytes: Uint8Array): string {
	return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}

export function fromPath(path: string): Uint8Array {
	return Uint8Array.from(Buffer.from(path, "latin1"));
}

export function showPath(path: string): string {
	return showBytes(fromPath(path));
}

/**
 * The name of a tar member as a path from the root: no leading `./`, no trailing slash, /usr merged. The root itself is
 * the empty path. Throws `DEBIAN_PATH` for names that lead out of the root, or are no names.
 */
export function cleanPath(name: string, where: string): string {
	const path = name.replace(/^(?:\.\/+)+/, "").replace(/\/+$/, "");
	if (path === "" || path === ".") {
		if (name.startsWith("/")) throw badPath(name, where, "a path below the root");
		return "";
	}
	const parts = path.split("/");
	if (parts.some((part) => part === "" || part === "." || part === "..")) {
		throw badPath(name, where, "a path below the root, without . and ..");
	}
	// A part of more than 255 bytes or a path of more than 4096 can be created nowhere (limits.h).
	if (path.length > 4095 || parts.some((part) => part.length > 255)) {
		throw badPath(name.slice(0, 100), where, "a name within the limits of Linux");
	}
	return path.replace(merged, "usr/$&");
}

/** The same for a folder, which an unmerged package may have in the place of the link. */
export function mergedFolder(path: string): string {
	return mergedFolders.includes(path) ? `usr/${path}` : path;
}

export function badPath(path: string, where: string, expected: string): Error {
	return debianError("check", "DEBIAN_PATH", "a name that must not be followed", {
		where,
		field: showPath(path),
		expected,
	});
}

/**
 * Watches over the entries of one tree: nothing may be below a link, whichever comes first, or the link would decide
 * where it lands. `dpkg` follows such links; packages of Debian do not need it once /usr is merged.
 */
export class TreeGuard {
	readonly #links = new Set<string>();
	readonly #parents = new Set<string>();

	/** Notes an entry, or throws `DEBIAN_PATH`. */
	enter(path: string, isLink: boolean, where: string): void {
		for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) {
			const parent = path.slice(0, slash);
			if (this.#links.has(parent)) {
				throw badPath(path, where, `no file below the link ${showPath(parent)}`);
			}
			this.#parents.add(parent);
		}
		if (isLink && this.#parents.has(path)) {
			throw badPath(path, where, "no link in place of a folder that has files");
		}
		if (isLink) this.#links.add(path);
	}
}

/**
 * What to leave out, as a list of patterns of which the last that fits decides: `usr/share/doc/**` leaves out, a
 * pattern with `!` before it keeps. `*` stands for anything within a name, `**` across names, `?` for one byte.
 */
export function dropRule(patterns: readonly string[]): (path: string) => boolean {
	const rules = patterns.map((pattern) => {
		const keep = pattern.startsWith("!");
		const glob = toPath(Buffer.from(keep ? pattern.slice(1) : pattern)).replace(/^\//, "");
		const source = glob.replace(/\*\*|./gs, (part) => {
			if (part === "**") return "[^]*";
			if (part === "*") return "[^/]*";
			return part === "?" ? "[^/]" : part.replace(/[.+^${}()|[\]\\]/, "\\$&");
		});
		return { keep, matcher: new RegExp(`^${source}$`) };
	});
	return (path) => {
		for (let at = rules.length - 1; at >= 0; at--) {
			const rule = rules[at];
			if (rule?.matcher.test(path)) return !rule.keep;
		}
		return false;
	};
}

/** Documentation, translations, and what only packaging tools read. */
export const defaultDrops: readonly string[] = [
	"usr/share/doc/**",
	"usr/share/doc-base/**",
	"usr/share/man/**",
	"usr/share/info/**",
	"usr/share/locale/**",
	"!usr/share/locale/locale.alias",
	"usr/share/lintian/**",
	"usr/share/linda/**",
	"usr/share/bug/**",
	"usr/share/gtk-doc/**",
	"usr/share/help/**",
	"usr/share/menu/**",
	"usr/share/pixmaps/**",
	"usr/share/icons/**",
	"usr/share/applications/**",
	"usr/share/apport/**",
	"usr/share/debianutils/**",
	"etc/cron.*/**",
	"usr/lib/debug/**",
	"usr/include/**",
	"usr/lib/pkgconfig/**",
	"usr/lib/*/pkgconfig/**",
];
