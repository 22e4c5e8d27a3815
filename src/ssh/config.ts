import { readdirSync, readFileSync, statSync } from "node:fs";
import { homedir, hostname, userInfo } from "node:os";
import { join } from "node:path";
import { type ConfigLine, parseConfigLine, parseConfigLines } from "./config-lines.ts";
import { configWords } from "./config-words.ts";
import { sshError } from "./error.ts";
import { matchList, matchPattern } from "./pattern.ts";

/** What of the operator's machine decides; tests hand in their own. */
export interface Machine {
	readonly home: string;
	readonly user: string;
	readonly uid: number;
	/** Name of this host (%l). */
	readonly hostname: string;
	readonly env: Readonly<Record<string, string | undefined>>;
	/** /etc/ssh/ssh_config. */
	readonly systemConfig: string;
}

export function thisMachine(env: Machine["env"] = process.env): Machine {
	const { username, uid, homedir: home } = userInfo();
	// ssh takes the home from the user database, not from HOME.
	return {
		home: home || homedir(),
		user: username,
		uid,
		hostname: hostname(),
		env,
		systemConfig: "/etc/ssh/ssh_config",
	};
}

/** Values in force: word → its lines, the first alone but for words that add up. */
export interface RawConfig {
	readonly values: ReadonlyMap<string, readonly ConfigLine[]>;
	/** Match criteria that were not evaluated. */
	readonly skipped: readonly { criterion: string; line: ConfigLine }[];
}

export interface ConfigSources {
	/** `-o word=value`, in order. */
	readonly settings: readonly string[];
	/** `-F`: this file alone; `none` for no file at all. */
	readonly file: string | undefined;
	/** From the command line or the target. */
	readonly user: string | undefined;
	readonly port: number | undefined;
	readonly jump: string | undefined;
	readonly identities: readonly string[];
}

/** Words of which every line counts. */
const additive = new Set([
	"identityfile",
	"certificatefile",
	"localforward",
	"remoteforward",
	"dynamicforward",
	"sendenv",
	"setenv",
]);

/** ssh's own limit for nested Include. */
const maxDepth = 16;

/** Reads the configuration for one host: command line, user's file, system's file; the first value wins. */
export function readConfig(host: string, sources: ConfigSources, machine: Machine): RawConfig {
	const reader = new Reader(host, machine);
	if (sources.user !== undefined) reader.set("user", sources.user);
	if (sources.port !== undefined) reader.set("port", String(sources.port));
	if (sources.jump !== undefined) reader.set("proxyjump", sources.jump);
	for (const path of sources.identities) reader.set("identityfile", path);
	for (const setting of sources.settings) {
		const line = parseConfigLine(setting, "command line", 1);
		if (line === undefined) continue;
		if (!configWords.has(aliases[line.word] ?? line.word))
			throw bad(line, "a word of ssh_config(5)");
		if (line.values.join("") === "") throw bad(line, "a value: Word=value");
		reader.take(line);
	}
	const pass = () => {
		if (sources.file === undefined) {
			reader.file(join(machine.home, ".ssh", "config"), {
				user: true,
				optional: true,
				check: true,
			});
			reader.file(machine.systemConfig, { user: false, optional: true, check: false });
		} else if (sources.file !== "none") {
			reader.file(sources.file, { user: true, optional: false, check: false });
		}
	};
	pass();
	if (reader.wantsFinal) {
		reader.beginFinal();
		pass();
	}
	return { values: reader.values, skipped: reader.skipped };
}

interface FileFlags {
	readonly user: boolean;
	readonly optional: boolean;
	/** Whether owner and mode must be safe. */
	readonly check: boolean;
}

class Reader {
	readonly values: Map<string, ConfigLine[]> = new Map();
	readonly skipped: { criterion: string; line: ConfigLine }[] = [];
	wantsFinal = false;
	#final = false;
	readonly #typed: string;
	/** What Host lines are compared with: as typed, in the final pass the HostName. */
	#host: string;
	readonly #machine: Machine;

	constructor(host: string, machine: Machine) {
		this.#typed = host;
		this.#host = host;
		this.#machine = machine;
	}

	set(word: string, value: string): void {
		this.take({
			file: "command line",
			number: 1,
			word,
			written: word,
			rest: value,
			values: [value],
		});
	}

	take(line: ConfigLine): void {
		const word = aliases[line.word] ?? line.word;
		// Whichever of the two comes first decides, the other is ignored.
		if (word === "proxycommand" && this.values.has("proxyjump")) return;
		if (word === "proxyjump" && this.values.has("proxycommand")) return;
		const held = this.values.get(word);
		if (held === undefined) this.values.set(word, [line]);
		else if (additive.has(word)) {
			if (!held.some((other) => other.values.join(" ") === line.values.join(" "))) held.push(line);
		}
	}

	beginFinal(): void {
		this.#final = true;
		this.#host = this.#hostName();
		// The second pass cannot change where to connect: as in ssh, the name of the first is settled.
		if (!this.values.has("hostname")) this.set("hostname", this.#host.replaceAll("%", "%%"));
	}

	file(path: string, flags: FileFlags, depth = 0, active = true, never = false): void {
		let text: string;
		try {
			const stat = statSync(path);
			if (flags.check) this.#checkOwner(path, stat);
			text = readFileSync(path, "utf8");
		} catch (cause) {
			const code = (cause as NodeJS.ErrnoException).code;
			if (flags.optional && (code === "ENOENT" || code === "EACCES" || code === "ENOTDIR")) return;
			if (code === undefined) throw cause;
			throw sshError("SSH_CONFIG", "cannot read the ssh_config", {
				where: path,
				found: code,
				cause,
			});
		}
		let applies = active;
		for (const line of parseConfigLines(text, path)) {
			if (line.word === "host") {
				if (line.values.length === 0) throw bad(line, "at least one pattern");
				applies = !never && matchList(this.#host, line.values) === true;
			} else if (line.word === "match") {
				// Criteria are looked at even where they cannot apply: "final" asks for a second pass.
				applies = this.#match(line, !never);
			} else if (line.word === "include") {
				if (line.values.length === 0) throw bad(line, "at least one path");
				for (const pattern of line.values)
					this.#include(pattern, line, flags, depth, applies, never);
			} else if (applies) {
				if (line.values.length === 0 || line.values[0] === "") throw bad(line, "a value");
				this.take(line);
			}
		}
	}

	#include(
		pattern: string,
		line: ConfigLine,
		flags: FileFlags,
		depth: number,
		applies: boolean,
		never: boolean,
	): void {
		if (depth >= maxDepth) throw bad(line, `at most ${maxDepth} levels of Include`);
		let path = expandTilde(pattern, this.#machine);
		if (!path.startsWith("/")) {
			path = join(flags.user ? join(this.#machine.home, ".ssh") : "/etc/ssh", path);
		}
		for (const file of glob(path)) {
			this.file(
				file,
				{ user: flags.user, optional: true, check: flags.user },
				depth + 1,
				applies,
				never || !applies,
			);
		}
	}

	#hostName(): string {
		const configured = this.values.get("hostname")?.[0]?.values[0];
		if (configured === undefined) return this.#typed;
		return configured.replace(/%[h%]/g, (token) => (token === "%h" ? this.#typed : "%"));
	}

	/** `possible`: whether it can apply at all, where it stands. */
	#match(line: ConfigLine, possible: boolean): boolean {
		let result = possible;
		const words = [...line.values];
		if (words.length === 0) throw bad(line, "criteria");
		while (words.length > 0) {
			let word = (words.shift() ?? "").toLowerCase();
			const negated = word.startsWith("!");
			if (negated) word = word.slice(1);
			let holds: boolean;
			if (word === "all") {
				if (words.length > 0 && words.length === line.values.length - 1) {
					throw bad(line, "nothing behind all");
				}
				holds = true;
			} else if (word === "final") {
				if (!this.#final) this.wantsFinal = true;
				holds = this.#final;
			} else if (word === "canonical") {
				holds = this.#final;
			} else {
				// "user=root" is taken like "user root".
				const equals = word.indexOf("=");
				let value: string | undefined;
				if (equals > 0) {
					value = (line.values[line.values.length - words.length - 1] ?? "").replace(/^[^=]*=/, "");
					word = word.slice(0, equals);
				} else value = words.shift();
				if (value === undefined) throw bad(line, `a value for ${word}`);
				holds = this.#criterion(word, value, line, result);
			}
			if (holds === negated) result = false;
		}
		return result;
	}

	/** `matters`: whether the line may still apply; else, as in ssh, nothing is run to find out. */
	#criterion(word: string, value: string, line: ConfigLine, matters: boolean): boolean {
		const list = value.split(",");
		switch (word) {
			case "host":
				return matchList(this.#final ? this.#host : this.#hostName(), list) === true;
			case "originalhost":
				return matchList(this.#typed, list) === true;
			case "user":
				return (
					matchList(this.values.get("user")?.[0]?.values[0] ?? this.#machine.user, list) === true
				);
			case "localuser":
				return matchList(this.#machine.user, list) === true;
			case "exec":
			case "localnetwork":
			case "tagged":
			case "version":
			case "sessiontype":
			case "command":
				if (matters) this.skipped.push({ criterion: word, line });
				return false;
			default:
				throw bad(line, "a known Match criterion", word);
		}
	}

	#checkOwner(path: string, stat: { uid: number; mode: number }): void {
		const writable = (stat.mode & 0o022) !== 0;
		if ((stat.uid !== 0 && stat.uid !== this.#machine.uid) || writable) {
			throw sshError("SSH_CONFIG", "bad owner or permissions", {
				where: path,
				expected: "a file that only you or root can write",
				found: `owner ${stat.uid}, mode ${(stat.mode & 0o7777).toString(8)}`,
				remedy: `chmod 600 ${path}`,
			});
		}
	}
}

/** Old names that ssh still takes. */
const aliases: Readonly<Record<string, string>> = {
	dsaauthentication: "pubkeyauthentication",
	keepalive: "tcpkeepalive",
	challengeresponseauthentication: "kbdinteractiveauthentication",
	skeyauthentication: "kbdinteractiveauthentication",
	tisauthentication: "kbdinteractiveauthentication",
	identityfile2: "identityfile",
	globalknownhostsfile2: "globalknownhostsfile",
	userknownhostsfile2: "userknownhostsfile",
	pubkeyacceptedkeytypes: "pubkeyacceptedalgorithms",
	hostbasedkeytypes: "hostbasedacceptedalgorithms",
};

/** `~` and `~user`; the latter only where /home/user would be a guess is left alone. */
export function expandTilde(path: string, machine: Pick<Machine, "home" | "user">): string {
	if (path === "~") return machine.home;
	if (path.startsWith("~/")) return join(machine.home, path.slice(2));
	if (path.startsWith(`~${machine.user}/`)) {
		return join(machine.home, path.slice(machine.user.length + 2));
	}
	return path;
}

/** glob(7) with `*`, `?` and `[…]`, names with a leading dot only where the pattern has it; sorted. */
export function glob(pattern: string): string[] {
	let found = ["/"];
	for (const part of pattern.split("/").filter((piece) => piece !== "")) {
		if (!/[*?[]/.test(part)) {
			found = found.map((path) => join(path, part));
			continue;
		}
		found = found.flatMap((path) => {
			let names: string[];
			try {
				names = readdirSync(path);
			} catch {
				return [];
			}
			return names
				.filter((name) => (part.startsWith(".") || !name.startsWith(".")) && matchGlob(name, part))
				.sort()
				.map((name) => join(path, name));
		});
	}
	return found.filter((path) => {
		try {
			return statSync(path) !== undefined;
		} catch {
			return false;
		}
	});
}

function matchGlob(name: string, pattern: string): boolean {
	const at = pattern.indexOf("[");
	if (at < 0) return matchPattern(name, pattern);
	const source = pattern.replace(/\[(!?)([^\]]+)\]|[*?]|[\\^$.|+(){}[\]]/g, (whole, not, set) => {
		if (set !== undefined) return `[${not ? "^" : ""}${String(set).replace(/[\\^\]]/g, "\\$&")}]`;
		return whole === "*" ? ".*" : whole === "?" ? "." : `\\${whole}`;
	});
	return new RegExp(`^${source}$`, "s").test(name);
}

function bad(line: ConfigLine, expected: string, found?: string): Error {
	return sshError("SSH_CONFIG", "cannot be used", {
		where: `${line.file}:${line.number}`,
		field: line.written,
		expected,
		found,
	});
}
