import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { utf8 } from "../../../src/bytes/index.ts";
import { keyOption, parseAuthorizedKeys } from "../../../src/kexec/facts/authorized-keys.ts";

const blob = "AAAAC3NzaC1lZDI1NTE5AAAAIAbcdEFGhijKLMnopQRStuvWXyz0123456789+/abcdEF";
const parse = (file: string) => parseAuthorizedKeys(utf8(file));

describe("authorized_keys", () => {
	test("a plain key, with comment and without", () => {
		const { keys, unusable } = parse(`ssh-ed25519 ${blob} me@home, sweet home\r\nssh-rsa\t${blob}`);
		expect(unusable).toEqual([]);
		expect(keys.map((key) => [key.type, key.blob, key.comment, key.lineNumber])).toEqual([
			["ssh-ed25519", blob, "me@home, sweet home", 1],
			["ssh-rsa", blob, "", 2],
		]);
	});

	test("options keep blanks, commas and quotes of their values", () => {
		const { keys } = parse(
			`from="192.0.2.0/24,!192.0.2.7",Command="echo \\"a, b\\" #c",no-pty ssh-ed25519 ${blob} x`,
		);
		expect(keys[0]?.options).toEqual([
			{ name: "from", value: "192.0.2.0/24,!192.0.2.7" },
			{ name: "command", value: 'echo "a, b" #c' },
			{ name: "no-pty" },
		]);
		expect(keys[0] && keyOption(keys[0], "no-pty")).toBe("");
		expect(keys[0] && keyOption(keys[0], "restrict")).toBeUndefined();
	});

	test("comments and empty lines are no keys, and a commented key stays dead", () => {
		expect(parse(`\n  # a\n#ssh-ed25519 ${blob}\n`)).toEqual({ keys: [], unusable: [] });
	});

	test.each([
		[`ssh-foo ${blob}`, "no key type"],
		[`command="open ssh-ed25519 ${blob}`, "no closing quote"],
		["ssh-ed25519 not*base64", "no key type"],
		[`a=b ssh-ed25519 ${blob}`, "cannot be read"],
	])("%s is reported", (line, reason) => {
		const { keys, unusable } = parse(`${line}\nssh-ed25519 ${blob}`);
		expect(keys.map((key) => key.lineNumber)).toEqual([2]);
		expect(unusable).toEqual([{ lineNumber: 1, reason: expect.stringContaining(reason) }]);
	});

	test("any bytes give an answer", () => {
		fc.assert(
			fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
				const { keys, unusable } = parseAuthorizedKeys(bytes);
				expect(keys.length + unusable.length).toBeLessThanOrEqual(401);
			}),
		);
	});
});
