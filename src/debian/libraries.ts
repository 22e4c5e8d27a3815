import { type Dlopen, type Elf, readElf } from "./elf.ts";
import { mergedFolders, showPath, toPath } from "./paths.ts";

/** What the check has to know of a file; a {@link DebEntry} has it all. */
export interface TreeEntry {
	readonly name: Uint8Array;
	readonly kind: string;
	/** Of a regular file. */
	readonly content?: Uint8Array;
	/** Of a symbolic or hard link. */
	readonly target?: Uint8Array;
}

/** A library or interpreter that an ELF file needs and the tree does not have. */
export interface MissingLibrary {
	/** Path of the ELF file, printable. */
	readonly file: string;
	readonly needs: string;
	/** `needed` by DT_NEEDED; `interpreter`; or opened at run time, and how much is lost without. */
	readonly how: "needed" | "interpreter" | Dlopen["priority"];
	/** For libraries opened at run time: what they serve. */
	readonly feature?: string;
}

export interface LibraryCheck {
	/** Takes note of an entry; contents are looked at now and not kept. */
	add(entry: TreeEntry): void;
	/** Forgets an entry that a later layer or rule took away. */
	remove(name: Uint8Array): void;
	/** Everything that would not start, sorted by file. Libraries opened at run time are in `optional`. */
	finish(): { readonly missing: MissingLibrary[]; readonly optional: MissingLibrary[] };
	/** Paths of the ELF files that are linked with a library. */
	users(soname: string): string[];
}

/** The folders that Debian's dynamic linker searches by itself or by ld.so.conf.d, /usr merged. */
const standardFolders = (elf: Elf): string[] => {
	const triplet = triplets[`${elf.machine}/${elf.bits}`];
	const folders = ["usr/lib", "usr/local/lib", elf.bits === 64 ? "usr/lib64" : "usr/lib32"];
	return triplet === undefined
		? folders
		: [`usr/lib/${triplet}`, `usr/local/lib/${triplet}`, ...folders];
};
const triplets: Readonly<Record<string, string>> = {
	"62/64": "x86_64-linux-gnu",
	"183/64": "aarch64-linux-gnu",
	"3/32": "i386-linux-gnu",
	"40/32": "arm-linux-gnueabihf",
};
const ET_EXEC = 2;
const ET_DYN = 3;
/** As the kernel: more links in a row count as a loop (MAXSYMLINKS). */
const linksMax = 40;

/** Checks that every program and library of a tree finds the libraries it is linked with, as ld.so(8) would. */
export function libraryCheck(): LibraryCheck {
	const elves = new Map<string, Elf>();
	const links = new Map<string, string>();
	const hard = new Map<string, string>();

	/** The file a path leads to, every link on the way followed. */
	const resolve = (path: string): string | undefined => {
		let parts = path.split("/").filter(Boolean);
		let done: string[] = [];
		let followed = 0;
		for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
			if (part === ".") continue;
			if (part === "..") {
				done.pop();
				continue;
			}
			done.push(part);
			const at = done.join("/");
			const target = links.get(at) ?? mergedLink(at);
			if (target === undefined) continue;
			followed += 1;
			if (followed > linksMax) return undefined;
			if (target.startsWith("/")) done = [];
			else done.pop();
			parts = [...target.split("/").filter(Boolean), ...parts];
		}
		return done.join("/");
	};
	const elfAt = (path: string): Elf | undefined => {
		const end = resolve(path);
		if (end === undefined) return undefined;
		return elves.get(end) ?? elves.get(hard.get(end) ?? "");
	};
	const find = (name: string, user: Elf, path: string): Elf | undefined => {
		if (name.includes("/")) return elfAt(name);
		const origin = path.slice(0, Math.max(0, path.lastIndexOf("/")));
		const own = user.runpath.map((folder) =>
			folder.replace(/\$(ORIGIN|\{ORIGIN\})/g, `/${origin}`),
		);
		for (const folder of [...own, ...standardFolders(user)]) {
			const found = elfAt(`${folder}/${name}`);
			// The linker passes over libraries for another machine, and so do we.
			if (found?.machine === user.machine && found.bits === user.bits) return found;
		}
		return undefined;
	};

	/** A library is not looked for again once it is loaded: all that load this one may have brought the other along. */
	const brought = (name: string, library: Elf, path: string): boolean => {
		const own = library.soname ?? path.slice(path.lastIndexOf("/") + 1);
		const users = [...elves].filter(([, user]) => user.needed.includes(own));
		return (
			users.length > 0 &&
			users.every(([at, user]) => user.needed.includes(name) && find(name, user, at) !== undefined)
		);
	};

	return {
		add(entry) {
			const path = toPath(entry.name);
			for (const map of [elves, links, hard]) map.delete(path);
			if (entry.kind === "symlink" && entry.target) links.set(path, toPath(entry.target));
			else if (entry.kind === "link" && entry.target) hard.set(path, toPath(entry.target));
			else if (entry.content) {
				const elf = readElf(entry.content, showPath(path));
				// Modules and objects (ET_REL) are linked by nobody.
				if (elf?.type === ET_EXEC || elf?.type === ET_DYN) elves.set(path, elf);
			}
		},
		remove(name) {
			const path = toPath(name);
			for (const map of [elves, links, hard]) map.delete(path);
		},
		finish() {
			const missing: MissingLibrary[] = [];
			const optional: MissingLibrary[] = [];
			for (const [path, elf] of [...elves].sort(([a], [b]) => (a < b ? -1 : 1))) {
				const file = showPath(path);
				if (elf.interpreter !== undefined && elfAt(elf.interpreter) === undefined) {
					missing.push({ file, needs: elf.interpreter, how: "interpreter" });
				}
				for (const needs of elf.needed) {
					if (!find(needs, elf, path) && !brought(needs, elf, path)) {
						missing.push({ file, needs, how: "needed" });
					}
				}
				for (const { feature, priority, sonames } of elf.dlopens) {
					if (sonames.some((name) => find(name, elf, path))) continue;
					optional.push({ file, needs: sonames.join(" | "), how: priority, feature });
				}
			}
			return { missing, optional };
		},
		users(soname) {
			return [...elves]
				.filter(([, elf]) => elf.needed.includes(soname))
				.map(([path]) => showPath(path))
				.sort();
		},
	};
}

/** The links of a merged /usr belong to the image as a whole, not to a package: they are taken as given. */
function mergedLink(path: string): string | undefined {
	return mergedFolders.includes(path) ? `usr/${path}` : undefined;
}
