import { text, utf8 } from "../../src/bytes/index.ts";
import { parseIdentities } from "../../src/ssh/agent.ts";
import { parseConfigLines } from "../../src/ssh/config-lines.ts";
import { formatTarget, parseTarget } from "../../src/ssh/index.ts";
import { judge, parseKnownHosts, speaksOf } from "../../src/ssh/known-hosts.ts";
import { parsePrivateKey } from "../../src/ssh/private-key.ts";
import { parsePublicLine } from "../../src/ssh/public-key.ts";
import type { Random } from "./frame/random.ts";
import type { FuzzTarget } from "./frame/target.ts";

const blob = "AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
const key = `ssh-ed25519 ${blob}`;

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

const seeds =
	(...texts: string[]) =>
	() =>
		texts.map((seed) => utf8(seed));

export const targets: readonly FuzzTarget[] = [
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
