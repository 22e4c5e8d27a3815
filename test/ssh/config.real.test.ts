import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { thisMachine } from "../../src/ssh/config.ts";
import { configWords } from "../../src/ssh/config-words.ts";
import type { SshOptions } from "../../src/ssh/options.ts";
import { resolveOptions } from "../../src/ssh/resolve.ts";
import { parseTarget } from "../../src/ssh/target.ts";
import { missing } from "../support/programs.ts";
import { scratch } from "./sshd.ts";

const lacking = missing("ssh");
const place = scratch();
afterAll(() => place.remove());

interface Flags {
	readonly settings?: string[];
	readonly user?: string;
	readonly port?: number;
	readonly jump?: string;
	readonly identities?: string[];
}

/** What both programs can be asked for, in ssh's spelling; undefined if either refuses the configuration. */
type Answers = Record<string, string> | undefined;

function theirs(file: string, host: string, flags: Flags): Answers {
	const args = [
		"-G",
		...["-F", file],
		...(flags.user === undefined ? [] : ["-l", flags.user]),
		...(flags.port === undefined ? [] : ["-p", String(flags.port)]),
		...(flags.jump === undefined ? [] : ["-J", flags.jump]),
		...(flags.identities ?? []).flatMap((path) => ["-i", path]),
		...(flags.settings ?? []).flatMap((setting) => ["-o", setting]),
		host,
	];
	const result = spawnSync("ssh", args, { encoding: "utf8", timeout: 20_000 });
	if (result.status !== 0) return undefined;
	const answers: Record<string, string> = {};
	for (const line of result.stdout.split("\n")) {
		const [word = "", ...rest] = line.split(" ");
		const value = rest.join(" ");
		answers[word] = word in answers ? `${answers[word]} ${value}` : value;
	}
	return answers;
}

function ours(file: string, host: string, flags: Flags): Answers {
	let options: SshOptions;
	try {
		options = resolveOptions(
			parseTarget(host),
			{
				settings: flags.settings ?? [],
				file,
				user: flags.user,
				port: flags.port,
				jump: flags.jump,
				identities: flags.identities ?? [],
			},
			thisMachine(),
		);
	} catch (error) {
		if ((error as { code?: string }).code?.startsWith("SSH_")) return undefined;
		throw error;
	}
	const flag = (value: boolean) => (value ? "yes" : "no");
	const strict = { yes: "true", no: "false", ask: "ask", "accept-new": "accept-new" };
	return {
		hostname: options.host,
		user: options.user,
		port: String(options.port),
		addressfamily: options.addressFamily,
		batchmode: flag(options.batchMode),
		compression: flag(options.compression),
		hashknownhosts: flag(options.hashKnownHosts),
		identitiesonly: flag(options.identitiesOnly),
		passwordauthentication: flag(options.passwordAuthentication),
		kbdinteractiveauthentication: flag(options.kbdInteractiveAuthentication),
		stricthostkeychecking: strict[options.strictHostKeyChecking],
		numberofpasswordprompts: String(options.numberOfPasswordPrompts),
		serveralivecountmax: String(options.serverAliveCountMax),
		identityfile: options.identityFiles.join(" "),
		userknownhostsfile: options.userKnownHostsFiles.join(" "),
		globalknownhostsfile: options.globalKnownHostsFiles.join(" "),
		...(options.proxyJump.length === 0 ? {} : { proxyjump: options.proxyJump.join(",") }),
		...(options.hostKeyAlias === undefined ? {} : { hostkeyalias: options.hostKeyAlias }),
		...(options.bindAddress === undefined ? {} : { bindaddress: options.bindAddress }),
		...(options.certificateFiles.length === 0
			? {}
			: { certificatefile: options.certificateFiles.join(" ") }),
	};
}

/** ssh -G prints some paths before it expands them, and `none` where nothing was said. */
function comparable(answers: Answers, asked: Answers): Answers {
	if (answers === undefined || asked === undefined) return answers;
	const kept: Record<string, string> = {};
	const optional = ["proxyjump", "hostkeyalias", "bindaddress", "certificatefile"];
	for (const word of [...Object.keys(asked), ...optional]) {
		const value = answers[word];
		if (value === undefined || value === "none" || value === "") continue;
		kept[word] = value.replaceAll("~/", `${homedir()}/`);
	}
	return kept;
}

let count = 0;
/** With `lenient`, what ssh refuses may be taken: ours does not look at values in blocks that do not apply. */
function compare(text: string, host: string, flags: Flags = {}, lenient = false): void {
	const file = join(place.path, `config-${count++}`);
	writeFileSync(file, text, { mode: 0o600 });
	const mine = ours(file, host, flags);
	const reference = theirs(file, host, flags);
	if (lenient && reference === undefined) return;
	expect(comparable(mine, mine), text).toEqual(comparable(reference, mine));
}

const included = join(place.path, "included.d");
mkdirSync(included);
writeFileSync(join(included, "10-one.conf"), "Host one\n  Port 1001\nHost *\n  User included\n", {
	mode: 0o600,
});
writeFileSync(
	join(included, "20-two.conf"),
	"Host two\n  Port 1002\nMatch all\n  HashKnownHosts yes\n",
	{
		mode: 0o600,
	},
);
writeFileSync(join(included, ".hidden.conf"), "Port 666\n", { mode: 0o600 });
writeFileSync(join(included, "loop"), `Include ${join(included, "loop")}\n`, { mode: 0o600 });

const cases: readonly (readonly [name: string, text: string, host: string, flags?: Flags])[] = [
	["nothing", "", "host"],
	["first value wins", "Port 1\nPort 2\nHost *\nPort 3\n", "host"],
	["Host with patterns", "Host a* !ab*\nPort 1\nHost ?b\nPort 2\n", "ab"],
	["Host with patterns", "Host a* !ab*\nPort 1\nHost ?b\nPort 2\n", "ac"],
	["a question mark is one character", "Host h?\nPort 1\n", "h"],
	["only negated patterns match nothing", "Host !x\nPort 1\n", "y"],
	["patterns know no dots", "Host *.example.com\nPort 1\n", "a.b.example.com"],
	["Host compares with the name as typed", "Host h\nHostName real\nHost real\nPort 1\n", "h"],
	["Host takes case as it is", "Host HOST\nPort 1\n", "host"],
	["%h in HostName", "HostName %h.example.com\n", "host"],
	["%% in HostName", "HostName a%%b\n", "host"],
	["a wrong token in HostName", "HostName %n\n", "host"],
	["equals signs", "Port=1\nUser = u\nHostKeyAlias= a\n", "host"],
	["quotes", "User \"a b\"\nHostKeyAlias 'c d'\n", "host"],
	["an open quote", 'User "a\n', "host"],
	["escapes", 'User a\\ b\nHostKeyAlias "a\\"b"\n', "host"],
	["comments behind values", "Port 1 # one\nUser a#b\n", "host"],
	["white space", "\t Port\t 1 \t\r\n", "host"],
	["keywords in any case", "pOrT 1\nHOST h\nuSER u\n", "h"],
	["quoted keyword", '"Port" 1\n', "host"],
	["no value", "Port\n", "host"],
	["empty value", 'User ""\n', "host"],
	["port 0", "Port 0\n", "host"],
	["port too large", "Port 65536\n", "host"],
	["port that is none", "Port x\n", "host"],
	["words for yes and no", "BatchMode true\nHashKnownHosts false\n", "host"],
	["a wrong word for yes", "BatchMode maybe\n", "host"],
	["StrictHostKeyChecking off", "StrictHostKeyChecking off\n", "host"],
	["StrictHostKeyChecking yes", "StrictHostKeyChecking yes\n", "host"],
	["StrictHostKeyChecking accept-new", "StrictHostKeyChecking accept-new\n", "host"],
	["AddressFamily", "AddressFamily inet6\n", "host"],
	["AddressFamily wrong", "AddressFamily ipv6\n", "host"],
	["identity files add up", "IdentityFile /a\nHost *\nIdentityFile /b\nIdentityFile /a\n", "host"],
	["identity file none", "IdentityFile none\n", "host"],
	["-i comes first", "IdentityFile /a\n", "host", { identities: ["/dev/null"] }],
	["certificates add up", "CertificateFile /a\nCertificateFile /b\n", "host"],
	["known hosts files", "UserKnownHostsFile /a ~/b /c\nGlobalKnownHostsFile none\n", "host"],
	["ProxyJump", "ProxyJump u@a:1,b\n", "host"],
	["ProxyJump none", "ProxyJump none\nHost *\nProxyJump a\n", "host"],
	["ProxyJump before ProxyCommand", "ProxyJump a\nProxyCommand b\n", "host"],
	["ProxyCommand before ProxyJump", "ProxyCommand b\nProxyJump a\n", "host"],
	["ProxyCommand none before ProxyJump", "ProxyCommand none\nProxyJump a\n", "host"],
	["-J wins", "ProxyJump a\n", "host", { jump: "b" }],
	["-J wins over ProxyCommand", "ProxyCommand a\n", "host", { jump: "b" }],
	["-l and -p win", "User a\nPort 1\n", "host", { user: "b", port: 2 }],
	["a user in the target", "User a\n", "b@host"],
	["a target as URI", "", "ssh://u@host:22022"],
	["-o wins", "Port 1\n", "host", { settings: ["Port=2", "user 3"] }],
	["the first -o wins", "", "host", { settings: ["Port=2", "Port=3"] }],
	["Match all", "Match all\nPort 1\n", "host"],
	["Match host", "Match host a,b\nPort 1\n", "b"],
	["Match host sees HostName", "HostName x\nMatch host x\nPort 1\n", "b"],
	["Match originalhost", "HostName x\nMatch originalhost b\nPort 1\n", "b"],
	["Match with a negated criterion", "Match !host b\nPort 1\n", "b"],
	["Match with a negated criterion", "Match !host b\nPort 1\n", "c"],
	["Match with negated patterns", "Match host *,!b\nPort 1\n", "b"],
	["Match user", "User u\nMatch user u\nPort 1\n", "b"],
	["Match user sees the target's", "Match user u\nPort 1\n", "u@b"],
	["Match localuser", `Match localuser ${thisMachine().user}\nPort 1\n`, "b"],
	["Match with two criteria", "Match host b user nobody\nPort 1\n", "b"],
	["Match with one criterion twice", "Match host b* host *c\nPort 1\n", "bc"],
	["Match with one criterion twice", "Match host b* host *c\nPort 1\n", "bd"],
	["Match final", "Match final\nPort 1\n", "b"],
	["Match final host", "HostName real\nMatch final host real\nPort 1\n", "b"],
	["Host in the final pass", "HostName real\nHost real\nPort 1\nMatch final\nUser f\n", "b"],
	["values of the first pass stay", "Port 1\nMatch final all\nPort 2\n", "b"],
	["Match canonical", "Match canonical\nPort 1\n", "b"],
	["Match without criteria", "Match\nPort 1\n", "b"],
	["Match with an unknown criterion", "Match colour blue\nPort 1\n", "b"],
	["Match without value", "Match host\nPort 1\n", "b"],
	["Match all and more", "Match all host b\nPort 1\n", "b"],
	["Include", `Include ${included}/*.conf\nPort 5\n`, "one"],
	["Include", `Include ${included}/*.conf\nPort 5\n`, "two"],
	["Include in a block that does not apply", `Host x\nInclude ${included}/*.conf\n`, "one"],
	[
		"Include in a block that applies",
		`Host one\nInclude ${included}/*.conf\nHost *\nPort 5\n`,
		"one",
	],
	["after Include the block goes on", `Host x\nInclude ${included}/*.conf\nPort 9\n`, "x"],
	["Include with brackets", `Include ${included}/[12]0-*.conf\n`, "two"],
	["Include of nothing", `Include ${included}/nothing*\nPort 3\n`, "one"],
	["Include of itself", `Include ${included}/loop\n`, "one"],
	["times", "ServerAliveCountMax 7\nNumberOfPasswordPrompts 1\n", "one"],
	["BindAddress and the rest", "BindAddress 127.0.0.2\nCompression yes\nIdentitiesOnly yes\n", "h"],
	["old names", "ChallengeResponseAuthentication no\nPasswordAuthentication no\n", "h"],
	["an IPv6 target in a long form", "", "0:0:0::0001"],
	["an IPv6 HostName", "HostName FD00:0::1\n", "h"],
	["an IPv6 target with a scope", "", "fe80::0:1%lo"],
	["an IPv6 target", "Host *:*\nPort 1\n", "::1"],
	["a value too many", "Port 1 2\n", "h"],
];

describe.skipIf(lacking)(`ssh_config beside ssh -G ${lacking}`, () => {
	test.each(cases.map(([name, text, host, flags]) => ({ name, text, host, flags })))(
		"$name: $text for $host",
		({ text, host, flags }) => {
			compare(text, host, flags);
		},
	);

	test("ProxyCommand keeps the operator's words as they stand", () => {
		const text = `ProxyCommand  nc   -x "a  b" '%h' # %p %r %n\n`;
		const file = join(place.path, "proxy");
		writeFileSync(file, text, { mode: 0o600 });
		const mine = resolveOptions(
			parseTarget("u@host:7"),
			{ settings: [], file, user: undefined, port: undefined, jump: undefined, identities: [] },
			thisMachine(),
		).proxyCommand;
		const reference = theirs(file, "host", {})?.proxycommand;
		const expand = (command: string | undefined) =>
			command?.replace("%h", "host").replace("%p", "7").replace("%r", "u").replace("%n", "host");
		expect(mine).toBe(expand(reference));
	});

	test("on the command line, a word that ssh does not know is refused, and none that it knows", () => {
		const told = execFileSync("ssh", ["-F", "none", "-G", "host"], { encoding: "utf8" });
		const words = told.split("\n").flatMap((line) => line.split(" ", 1)[0]?.toLowerCase() || []);
		expect(words.length).toBeGreaterThan(60);
		expect(words.filter((word) => word !== "host" && !configWords.has(word))).toEqual([]);
		for (const setting of ["Foo=bar", "ForwardAgent", "ForwardAgent="]) {
			const sources = { settings: [setting], file: "none", identities: [] };
			const unset = { user: undefined, port: undefined, jump: undefined };
			expect(() =>
				resolveOptions(parseTarget("host"), { ...sources, ...unset }, thisMachine()),
			).toThrow(expect.objectContaining({ code: "SSH_CONFIG" }));
			const theirs = spawnSync("ssh", ["-F", "none", "-G", "-o", setting, "host"]);
			expect(theirs.status).toBe(255);
		}
	});

	test("any configuration made of these pieces", () => {
		const name = fc.constantFrom("a", "b", "ab", "real", "*", "?b", "!a", "!real", "a*");
		const value = fc.constantFrom("1", "22", "yes", "no", "real", "a");
		const line = fc.oneof(
			fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `Host ${names.join(" ")}`),
			fc
				.tuple(
					fc.constantFrom("host", "originalhost", "user", "!host", "!user"),
					fc.array(name, { minLength: 1, maxLength: 2 }),
				)
				.map(([word, names]) => `Match ${word} ${names.join(",")}`),
			fc.constantFrom("Match all", "Match final", "Match !final all", "# comment", ""),
			fc
				.tuple(fc.constantFrom("Port", "User", "HostKeyAlias", "IdentityFile", "BatchMode"), value)
				.map(([word, text]) => `${word} ${text}`),
			fc.constantFrom("HostName real", "HostName %h.x", "HostName a", `Include ${included}/*.conf`),
		);
		fc.assert(
			fc.property(
				fc.array(line, { maxLength: 9 }),
				fc.constantFrom("a", "b", "ab", "u@a"),
				(lines, host) => compare(`${lines.join("\n")}\n`, host, {}, true),
			),
			{ numRuns: 150 },
		);
	});
});
