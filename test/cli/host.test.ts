import { PassThrough } from "node:stream";
import { beforeEach, expect, test, vi } from "vitest";
import type { Io } from "../../src/cli/command.ts";
import { program } from "../../src/cli/program.ts";
import type { HostOptions } from "../../src/rescue/index.ts";
import { healthyFacts, plainNetwork } from "../support/facts.ts";
import { noOptions, plannedImage, rootLogin } from "../support/plan.ts";

const target = vi.hoisted(() => ({ asked: 0, jumped: 0 }));

// A target that is asked for nothing but the consent: what the command does before and after is its own.
vi.mock("../../src/rescue/index.ts", async (original) => {
	const real = await original<typeof import("../../src/rescue/index.ts")>();
	return {
		...real,
		async host(_target: string, options: HostOptions) {
			target.asked += 1;
			const plan = real.planRescue(
				healthyFacts(),
				plainNetwork,
				plannedImage,
				rootLogin,
				noOptions,
				0,
			);
			options.report({ event: "step", step: "probe", state: "start" });
			if (!(await options.confirm(plan, plainNetwork))) throw new Error("not confirmed");
			options.report({ event: "step", step: "jump", state: "start" });
			target.jumped += 1;
			return { plan, network: plainNetwork, jumped: true };
		},
	};
});

function run(...words: string[]): Promise<number> {
	const io: Io = {
		stdin: new PassThrough(),
		stdout: new PassThrough().resume(),
		stderr: new PassThrough().resume(),
		env: {},
		cwd: "/",
		terminal: { stdin: false, stdout: false, stderr: false },
		signal: new AbortController().signal,
		halfDone: (code) => codes.push(code),
	};
	return program(["host", "root@192.0.2.1", ...words], io);
}
const codes: number[] = [];

beforeEach(() => {
	codes.length = 0;
	Object.assign(target, { asked: 0, jumped: 0 });
});

test.each(["0", "-1", "0.5", "1e300", "Infinity", "2147484", "soon", ""])(
	"--timeout %s is refused before anything else",
	async (timeout) => {
		const ran = run("--yes", `--timeout=${timeout}`);
		await expect(ran).rejects.toMatchObject({ code: "CLI_NUMBER", exitCode: 2 });
		expect(target.asked).toBe(0);
	},
);

test.each([
	["--image-sha256", ["--image-sha256", "0".repeat(64)]],
	["--image-signature", ["--image-signature", "a.sig", "--image-signer", "key"]],
	['"abc" is no SHA-256', ["--image", "/", "--image-sha256", "abc"]],
	["without its signer", ["--image", "/", "--image-signature", "a.sig"]],
	["but no signature", ["--image", "/", "--image-signer", "key"]],
])("a check of an image that could not be made is refused: %s", async (told, words) => {
	const ran = run("--yes", ...words);
	await expect(ran).rejects.toMatchObject({ exitCode: 2 });
	await expect(ran).rejects.toThrow(told);
	expect(target.asked).toBe(0);
});

test("that nobody is there to say yes is known before the login", async () => {
	await expect(run()).rejects.toMatchObject({ code: "CLI_NOT_CONFIRMED", exitCode: 2 });
	expect(target.asked).toBe(0);
});

test("a folder for the network that takes nothing stops before the jump", async () => {
	const ran = run("--yes", "--dump-network", "/dev/null/folder");
	await expect(ran).rejects.toMatchObject({ code: "CLI_FILE", exitCode: 4 });
	expect(target).toEqual({ asked: 1, jumped: 0 });
});

test("from the jump on, whoever leaves by force leaves with code 5", async () => {
	expect(await run("--yes", "--no-wait")).toBe(0);
	expect(codes).toEqual([4, 5]);
});
