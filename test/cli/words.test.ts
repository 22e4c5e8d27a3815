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

	test("a slip within a group: the word, and the command that was meant", async () => {
		expect(await told("initrd", "lst", "x")).toBe(
			'field "lst": no such command. Did you mean list? See ekexec initrd --help.',
		);
		expect(await told("initrd", "frobnicate")).toBe(
			'field "frobnicate": no such command. See ekexec initrd --help.',
		);
	});

	test("what is unknown is named as it stands on the command line", async () => {
		const list = ["initrd", "list", "x"];
		expect(await told(...list, "--foo")).toBe(
			"unknown argument: --foo. See ekexec initrd list --help.",
		);
		expect(await told(...list, "--foo-bar=1")).toMatch(/^unknown argument: --foo-bar\. /);
		expect(await told(...list, "-q")).toMatch(/^unknown argument: -q\. /);
		expect(await told(...list, "y")).toMatch(/^unknown argument: y\. /);
		expect(await told("initrd", "x", "f", "-C")).not.toContain("unknown argument");
	});

	test("an h among letters that are no options asks for no help; the value of an option may hold one", async () => {
		expect(await told("check", "-dash")).toMatch(/^field "-dash": unknown argument: -d\. /);
		expect(await told("root@host", "-dash")).toMatch(/^field "-dash": unknown argument: -d\. /);
		expect(await told("check", "-i/home/x")).toContain("missing: <target>");
	});

	test("the argument that is missing is named", async () => {
		expect(await told("check")).toContain("missing: <target>. See ekexec check --help");
		expect(await told("initrd", "cat", "file")).toContain("missing: <path>");
		expect(await told("initrd", "x")).toContain("missing: <file>");
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
