import { showBytes, text, utf8 } from "../../bytes/index.ts";

/** One option of an authorized key: `no-pty`, or `from="192.0.2.0/24"` with its quotes taken off. */
export interface KeyOption {
	/** Lower case, as sshd compares it. */
	readonly name: string;
	readonly value?: string;
}

/** A usable line of an authorized_keys file (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
export interface AuthorizedKey {
	/** The line as it stands, without its line end. */
	readonly line: string;
	/** Counted from 1. */
	readonly lineNumber: number;
	readonly options: readonly KeyOption[];
	/** Such as `ssh-ed25519` or `sk-ssh-ed25519@openssh.com`. */
	readonly type: string;
	/** The key blob in base64, as it stands in the file. */
	readonly blob: string;
	readonly comment: string;
}

/** A line that sshd would skip although it is neither empty nor a comment. */
export interface UnusableLine {
	readonly lineNumber: number;
	readonly reason: string;
}

export interface AuthorizedKeys {
	readonly keys: readonly AuthorizedKey[];
	readonly unusable: readonly UnusableLine[];
}

/** Key types that OpenSSH accepts in authorized_keys (sshkey.c). Certificates themselves do not belong there. */
const keyType =
	/^(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)$/;

/** Reads an authorized_keys file. A line that makes no sense is reported, never guessed at. */
export function parseAuthorizedKeys(file: Uint8Array): AuthorizedKeys {
	const keys: AuthorizedKey[] = [];
	const unusable: UnusableLine[] = [];
	text(file)
		.split("\n")
		.forEach((raw, index) => {
			const line = raw.replace(/\r$/, "").trim();
			if (line === "" || line.startsWith("#")) return;
			const parsed = parseLine(line);
			const lineNumber = index + 1;
			if (typeof parsed === "string") unusable.push({ lineNumber, reason: parsed });
			else keys.push({ ...parsed, line, lineNumber });
		});
	return { keys, unusable };
}

function parseLine(line: string): Omit<AuthorizedKey, "line" | "lineNumber"> | string {
	const bare = parseKey(line);
	if (bare) return { ...bare, options: [] };
	// What does not begin with a key type begins with options, which end at the first blank outside quotes.
	const options = parseOptions(line);
	if (typeof options === "string") return options;
	const key = parseKey(line.slice(options.length).trimStart());
	if (key) return { ...key, options: options.options };
	const word = showBytes(utf8(line.slice(0, 24).split(/\s/, 1)[0] ?? ""));
	return `no key type known to OpenSSH (the line begins with ${word})`;
}

function parseKey(rest: string): { type: string; blob: string; comment: string } | undefined {
	const [, type = "", blob = "", comment = ""] = rest.match(/^(\S+)[ \t]+(\S+)[ \t]*(.*)$/) ?? [];
	if (!keyType.test(type) || !/^[A-Za-z0-9+/]+={0,2}$/.test(blob)) return undefined;
	return { type, blob, comment };
}

/** Reads the options that a line begins with, up to a blank outside quotes; else says why they make no sense. */
export function parseOptions(line: string): { options: KeyOption[]; length: number } | string {
	const options: KeyOption[] = [];
	let at = 0;
	for (;;) {
		const name = /^[A-Za-z0-9-]+/.exec(line.slice(at))?.[0];
		if (name === undefined) return "its options cannot be read";
		at += name.length;
		if (line[at] === "=" && line[at + 1] === '"') {
			// Within quotes \" is a quote; nothing else is escaped.
			const quoted = /^"((?:\\"|(?!\\")[^"])*)"/.exec(line.slice(at + 1));
			if (!quoted) return `the value of its option ${name} has no closing quote`;
			at += 1 + quoted[0].length;
			options.push({
				name: name.toLowerCase(),
				value: (quoted[1] ?? "").replaceAll('\\"', '"'),
			});
		} else options.push({ name: name.toLowerCase() });
		const comma = line[at] === ",";
		if (comma) at += 1;
		if (line[at] === " " || line[at] === "\t") return { options, length: at };
		if (!comma) return "its options cannot be read";
	}
}

/** The value of an option, or undefined where the key lacks it. */
export function keyOption(key: AuthorizedKey, name: string): string | undefined {
	const option = key.options.find((candidate) => candidate.name === name);
	return option && (option.value ?? "");
}
