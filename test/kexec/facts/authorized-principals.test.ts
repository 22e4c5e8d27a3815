import { expect, test } from "vitest";
import { utf8 } from "../../../src/bytes/index.ts";
import {
	isPrincipal,
	parseAuthorizedPrincipals,
} from "../../../src/kexec/facts/authorized-principals.ts";

const parse = (file: string) => parseAuthorizedPrincipals(utf8(file));

test("names, comments and blanks", () => {
	expect(parse('command="a#b" ops')).toMatchObject([{ name: 'command="a', options: [] }]);
	expect(parse("# ops\n\n ops\t\nadmin # boss\nno-pty ops\n")).toMatchObject([
		{ lineNumber: 3, line: "ops", name: "ops", options: [] },
		{ lineNumber: 4, line: "admin", name: "admin" },
		{ lineNumber: 5, line: "no-pty ops", name: "ops", options: [{ name: "no-pty" }] },
	]);
});

test("options end at the first blank outside quotes, the name is the last word", () => {
	expect(parse("no-pty, ops\ntouch-required \t x\n")).toMatchObject([
		{ name: "ops", options: [{ name: "no-pty" }] },
		{ name: "x", options: [{ name: "touch-required" }] },
	]);
	expect(parse('from="192.0.2.0/24, 198.51.100.1",no-pty  x\tops')).toMatchObject([
		{ name: "x\tops", options: [{ name: "from" }, { name: "no-pty" }] },
	]);
	expect(parse("no-pty\tfoo bar\nno-pty\tbar\n")).toMatchObject([{ name: "bar" }, { name: "bar" }]);
});

test.each([
	'from="192.0.2.1 ops',
	'from="a\\" ops',
	"no-x11-forwading ops",
	"from ops",
	'no-pty="x" ops',
	"no-pty,, ops",
	'command="a",command="b" ops',
])("a line that sshd passes by: %s", (line) => {
	expect(parse(`${line}\ngood\n`).map(({ name }) => name)).toEqual(["good"]);
});

test("bytes that are no UTF-8 stay what they are", () => {
	const [line] = parseAuthorizedPrincipals(Uint8Array.of(0x61, 0xff, 0x0a));
	expect(Buffer.from(line?.line ?? "", "latin1")).toEqual(Buffer.from([0x61, 0xff]));
});

test("many blanks take no time to speak of", () => {
	const blanks = " ".repeat(250_000);
	expect(parse(`no-pty${blanks}b\na${blanks}b\n`)).toMatchObject([{ name: "b" }]);
});

test("what would not stand alone on its line is no principal", () => {
	for (const name of ["", "a b", "a\tb", "a#b", "a\nb", "a\u0085", "a\ufffd"]) {
		expect(isPrincipal(name)).toBe(false);
	}
	for (const name of ["ops", "me@example.org", "über", "*", "a$", "corp\\me"]) {
		expect(isPrincipal(name)).toBe(true);
	}
});
