import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { runProgram } from "../kexec/support/cli.ts";

/** What the user is told; always exit code 2. */
async function told(...words: string[]): Promise<string> {
	const error = await runProgram(words).catch((thrown: unknown) => thrown);
	expect(error).toMatchObject({ exitCode: 2 });
	return (error as Error).message;
}

describe("words that are no command line", () => {
	test("a host without a command: how to say it, and no command that looks a little like it", async () => {
		for (const words of [["web1"], ["web1", "--yes"], ["192.0.2.1"]]) {
			const said = await told(...words);
			expect(said).toContain(`ekexec host ${words[0]}`);
			expect(said).not.toContain("Did you mean");
		}
	});

	test("a slip: the command that was meant", async () => {
		expect(await told("hots", "web1")).toContain("Did you mean host?");
	});

	test("the argument that is missing is named", async () => {
		expect(await told("check")).toContain("missing: <target>. See ekexec check --help");
		expect(await told("initrd", "cat", "file")).toContain("missing: <path>");
		expect(await told("net", "diff", "a")).toContain("missing: <after>");
	});

	test("numbers that are none, before anything is done", async () => {
		expect(await told("image", "prune", "--keep", "-1")).toContain("--keep");
		expect(await told("image", "prune", "--keep", "all")).toContain("--keep");
		expect(await told("image", "inspect", "x", "--top", "1.5")).toContain("--top");
	});

	test("a folder that is no image is told as such by all that read one", async () => {
		const folder = fileURLToPath(new URL("../../fixtures", import.meta.url));
		for (const verb of ["inspect", "verify"]) {
			expect(await told("image", verb, folder)).toContain("there is no image here");
		}
	});
});
