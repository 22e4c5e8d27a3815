import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseStanzas } from "./control.ts";
import { debianError } from "./error.ts";

/** Where packages come from. URIs end in a slash. */
export interface Mirror {
	readonly main: URL;
	/** The archive of security updates, if one is known. */
	readonly security: URL | undefined;
	/** How the mirror was found, for people. */
	readonly foundIn: string;
}

export interface MirrorOptions {
	/** URI or folder of the main archive, as given on the command line. */
	readonly mirror?: string | undefined;
	readonly securityMirror?: string | undefined;
	/** EKEXEC_DEBIAN_MIRROR and EKEXEC_DEBIAN_SECURITY_MIRROR are looked up here; process.env by default. */
	readonly env?: Readonly<Record<string, string | undefined>> | undefined;
	/** Where the machine's apt keeps its sources; /etc/apt by default. */
	readonly apt?: string | undefined;
}

/** One line of apt's sources. */
export interface AptSource {
	readonly uri: string;
	readonly suite: string;
	readonly components: readonly string[];
	/** The keys that apt takes for it: a path, or what else sources.list(5) allows. */
	readonly signedBy: string | undefined;
	readonly file: string;
}

/** One Release file to follow. */
export interface Source {
	/** Name of the archive in lock files: `debian` or `debian-security`. */
	readonly archive: string;
	readonly uri: URL;
	readonly suite: string;
	readonly components: readonly string[];
	/** Does without, if the mirror has no such suite. */
	readonly optional: boolean;
}

const remedy =
	"Set EKEXEC_DEBIAN_MIRROR or pass --mirror URI (the folder that holds dists/ and pool/); any Debian mirror will do, each file is checked against Debian's keys.";

/** The mirror that is asked for, else the one in the environment, else the one this machine's apt uses. */
export async function findMirror(options: MirrorOptions = {}): Promise<Mirror> {
	const env = options.env ?? process.env;
	const security = options.securityMirror ?? env.EKEXEC_DEBIAN_SECURITY_MIRROR;
	const named = options.mirror ?? env.EKEXEC_DEBIAN_MIRROR;
	if (named) {
		return {
			main: archiveUrl(named),
			security: security ? archiveUrl(security) : undefined,
			foundIn: options.mirror ? "--mirror" : "EKEXEC_DEBIAN_MIRROR",
		};
	}
	const folder = options.apt ?? "/etc/apt";
	const sources = await readAptSources(folder);
	const first = mostLikely(sources.filter(isRelease), sources);
	if (first === undefined) {
		throw debianError("usage", "DEBIAN_MIRROR", "no Debian mirror is known", {
			where: folder,
			expected: "a source of a Debian release",
			found: sources.length === 0 ? "no sources" : `${sources.length} sources of other kinds`,
			remedy,
		});
	}
	const updates = mostLikely(sources.filter(isSecurity), sources)?.uri;
	return {
		main: archiveUrl(first.uri),
		security: security ? archiveUrl(security) : updates ? archiveUrl(updates) : undefined,
		foundIn: first.file,
	};
}

/** Suites that are updated as a whole, without others beside them. */
export function isRolling(suite: string): boolean {
	return /^(sid|unstable|experimental)$|-/.test(suite);
}

/** The archives of a mirror by the names they have in lock files. */
export function archivesOf(mirror: Mirror): ReadonlyMap<string, URL> {
	const security = mirror.security ?? siblingOf(mirror.main);
	return new Map([
		["debian", mirror.main],
		...(security === undefined ? [] : [["debian-security", security] as const]),
	]);
}

/** The Release files of a suite: itself, its updates and its security updates. */
export function sourcesOf(mirror: Mirror, suite: string, components: readonly string[]): Source[] {
	const main: Source = {
		archive: "debian",
		uri: mirror.main,
		suite,
		components,
		optional: false,
	};
	if (isRolling(suite)) return [main];
	const security = archivesOf(mirror).get("debian-security");
	return [
		main,
		{ ...main, suite: `${suite}-updates`, optional: true },
		...(security === undefined
			? []
			: [
					{
						archive: "debian-security",
						uri: security,
						suite: `${suite}-security`,
						components,
						optional: mirror.security === undefined,
					},
				]),
	];
}

/** Mirrors that carry both archives keep them side by side under these names. */
function siblingOf(main: URL): URL | undefined {
	return main.pathname.endsWith("/debian/")
		? new URL(main.href.replace(/\/debian\/$/, "/debian-security/"))
		: undefined;
}

/** A URI or an absolute or relative folder as a URL that ends in a slash. */
function archiveUrl(named: string): URL {
	const url = URL.canParse(named) ? new URL(named) : pathToFileURL(named);
	if (!/^(https?|file):$/.test(url.protocol)) {
		throw debianError("usage", "DEBIAN_MIRROR", "this mirror cannot be used", {
			expected: "http, https or file",
			found: named,
			remedy,
		});
	}
	if (!url.pathname.endsWith("/")) url.pathname += "/";
	return url;
}

/** Debian's releases by name and by role; no other archive calls a suite so and signs it with Debian's keys. */
const releases =
	/^(buster|bullseye|bookworm|trixie|forky|duke|sid|(old)?(old)?stable|testing|unstable)$/;

function isRelease(source: AptSource): boolean {
	return releases.test(source.suite) && source.components.includes("main");
}

function isSecurity(source: AptSource): boolean {
	return /-security$|\/updates$/.test(source.suite) && source.components.includes("main");
}

/** Vendors name their suites after Debian's: the source that most speaks for being Debian's own, the first of equals. */
function mostLikely(
	candidates: readonly AptSource[],
	all: readonly AptSource[],
): AptSource | undefined {
	const rank = ({ uri, suite, signedBy }: AptSource): number => {
		if (/\bdebian-archive-/.test(signedBy ?? "")) return 4;
		if (all.some((one) => one.uri === uri && one.suite === `${suite}-updates`)) return 3;
		if (/\/debian(?:-security)?\/?$/.test(uri)) return 2;
		return /debian/i.test(uri) ? 1 : 0;
	};
	return [...candidates].sort((a, b) => rank(b) - rank(a))[0];
}

/** Reads sources.list, sources.list.d/*.list and *.sources, in apt's order; binary sources that ekexec can use. */
export async function readAptSources(folder: string): Promise<AptSource[]> {
	const parts = join(folder, "sources.list.d");
	const names = await readdir(parts).catch(() => [] as string[]);
	const files = [join(folder, "sources.list"), ...names.sort().map((name) => join(parts, name))];
	const found: AptSource[] = [];
	for (const file of files) {
		const text = await readFile(file, "utf8").catch(() => "");
		if (file.endsWith(".sources")) found.push(...readDeb822(text, file));
		else if (file.endsWith(".list")) found.push(...readOneLine(text, file));
	}
	const usable = await Promise.all(
		found.map(async (source) => {
			const uri = await resolveUri(source.uri);
			return uri === undefined ? [] : [{ ...source, uri }];
		}),
	);
	return usable.flat();
}

/** sources.list(5), one-line style: `deb [options] uri suite component…` */
function readOneLine(text: string, file: string): AptSource[] {
	const found: AptSource[] = [];
	for (const line of text.split("\n")) {
		const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line);
		const [, options = "", uri, suite, components] = match ?? [];
		if (uri && suite && components) {
			const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(options)?.[1];
			found.push({ uri, suite, components: words(components), signedBy, file });
		}
	}
	return found;
}

/** sources.list(5), deb822 style. */
function readDeb822(text: string, file: string): AptSource[] {
	const found: AptSource[] = [];
	for (const stanza of parseStanzas(text, file)) {
		const field = (name: string) => words(stanza.get(name) ?? "");
		if (
			!field("types").includes("deb") ||
			/^(no|false|off|0)$/i.test(stanza.get("enabled") ?? "")
		) {
			continue;
		}
		for (const uri of field("uris")) {
			for (const suite of field("suites")) {
				const signedBy = stanza.get("signed-by");
				found.push({ uri, suite, components: field("components"), signedBy, file });
			}
		}
	}
	return found;
}

/** `mirror+file:` names a file with a list of mirrors, best first; cloud images use that. */
async function resolveUri(uri: string): Promise<string | undefined> {
	if (/^(https?|file):/.test(uri)) return uri;
	const list = /^mirror\+file:(?:\/\/)?(\/.*)$/.exec(uri)?.[1];
	if (list === undefined) return undefined;
	const lines = await readFile(list, "utf8").catch(() => "");
	const first = lines.split("\n").find((line) => /^\s*https?:/.test(line));
	return first?.trim().split(/\s/, 1)[0];
}

function words(text: string): string[] {
	return text.split(/\s+/).filter(Boolean);
}

/** A path of an archive as a part of a URL. */
export function encodePath(path: string): string {
	return path.split("/").map(encodeURIComponent).join("/");
}
