import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareVersions, parseVersion, satisfies } from "../../src/debian/index.ts";
import { anyVersion } from "./versions.ts";

describe("order of versions", () => {
	test.each([
		["1.0~rc1", "1.0"],
		["1.0~~", "1.0~"],
		["1.0~~a", "1.0~"],
		["1.0", "1.0-1"],
		["1.0-1", "1.0a-1"],
		["1.0a", "1.0+"],
		["1.0a", "1.0.1"],
		["1.9", "1.10"],
		["9:1", "10:0"],
		["2.0", "1:1.0"],
		["1-1", "1-1.1"],
		["1.0-1~bpo1", "1.0-1"],
		["257.13-1~deb13u1", "257.13-1"],
		["1.2.3-4+b9", "1.2.3-4+b10"],
		["99999999999999999998", "99999999999999999999"],
	])("%s is before %s", (a, b) => {
		expect(compareVersions(a, b)).toBeLessThan(0);
		expect(compareVersions(b, a)).toBeGreaterThan(0);
	});

	test.each([
		["1.0", "1.0-0"],
		["0:1.0", "1.0"],
		["1.00", "1.0"],
		["1.a01", "1.a1"],
		["1-01", "1-1"],
	])("%s equals %s", (a, b) => {
		expect(compareVersions(a, b)).toBe(0);
	});

	test("is an order", () => {
		fc.assert(
			fc.property(anyVersion, anyVersion, anyVersion, (a, b, c) => {
				const [ab, ba] = [Math.sign(compareVersions(a, b)), Math.sign(compareVersions(b, a))];
				expect(ab + ba).toBe(0);
				const [bc, ac] = [Math.sign(compareVersions(b, c)), Math.sign(compareVersions(a, c))];
				if (ab === bc) expect(ac).toBe(ab);
			}),
			{ numRuns: 2000 },
		);
	});

	test.each([
		["1", "<<", "1", false],
		["1", "<=", "1", true],
		["1", "=", "1-0", true],
		["1", ">=", "1", true],
		["1", ">>", "1", false],
		["2", ">>", "1", true],
	] as const)("%s %s %s: %s", (version, operator, bound, holds) => {
		expect(satisfies(version, operator, bound)).toBe(holds);
	});
});

describe("parts of a version", () => {
	test("the last hyphen begins the revision, the first colon ends the epoch", () => {
		expect(parseVersion("2:1.0-rc:1-3")).toEqual({ epoch: 2, upstream: "1.0-rc:1", revision: "3" });
	});

	test.each(["", " 1", "1 ", "1_0", "a:1", "1:", "1-", "99999999999:1", "1\n"])(
		"%j is refused",
		(bad) => {
			expect(() => parseVersion(bad)).toThrow(
				expect.objectContaining({ code: "DEBIAN_SYNTAX", kind: "check" }),
			);
		},
	);
});
