import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
	judge,
	knownHostLine,
	knownName,
	knownTypes,
	parseKnownHosts,
	speaksOf,
} from "../../src/ssh/known-hosts.ts";
import { parsePublicLine } from "../../src/ssh/public-key.ts";
import { missing } from "../support/programs.ts";
import { keygen, scratch } from "./sshd.ts";

const lacking = missing("ssh-keygen");
const place = scratch();
afterAll(() => place.remove());

/** The line numbers that ssh-keygen -F finds. */
function theirs(file: string, name: string): number[] {
	const { stdout } = spawnSync("ssh-keygen", ["-F", name, "-f", file], { encoding: "utf8" });
	return [...stdout.matchAll(/^# Host .* found: line (\d+)/gm)].map((match) => Number(match[1]));
}

describe.skipIf(lacking)(`known_hosts beside ssh-keygen ${lacking}`, () => {
	const lines: string[] = [];
	let one: string;
	let two: string;
	let rsa: string;
	const pub = (path: string) =>
		readFileSync(`${path}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
	const keyOf = (path: string) => {
		const found = parsePublicLine(readFileSync(`${path}.pub`, "utf8"));
		if (found === undefined) throw new Error(path);
		return found.key;
	};

	beforeAll(() => {
		one = keygen(join(place.path, "one"), "-t", "ed25519");
		two = keygen(join(place.path, "two"), "-t", "ed25519");
		rsa = keygen(join(place.path, "rsa"), "-t", "rsa");
		lines.push(
			"# a comment",
			"",
			`plain ${pub(one)}`,
			`a,b,192.0.2.1 ${pub(two)} with a comment`,
			`*.example.com,!bad.example.com ${pub(one)}`,
			`[port]:2222 ${pub(one)}`,
			`[::1]:2222,::1 ${pub(one)}`,
			`?x ${pub(one)}`,
			`@revoked gone ${pub(one)}`,
			`@cert-authority *.ca ${pub(one)}`,
			`@unknown marker ${pub(one)}`,
			"broken ssh-ed25519 !!!!",
			"short ssh-ed25519",
			`  indented ${pub(one)}`,
			`UPPER ${pub(one)}`,
			`tabs\t${pub(one).replace(" ", "\t")}`,
			`plain ${pub(rsa)}`,
		);
	});

	const names = [
		"plain",
		"a",
		"b",
		"192.0.2.1",
		"good.example.com",
		"bad.example.com",
		"example.com",
		"[port]:2222",
		"port",
		"[::1]:2222",
		"::1",
		"xx",
		"x",
		"gone",
		"x.ca",
		"marker",
		"indented",
		"UPPER",
		"upper",
		"tabs",
		"nobody",
	];

	test.each(names)("plain: %s", (name) => {
		const file = join(place.path, "plain");
		writeFileSync(file, `${lines.join("\n")}\n`);
		const mine = parseKnownHosts(readFileSync(file, "latin1"), file)
			.filter((entry) => speaksOf(entry, knownName(name, 22)))
			.map((entry) => entry.line);
		// ssh lowers the name before it looks; ssh-keygen does not.
		expect(mine).toEqual(theirs(file, name.toLowerCase()));
	});

	test.each(names)("hashed: %s", (name) => {
		const file = join(place.path, "hashed");
		// Without what ssh-keygen -H does not hash or take.
		const hashable = lines.filter((line) => !/[*?!]|^broken|^short|^@unknown/.test(line));
		writeFileSync(file, `${hashable.join("\n")}\n`);
		execFileSync("ssh-keygen", ["-q", "-H", "-f", file], { stdio: "pipe" });
		const mine = parseKnownHosts(readFileSync(file, "latin1"), file)
			.filter((entry) => speaksOf(entry, knownName(name, 22)))
			.map((entry) => entry.line);
		// ssh lowers the name before it looks; ssh-keygen does not.
		expect(mine).toEqual(theirs(file, name.toLowerCase()));
	});

	test.each([false, true])("a line of ours, hashed: %s, is found by ssh-keygen", (hashed) => {
		const file = join(place.path, `ours-${hashed}`);
		writeFileSync(
			file,
			knownHostLine(knownName("Host.Example", 22), keyOf(one), hashed) +
				knownHostLine(knownName("::1", 2222), keyOf(two), hashed),
		);
		expect(theirs(file, "host.example")).toEqual([1]);
		expect(theirs(file, "[::1]:2222")).toEqual([2]);
		expect(readFileSync(file, "utf8").includes("host.example")).toBe(!hashed);
	});

	test("verdicts", () => {
		const entries = parseKnownHosts(
			[
				`h ${pub(one)}`,
				`h ${pub(rsa)}`,
				`@revoked * ${pub(two)}`,
				`h ${pub(two)}`,
				`@cert-authority ca ${pub(two)}`,
			].join("\n"),
			"file",
		);
		expect(judge(entries, ["h"], keyOf(one))).toMatchObject({ verdict: "known", by: { line: 1 } });
		expect(judge(entries, ["h"], keyOf(two))).toMatchObject({
			verdict: "revoked",
			by: { line: 3 },
		});
		const other = keygen(join(place.path, "other-rsa"), "-t", "rsa");
		expect(judge(entries, ["h"], keyOf(other))).toMatchObject({
			verdict: "changed",
			by: { line: 2 },
		});
		const ecdsa = keygen(join(place.path, "ecdsa"), "-t", "ecdsa");
		expect(judge(entries, ["h"], keyOf(ecdsa))).toMatchObject({ verdict: "unknown" });
		expect(judge(entries, ["new"], keyOf(one))).toEqual({ verdict: "unknown", others: [] });
		expect(knownTypes(entries, ["h"])).toEqual(new Set(["ssh-ed25519", "ssh-rsa"]));
		// A key that an authority signs with is no host key.
		expect(judge(entries.slice(4), ["ca"], keyOf(two))).toMatchObject({ verdict: "unknown" });
	});
});
