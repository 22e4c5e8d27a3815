import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { isIP, SocketAddress } from "node:net";
import { dirname, join } from "node:path";
import {
	type ConfigSources,
	expandTilde,
	type Machine,
	type RawConfig,
	readConfig,
} from "./config.ts";
import type { ConfigLine } from "./config-lines.ts";
import { sshError } from "./error.ts";
import type { SshOptions, Unsupported } from "./options.ts";
import { checkUser, formatTarget, parseTarget, type Target } from "./target.ts";

/** The options in force for a target: what `ssh -G` would print, of the words that matter here. */
export function resolveOptions(
	target: Target,
	sources: ConfigSources,
	machine: Machine,
): SshOptions {
	if (sources.user !== undefined) checkUser(sources.user, sources.user);
	const raw = readConfig(
		target.host,
		{ ...sources, user: target.user ?? sources.user, port: target.port ?? sources.port },
		machine,
	);
	const get = (word: string): string | undefined => {
		const values = raw.values.get(word)?.[0]?.values;
		return (values?.length ?? 0) > 1 ? fail(word, "one value") : values?.[0];
	};
	const all = (word: string): readonly string[] | undefined => raw.values.get(word)?.[0]?.values;
	const fail = (word: string, expected: string): never => {
		const line = raw.values.get(word)?.[0];
		throw sshError("SSH_CONFIG", "cannot be used", {
			where: line === undefined ? undefined : place(line),
			field: line?.written ?? word,
			expected,
			found: JSON.stringify(line?.rest),
		});
	};
	const choose = <T extends string>(
		word: string,
		values: Readonly<Record<string, T>>,
		or: T,
	): T => {
		const text = get(word)?.toLowerCase();
		if (text === undefined) return or;
		return Object.hasOwn(values, text)
			? (values[text] ?? or)
			: fail(word, Object.keys(values).join(", "));
	};
	const flag = (word: string, or: boolean): boolean =>
		choose(word, { yes: "yes", true: "yes", no: "no", false: "no" }, or ? "yes" : "no") === "yes";
	const number = (word: string, or: number, max = 2 ** 31): number => {
		const text = get(word);
		if (text === undefined) return or;
		return /^\d{1,10}$/.test(text) && Number(text) <= max ? Number(text) : fail(word, "a number");
	};
	const seconds = (word: string, or: number): number => {
		const text = get(word);
		if (text === undefined || text === "none") return or;
		return parseSeconds(text) ?? fail(word, "a time such as 30 or 1m30s");
	};

	if (raw.values.has("refuseconnection"))
		fail("refuseconnection", "a host that may be connected to");
	const user = get("user") ?? machine.user;
	const port = number("port", 22, 65535);
	if (port === 0) fail("port", "a port from 1 to 65535");
	const configuredHost = get("hostname");
	const name =
		configuredHost === undefined
			? target.host
			: expandTokens(configuredHost, { h: target.host }, () => fail("hostname", "only %h and %%"));
	if (/^-|[\s\p{Cc}]/u.test(name) || name === "") fail("hostname", "a host name or address");
	// known_hosts holds addresses in their one short form.
	const [address = "", ...scope] = name.split("%");
	const short = (v6: string) => new SocketAddress({ address: v6, family: "ipv6" }).address;
	const host = isIP(address) === 6 ? [short(address), ...scope].join("%") : name;
	const hostKeyAlias = get("hostkeyalias");
	const jump = get("proxyjump");
	const proxyJump = jump === undefined || jump.toLowerCase() === "none" ? [] : parseJump(jump);

	const base = {
		h: host,
		n: target.host,
		p: String(port),
		r: user,
	};
	const tokens: Tokens = {
		...base,
		d: machine.home,
		i: String(machine.uid),
		j: jump ?? "",
		k: hostKeyAlias ?? host,
		l: machine.hostname,
		L: machine.hostname.split(".", 1)[0] ?? "",
		u: machine.user,
		C: createHash("sha1")
			.update(`${machine.hostname}${host}${port}${user}${proxyJump.length > 0 ? jump : ""}`)
			.digest("hex"),
	};
	const path = (text: string, word: string): string =>
		expandEnv(
			expandTokens(expandTilde(text, machine), tokens, (token) =>
				fail(word, `a token of ssh_config(5), not %${token}`),
			),
			machine.env,
			(name) => fail(word, `the variable ${name} to be set`),
		);

	const files = (word: string): string[] =>
		(raw.values.get(word) ?? [])
			.flatMap((line) => line.values.slice(0, 1))
			.filter((file) => file.toLowerCase() !== "none")
			.map((file) => path(file, word));
	const given = raw.values.has("identityfile");
	const identityFiles = given
		? files("identityfile")
		: defaultIdentities.map((name) => join(machine.home, ".ssh", name));
	const certificateFiles = files("certificatefile");

	const command = get("proxycommand");
	const proxyCommand =
		command === undefined || command.toLowerCase() === "none"
			? undefined
			: expandTokens(command, { ...base, k: hostKeyAlias ?? host }, (token) =>
					fail("proxycommand", `one of %h %k %n %p %r %%, not %${token}`),
				);

	const knownHosts = (word: string, or: readonly string[]): string[] =>
		(all(word) ?? or)
			.filter((file) => file.toLowerCase() !== "none")
			.map((file) => path(file, word));

	const batchMode = flag("batchmode", false);
	return {
		originalHost: target.host,
		host,
		port,
		user,
		identityFiles,
		identityFilesGiven: given,
		certificateFiles,
		identitiesOnly: flag("identitiesonly", false),
		identityAgent: agentSocket(get("identityagent"), machine, (text) =>
			path(text, "identityagent"),
		),
		proxyJump,
		proxyCommand,
		hostKeyAlias,
		userKnownHostsFiles: knownHosts("userknownhostsfile", [
			"~/.ssh/known_hosts",
			"~/.ssh/known_hosts2",
		]),
		globalKnownHostsFiles: knownHosts("globalknownhostsfile", [
			"/etc/ssh/ssh_known_hosts",
			"/etc/ssh/ssh_known_hosts2",
		]),
		strictHostKeyChecking: choose(
			"stricthostkeychecking",
			{
				yes: "yes",
				true: "yes",
				no: "no",
				false: "no",
				off: "no",
				ask: "ask",
				"accept-new": "accept-new",
			},
			"ask",
		),
		hashKnownHosts: flag("hashknownhosts", false),
		requiredRsaSize: number("requiredrsasize", 1024),
		// To ssh, 0 is no limit; here every wait has one.
		connectTimeout: seconds("connecttimeout", 0) || defaultConnectTimeout,
		// Keeping alive is on by default: a lost target must be noticed while it is being worked on.
		serverAliveInterval: seconds("serveraliveinterval", defaultAliveInterval),
		serverAliveCountMax: number("serveralivecountmax", 3),
		addressFamily: choose("addressfamily", { any: "any", inet: "inet", inet6: "inet6" }, "any"),
		bindAddress: get("bindaddress"),
		batchMode,
		numberOfPasswordPrompts: number("numberofpasswordprompts", 3, 100),
		pubkeyAuthentication:
			choose(
				"pubkeyauthentication",
				{ yes: "yes", true: "yes", no: "no", false: "no", unbound: "yes", "host-bound": "yes" },
				"yes",
			) === "yes",
		passwordAuthentication: flag("passwordauthentication", true),
		kbdInteractiveAuthentication: flag("kbdinteractiveauthentication", true),
		preferredAuthentications: (
			get("preferredauthentications") ?? "publickey,keyboard-interactive,password"
		).split(","),
		compression: flag("compression", false),
		algorithms: {
			kex: get("kexalgorithms"),
			hostKey: get("hostkeyalgorithms"),
			cipher: get("ciphers"),
			mac: get("macs"),
		},
		ignoreUnknown: get("ignoreunknown"),
		unsupported: unsupported(raw, identityFiles, certificateFiles, dirname(machine.systemConfig)),
	};
}

/** Seconds until TCP connection and key exchange must be through where no ConnectTimeout says otherwise. */
const defaultConnectTimeout = 30;
/** A dead connection is noticed after three of these. */
const defaultAliveInterval = 15;

const defaultIdentities = [
	"id_rsa",
	"id_ecdsa",
	"id_ecdsa_sk",
	"id_ed25519",
	"id_ed25519_sk",
	"id_xmss",
	"id_dsa",
];

type Tokens = Readonly<Record<string, string>>;

/** Replaces `%x`; calls `unknown` for a token that is not in the table. */
export function expandTokens(
	text: string,
	tokens: Tokens,
	unknown: (token: string) => never,
): string {
	return text.replace(/%(.?)/gsu, (_, token: string) => {
		if (token === "%") return "%";
		return tokens[token] ?? unknown(token);
	});
}

/** Replaces `${NAME}`. */
function expandEnv(text: string, env: Machine["env"], missing: (name: string) => never): string {
	return text.replace(/\$\{([^}]*)\}/g, (_, name: string) => env[name] ?? missing(name));
}

/** A time of sshd_config(5): `90`, `1m30s`, `2h`. Undefined if it is none. */
export function parseSeconds(text: string): number | undefined {
	const units: Readonly<Record<string, number>> = {
		"": 1,
		s: 1,
		m: 60,
		h: 3600,
		d: 86400,
		w: 604800,
	};
	if (!/^(?:\d{1,9}[smhdw]?)+$/i.test(text)) return undefined;
	let total = 0;
	for (const [, count = "", unit = ""] of text.matchAll(/(\d+)([smhdw]?)/gi)) {
		total += Number(count) * (units[unit.toLowerCase()] ?? 1);
	}
	return total;
}

function parseJump(text: string): string[] {
	return text.split(",").map((hop) => formatTarget(parseTarget(hop)));
}

function agentSocket(
	text: string | undefined,
	machine: Machine,
	path: (text: string) => string,
): string | undefined {
	if (text === undefined || text === "SSH_AUTH_SOCK") return machine.env.SSH_AUTH_SOCK || undefined;
	if (text.toLowerCase() === "none") return undefined;
	// "$NAME" is a variable that holds the path.
	if (/^\$[A-Za-z_]\w*$/.test(text)) return machine.env[text.slice(1)] || undefined;
	return path(text);
}

/** Words without which the connection would be another one, unless they have their harmless value. */
const needsOpenSsh: Readonly<Record<string, readonly string[]>> = {
	gssapiauthentication: ["no"],
	hostbasedauthentication: ["no"],
	pkcs11provider: ["none"],
	securitykeyprovider: ["internal"],
	knownhostscommand: ["none"],
	canonicalizehostname: ["no", "false"],
	proxyusefdpass: ["no"],
	bindinterface: [],
	verifyhostkeydns: ["no", "false"],
	revokedhostkeys: ["none"],
	tag: ["none"],
	ipqos: [],
};

/** Of these, what a distribution sets for everybody: a login may be tried without first. */
const setForAll: ReadonlySet<string> = new Set([
	"gssapiauthentication",
	"hostbasedauthentication",
	"ipqos",
]);

/** Words that ssh2 leaves out without changing who is talked to and how safely. */
const noted: Readonly<Record<string, readonly string[]>> = {
	localforward: [],
	remoteforward: [],
	dynamicforward: [],
	forwardagent: ["no"],
	forwardx11: ["no"],
	remotecommand: ["none"],
	localcommand: ["none"],
	setenv: [],
	tunnel: ["no"],
	pubkeyacceptedalgorithms: [],
};

function unsupported(
	raw: RawConfig,
	identities: readonly string[],
	certificates: readonly string[],
	systemFolder: string,
): Unsupported[] {
	const met: Unsupported[] = [];
	for (const [table, weight] of [
		[needsOpenSsh, "openssh"],
		[noted, "note"],
	] as const) {
		for (const [word, harmless] of Object.entries(table)) {
			const line = raw.values.get(word)?.[0];
			const value = line?.values[0]?.toLowerCase();
			if (line === undefined || value === undefined || harmless.includes(value)) continue;
			const system = setForAll.has(word) && line.file.startsWith(`${systemFolder}/`);
			met.push({
				word: `${line.written} ${line.values.join(" ")}`,
				where: place(line),
				weight: system ? "note" : weight,
			});
		}
	}
	for (const { criterion, line } of raw.skipped) {
		met.push({ word: `Match ${criterion}`, where: place(line), weight: "openssh" });
	}
	for (const file of certificates) {
		met.push({ word: "CertificateFile", where: file, weight: "openssh" });
	}
	for (const file of identities) {
		const certificate = `${file}-cert.pub`;
		if (existsSync(certificate)) {
			met.push({ word: "a certificate", where: certificate, weight: "openssh" });
		}
	}
	return met;
}

function place(line: ConfigLine): string {
	return line.file === "command line" ? line.file : `${line.file}:${line.number}`;
}
