import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { satisfies } from "../../src/debian/index.ts";
import { missing } from "../support/programs.ts";
import { anyVersion } from "./versions.ts";

const lacking = missing("dpkg");

describe.skipIf(lacking)(`order of versions beside dpkg ${lacking}`, () => {
	test("both answer every relation alike", () => {
		fc.assert(
			fc.property(
				fc.oneof(
					fc.tuple(anyVersion, anyVersion),
					anyVersion.map((v) => [v, v] as const),
				),
				fc.constantFrom("<<", "<=", "=", ">=", ">>"),
				([a, b], operator) => {
					const word = { "<<": "lt", "<=": "le", "=": "eq", ">=": "ge", ">>": "gt" }[operator];
					const { status } = spawnSync("dpkg", ["--compare-versions", a, word, b]);
					expect([a, operator, b, satisfies(a, operator, b)]).toEqual([
						a,
						operator,
						b,
						status === 0,
					]);
				},
			),
			{ numRuns: 300 },
		);
	});
});
