import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { frameType, operations } from "../../src/kexec/contract.ts";
import { errnoName, explanations } from "../../src/kexec/index.ts";

const helper = (name: string) =>
	// The formatter pads the columns of tables.
	readFileSync(new URL(`../../src/kexec/helper/${name}`, import.meta.url), "utf8")
		.replace(/ {2,}/g, " ")
		.replace(/-{3,}/g, "---");

/** `loadSegments` → `LOAD_SEGMENTS`. */
const shout = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();

test("CONTRACT.md shows the table of refusals as it is in the code", () => {
	const rows = explanations.map(({ fault, at, errno, sentence, remedy }) => {
		const what = at === undefined ? fault : `${fault} ${at}`;
		return `| ${what} | ${errno === undefined ? "" : errnoName(errno)} | ${sentence} | ${remedy} |`;
	});
	const table = ["| what | errno | sentence | remedy |", "| --- | --- | --- | --- |", ...rows].join(
		"\n",
	);
	expect(helper("CONTRACT.md")).toContain(table.replace(/ {2,}/g, " "));
});

test("the numbers of frames are the same in C, TypeScript and CONTRACT.md", () => {
	const header = helper("helper.h");
	const contract = helper("CONTRACT.md");
	for (const [name, number] of Object.entries(frameType)) {
		expect(header).toMatch(new RegExp(`\\bF_${shout(name)} = ${number}\\b`));
		expect(contract).toMatch(new RegExp(`^\\| ${number} \\| ${shout(name)} \\|`, "m"));
	}
});

test("the kinds of sources are the same in C, TypeScript and CONTRACT.md", () => {
	const order = helper("sources.h").match(/enum \{ (OP_READ.*?), OPS \}/)?.[1];
	expect(order).toBe(operations.map((name) => `OP_${name.toUpperCase()}`).join(", "));
	const contract = helper("CONTRACT.md");
	for (const [number, name] of operations.entries()) {
		expect(contract).toMatch(new RegExp(`^\\| ${number} ${name} \\|`, "m"));
	}
});
