import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text, utf8 } from "../../src/bytes/index.ts";
import { parseIdentities } from "../../src/ssh/agent.ts";
import { readCertificate } from "../../src/ssh/certificate.ts";
import { parseConfigLines } from "../../src/ssh/config-lines.ts";
import { formatTarget, parseTarget } from "../../src/ssh/index.ts";
import { judge, parseKnownHosts, speaksOf } from "../../src/ssh/known-hosts.ts";
import { explain, listen } from "../../src/ssh/openssh-talk.ts";
import { matchList } from "../../src/ssh/pattern.ts";
import { parsePrivateKey } from "../../src/ssh/private-key.ts";
import { parsePublicLine } from "../../src/ssh/public-key.ts";
import { resolveOptions } from "../../src/ssh/resolve.ts";
import { certificateBlob } from "../ssh/certificate-blob.ts";
import type { Random } from "./frame/random.ts";
import type { FuzzTarget } from "./frame/target.ts";

const blob = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const key = `ssh-ed25519 ${blob}`;
const certificate = certificateBlob({
	authority: blob,
	principals: ["root", "ops"],
	critical: ["force-command"],
});

/** Lines from pieces that mean something, in an order that may not. */
const lines =
	(pieces: readonly [string, ...string[]]) =>
	(random: Random): Uint8Array => {
		let made = "";
		for (let left = random.below(12); left >= 0; left--) {
			made += random.pick(pieces) + (random.chance(4) ? "\n" : random.chance(9) ? "" : " ");
		}
		return utf8(made);
	};

/** In braces, as ssh_config(5) writes a variable. */
const home = "{HOME}";

const seeds =
	(...texts: string[]) =>
	() =>
		texts.map((seed) => utf8(seed));

export const targets: readonly FuzzTarget[] = [
	{
		name: "ssh/certificate",
		seeds: () => [Buffer.from(certificate, "base64")],
		run(input) {
			readCertificate(Buffer.from(input).toString("base64"));
		},
	},
	{
		name: "ssh/known-hosts",
		seeds: seeds(
			`host,!other,[a]:22 ${key} c\n`,
			`|1|JfKTdBh7rNbXkVAQCRp4OQoPfmI=|USECr3SWf1JUPsms5AqfD5QfxkM= ${key}\n`,
			`@revoked * ${key}\n@cert-authority *.x ${key}\n`,
		),
		make: lines(["host", "*", "?", "!", ",", "|1|", "|", "=", "@revoked", key, "[h]:1", "#", "\t"]),
		run(input) {
			const shown = parsePublicLine(key)?.key;
			if (shown === undefined) throw new Error("the key of the test");
			const entries = parseKnownHosts(text(input), "fuzz");
			for (const entry of entries) speaksOf(entry, "host");
			judge(entries, ["host", "[h]:1"], shown);
		},
	},
	{
		name: "ssh/config",
		seeds: seeds(
			`Host a "b c" !d\n  Port = 22\nMatch host x user 'y z' # c\n\tProxyCommand  nc %h %p\n`,
		),
		make: lines(["Host", "Match", "Port", "=", '"', "'", "\\", "#", "a b", "Include", "\t", "\r"]),
		run(input) {
			for (const line of parseConfigLines(text(input), "fuzz")) {
				if (line.word === "") throw new Error("a line without its word");
			}
		},
	},
	{
		// The options in force for a host, from a file that may hold anything (but for what runs programs).
		name: "ssh/options",
		seeds: seeds(
			`Host *\n User %r\n IdentityFile ~/.ssh/id_%h $${home}\n ProxyJump a@b:22,[::1]:3\n ConnectTimeout 1m30s\n`,
			"Host h\n HostName %h.example\n UserKnownHostsFile ~/k /dev/null\n Ciphers +aes128-ctr\nMatch originalhost h\n Port 99999\n",
		),
		make: lines([
			...([
				"Host",
				"*",
				"h",
				"Match",
				"all",
				"final",
				"canonical",
				"User",
				"%r",
				"%%",
				"%",
			] as const),
			...["HostName", "Port", "22", "-1", "yes", "IdentityFile", "~", `$${home}`, "ProxyJump", ","],
			...[
				"ProxyCommand",
				"none",
				"Ciphers",
				"-*a*a*b",
				"+",
				"^",
				"RekeyLimit",
				"1G",
				"Include",
				"=",
			],
			...["StrictHostKeyChecking", "ask", "IdentityAgent", "SSH_AUTH_SOCK", "ConnectTimeout", "1w"],
		]),
		run(input) {
			if (/exec/i.test(text(input))) return;
			const home = mkdtempSync(join(tmpdir(), "ekexec-fuzz-ssh-"));
			const file = join(home, "config");
			try {
				writeFileSync(file, input, { mode: 0o600 });
				const env = { HOME: home };
				const machine = { home, user: "me", uid: 0, hostname: "here", env, systemConfig: "/none" };
				const sources = {
					...{ settings: [], file, identities: [] },
					...{ user: undefined, port: undefined, jump: undefined },
				};
				resolveOptions(parseTarget("h"), sources, machine);
			} finally {
				rmSync(home, { recursive: true });
			}
		},
	},
	{
		name: "ssh/patterns",
		make: lines(["*", "?", "!", "a", "aaaa", "*a", "b", ".", ","]),
		seeds: seeds(`${"*a".repeat(50)}b,${"a".repeat(5000)}`),
		run(input) {
			const words = text(input).split(/[\s,]+/);
			for (const word of words.slice(0, 20)) matchList(word, words);
		},
	},
	{
		name: "ssh/talk",
		seeds: seeds(
			`debug1: Server host key: ssh-ed25519 SHA256:abc\ndebug1: Server accepts key: /home/a b/.ssh/id ED25519 SHA256:abc explicit\nAuthenticated to h ([::1]:22) using "publickey".\nHost key verification failed.\n`,
		),
		run(input) {
			const shown = explain(listen(text(input), text(input)), "fuzz").message;
			for (const character of shown) {
				if (character < " " && character !== "\n") throw new Error("control characters shown");
			}
		},
	},
	{
		name: "ssh/public-key",
		seeds: seeds(`${key} comment\n`, `from="x" ${key}`),
		run(input) {
			const read = parsePublicLine(text(input));
			if (read !== undefined && Buffer.from(read.key.blob).length === 0) throw new Error("no key");
		},
	},
	{
		name: "ssh/target",
		seeds: seeds("root@host:22", "ssh://a%40b@[fe80::1%eth0]:22/", "::1"),
		make: lines(["root", "@", ":", "[", "]", "::1", "22", "ssh://", "%", "/", "-", "host"]),
		run(input) {
			const target = parseTarget(text(input));
			const again = parseTarget(formatTarget(target));
			if (JSON.stringify(again) !== JSON.stringify(target)) {
				throw new Error(`not the same again: ${JSON.stringify([target, again])}`);
			}
			if (/^-|[\s'"`$;&|<>()]/.test(target.host)) throw new Error(`unsafe: ${target.host}`);
		},
	},
	{
		name: "ssh/agent-answer",
		seeds: () => [
			Buffer.concat([
				Buffer.from([12, 0, 0, 0, 1, 0, 0, 0, 51]),
				Buffer.from(blob, "base64"),
				Buffer.from([0, 0, 0, 1, 99]),
			]),
		],
		run(input) {
			parseIdentities(input);
		},
	},
	{
		name: "ssh/private-key",
		seeds: seeds(
			`-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from("openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none\0\0\0\0\0\0\0\x01\0\0\0\x33").toString("base64")}${blob}\n-----END OPENSSH PRIVATE KEY-----\n`,
			"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n",
		),
		run(input) {
			parsePrivateKey(text(input))?.unlock("x");
		},
	},
];
