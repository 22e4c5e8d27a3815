import { text, wildcard } from "../../bytes/index.ts";

/** One keyword of sshd_config with its arguments, quotes taken off. */
export interface SshdLine {
	/** Lower case: sshd takes keywords in any case. */
	readonly keyword: string;
	readonly args: readonly string[];
	readonly file: string;
	readonly lineNumber: number;
}

/** Who logs in, from where and to where: what Match blocks are held against. */
export interface SshdLogin {
	readonly user: string;
	readonly groups: readonly string[];
	/** Address of the operator as the target sees it. */
	readonly address: string;
	readonly localAddress: string;
	readonly localPort: number;
}

/** Splits a configuration file into its lines of meaning (sshd_config(5)). */
export function parseSshdConfig(file: string, bytes: Uint8Array): SshdLine[] {
	const lines: SshdLine[] = [];
	text(bytes)
		.split("\n")
		.forEach((raw, index) => {
			const words = splitWords(raw);
			const [keyword, ...args] = words;
			if (keyword === undefined) return;
			lines.push({ keyword: keyword.toLowerCase(), args, file, lineNumber: index + 1 });
		});
	return lines;
}

/**
 * Words of a line as argv_split() of OpenSSH's misc.c parts them: at blanks outside quotes, up to a `#` that begins a word;
 * blanks or one `=` part the keyword from the rest. A quote that nothing closes ends the line before its word.
 */
function splitWords(line: string): string[] {
	const words: string[] = [];
	let word: string | undefined;
	let quote = "";
	let equals = false;
	const end = (): void => {
		if (word !== undefined) words.push(word);
		word = undefined;
	};
	for (let at = 0; at < line.length; at++) {
		const char = line[at] ?? "";
		const next = line[at + 1] ?? "";
		if (char === "\\" && (`"'\\`.includes(next) || (quote === "" && next === " "))) {
			word = (word ?? "") + next;
			at += 1;
		} else if (quote !== "") {
			if (char === quote) quote = "";
			else word += char;
		} else if (char === '"' || char === "'") {
			quote = char;
			word ??= "";
		} else if (/\s/.test(char)) end();
		else if (char === "#" && word === undefined) break;
		else if (char === "=" && !equals && words.length + Number(word !== undefined) === 1) {
			equals = true;
			end();
		} else word = (word ?? "") + char;
	}
	if (quote === "") end();
	return words;
}

/** Patterns of the files that these lines include, made absolute as sshd does (below /etc/ssh). */
export function includes(lines: readonly SshdLine[]): string[] {
	return lines
		.filter((line) => line.keyword === "include")
		.flatMap((line) => line.args)
		.map(absoluteInclude);
}

function absoluteInclude(pattern: string): string {
	return pattern.startsWith("/") ? pattern : `/etc/ssh/${pattern}`;
}

/** sshd stops at this depth of Include (servconf.c, SERVCONF_MAX_DEPTH). */
const deepestInclude = 16;

/** Files that include themselves several times over would multiply with each level; no real configuration has this many. */
const mostIncludes = 1024;

/**
 * The configuration in force for one login. Of what stands outside Match blocks, and of what stands in those that hold, the
 * first value of each keyword wins, except for those that add up; then the blocks win (parse_server_match_config() of
 * servconf.c). `files` holds the lines of every file, by path; `expand` gives the paths a pattern of Include stands for, in order.
 */
export function effectiveSshdConfig(
	main: string,
	files: ReadonlyMap<string, readonly SshdLine[]>,
	expand: (pattern: string) => readonly string[],
	login: SshdLogin,
): ReadonlyMap<string, readonly (readonly string[])[]> {
	const outside = new Map<string, (readonly string[])[]>();
	const matched = new Map<string, (readonly string[])[]>();
	let included = 0;
	const walk = (path: string, active: boolean, within: boolean, depth: number): void => {
		let on = active;
		let values = within ? matched : outside;
		for (const line of files.get(path) ?? []) {
			if (line.keyword === "match") {
				on = active && matches(line.args, login);
				values = matched;
			} else if (line.keyword === "include") {
				if (!on || depth >= deepestInclude) continue;
				// A Match within an included file ends with that file.
				for (const file of line.args.map(absoluteInclude).flatMap(expand)) {
					included += 1;
					if (included <= mostIncludes) walk(file, on, values === matched, depth + 1);
				}
			} else if (on && !(values === matched && forAll.has(line.keyword))) {
				const known = values.get(line.keyword);
				if (!known) values.set(line.keyword, [line.args]);
				else if (cumulative.has(line.keyword)) known.push(line.args);
			}
		}
	};
	walk(main, true, false, 0);
	return new Map([...outside, ...matched]);
}

/** Keywords that sshd takes for all logins alike, of those that matter here: in a Match block they are an error. */
const forAll: ReadonlySet<string> = new Set([
	"hostcertificate",
	"hostkey",
	"listenaddress",
	"port",
	"strictmodes",
]);

/** Keywords that may be given more than once, all of them counting (sshd_config(5)). */
const cumulative: ReadonlySet<string> = new Set([
	"hostkey",
	"hostcertificate",
	"port",
	"listenaddress",
	"acceptenv",
	"allowusers",
	"denyusers",
	"allowgroups",
	"denygroups",
	"setenv",
	"subsystem",
]);

/** Whether all criteria of a Match line hold. One that cannot be judged from here does not. */
function matches(args: readonly string[], login: SshdLogin): boolean {
	if (args.length === 0) return false;
	for (let at = 0; at < args.length; ) {
		const word = args[at] ?? "";
		const equals = word.indexOf("=");
		const criterion = (equals > 0 ? word.slice(0, equals) : word).toLowerCase();
		if (criterion === "all") return args.length === 1;
		if (criterion === "invalid-user") return false;
		const patterns = (equals > 0 ? word.slice(equals + 1) : (args[at + 1] ?? "")).split(",");
		at += equals > 0 ? 1 : 2;
		if (!holds(criterion, patterns, login)) return false;
	}
	return true;
}

function holds(criterion: string, patterns: readonly string[], login: SshdLogin): boolean {
	switch (criterion) {
		case "user":
			return matchList(patterns, (p) => wildcard(p).test(login.user));
		case "group":
			// One group that is excluded excludes (ga_match_pattern_list() of groupaccess.c).
			return matchList(patterns, (p) => login.groups.some((group) => wildcard(p).test(group)));
		case "address":
		case "host":
			return matchList(patterns, (p) => addressMatches(p, login.address));
		case "localaddress":
			return matchList(patterns, (p) => addressMatches(p, login.localAddress));
		case "localport":
			return patterns.includes(String(login.localPort));
		default:
			return false;
	}
}

/** A list of patterns: any may hold, but a negated one that holds excludes. */
function matchList(patterns: readonly string[], test: (pattern: string) => boolean): boolean {
	let found = false;
	for (const pattern of patterns) {
		if (pattern.startsWith("!")) {
			if (test(pattern.slice(1))) return false;
		} else found ||= test(pattern);
	}
	return found;
}

function addressMatches(pattern: string, address: string): boolean {
	const slash = pattern.indexOf("/");
	if (slash < 0) return wildcard(pattern.toLowerCase()).test(address.toLowerCase());
	const network = addressBits(pattern.slice(0, slash));
	const candidate = addressBits(address);
	const length = Number(pattern.slice(slash + 1));
	if (network === undefined || candidate === undefined || network.length !== candidate.length) {
		return false;
	}
	return network.slice(0, length) === candidate.slice(0, length);
}

/** An address as a string of 32 or 128 binary digits, or undefined. */
function addressBits(address: string): string | undefined {
	const v4 = address.replace(/^::ffff:(?=\d+\.)/i, "");
	if (/^\d{1,3}(\.\d{1,3}){3}$/.test(v4)) {
		return v4
			.split(".")
			.map((part) => Number(part).toString(2).padStart(8, "0"))
			.join("");
	}
	const [head = "", tail] = address.toLowerCase().replace(/%.*$/, "").split("::", 2);
	const groups = (side: string): string[] => (side === "" ? [] : side.split(":"));
	const left = groups(head);
	const right = tail === undefined ? [] : groups(tail);
	const missing = 8 - left.length - right.length;
	if (missing < 0 || (tail === undefined && missing !== 0)) return undefined;
	const all = [...left, ...Array<string>(missing).fill("0"), ...right];
	if (!all.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return undefined;
	return all.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, "0")).join("");
}

/**
 * Expands the tokens of AuthorizedKeysFile and its like: `%%`, `%h` (home), `%u` (user), `%U` (uid); a relative
 * path is below the home directory (sshd_config(5), TOKENS).
 */
export function expandUserPath(
	template: string,
	user: { readonly name: string; readonly uid: number; readonly home: string },
): string {
	const expanded = template.replace(/%([%huU])/g, (_, token: string) => {
		if (token === "h") return user.home;
		if (token === "u") return user.name;
		return token === "U" ? String(user.uid) : "%";
	});
	return expanded.startsWith("/") ? expanded : `${user.home.replace(/\/$/, "")}/${expanded}`;
}
