import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { commands } from "../../src/cli/commands.ts";
import { page, withCommands } from "../support/manual.ts";

const text = readFileSync(page, "utf8");

test("the manual page tells of every command and option as their tables do (npm run manual)", () => {
	expect(text).toBe(withCommands(text));
});

test.each(commands.map((command) => [command.usage.replace(" $0", ""), command] as const))(
	"%s stands in the manual page with all its options",
	(usage, command) => {
		expect(text).toContain(`.SS "ekexec ${usage.replaceAll("-", "\\-")}"`);
		for (const name of Object.keys(command.options)) {
			expect(text).toContain(`\\-\\-${name.replaceAll("-", "\\-")}`);
		}
	},
);

test("npm installs the page: it links what stands in a list, and only that", () => {
	const root = new URL("../../", import.meta.url);
	const { man } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
	expect(man).toEqual(["./src/cli/ekexec.1"]);
	expect(new URL(man[0], root).href).toBe(page.href);
});
