import { expect, test } from "vitest";
import { utf8 } from "../../../src/bytes/index.ts";
import {
	isPrincipal,
	parseAuthorizedPrincipals,
} from "../../../src/kexec/facts/authorized-principals.ts";

const parse = (file: string) => parseAuthorizedPrincipals(utf8(file));

test("names, comments and blanks; of two lines for one name the first counts", () => {
	const { principals, unusable } = parse("# ops\n\n ops\t\nadmin # boss\nno-pty ops\n");
	expect(principals).toEqual([
		{ name: "ops", options: [], optionText: "", lineNumber: 3 },
		{ name: "admin", options: [], optionText: "", lineNumber: 4 },
	]);
	expect(unusable).toEqual([]);
});

test("options stand before the name, blanks within quotes do not part them from it", () => {
	const { principals } = parse('from="192.0.2.0/24, 198.51.100.1",no-pty  ops');
	expect(principals).toMatchObject([
		{
			name: "ops",
			optionText: 'from="192.0.2.0/24, 198.51.100.1",no-pty',
			options: [{ name: "from" }, { name: "no-pty" }],
		},
	]);
});

test.each([
	['from="192.0.2.1 ops', "closing quote"],
	['command="a#b" ops', "list of principals"],
	["no-pty more ops", "more stands"],
	["a,root", "list of principals"],
	['a"b', "list of principals"],
	["ops\r", "list of principals"],
	["cert-authority ops", "cert-authority"],
	['principals="root" ops', "principals"],
	["ünïcode! ops", "options"],
])("a line that says nothing: %s", (line, reason) => {
	const { principals, unusable } = parse(`good\n${line}\n`);
	expect(principals.map(({ name }) => name)).toEqual(["good"]);
	expect(unusable).toEqual([{ lineNumber: 2, reason: expect.stringContaining(reason) }]);
});

test("what would leave the quotes of an option is no principal", () => {
	for (const name of ["", "a b", "a,b", 'a"', "a\\", "a\nb", "a\u0085"]) {
		expect(isPrincipal(name)).toBe(false);
	}
	for (const name of ["ops", "me@example.org", "über", "*", "a$"]) {
		expect(isPrincipal(name)).toBe(true);
	}
});
