import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Console } from "../../src/vm/index.ts";

function machine() {
	const output = new PassThrough();
	return { output, console: new Console(output, new PassThrough()) };
}

test("a wait sees what is printed before and after it begins, across chunks", async () => {
	const { output, console } = machine();
	output.write("boot: hel");
	const wait = console.waitFor(/hello (\w+)/, { timeout: 5000 });
	output.write("lo wor");
	output.write("ld\n");
	expect((await wait)[1]).toMatch(/^wor/);
	expect((await console.waitFor("boot:", { timeout: 5000 })).index).toBe(0);
});

test("a wait from a mark does not see what was printed before it", async () => {
	const { output, console } = machine();
	output.write("ready 1\n");
	await console.waitFor("ready", { timeout: 5000 });
	const wait = console.waitFor(/ready \d/, { timeout: 5000, from: console.position });
	output.write("ready 2\n");
	expect((await wait)[0]).toBe("ready 2");
});

test("a machine that ends fails the wait with its last lines, controls escaped", async () => {
	const { output, console } = machine();
	output.write("Kernel panic \u001b[31m- not syncing\n");
	const wait = console.waitFor("login:", { timeout: 5000 });
	const failed = expect(wait).rejects.toMatchObject({
		code: "VM_EXITED",
		message: expect.stringContaining("panic \\x1b[31m- not syncing"),
	});
	console.end("exit code 1");
	await failed;
});

test("an abort ends the wait with its reason", async () => {
	const { console } = machine();
	const abort = new AbortController();
	const wait = console.waitFor("never", { timeout: 5000, signal: abort.signal });
	abort.abort(new Error("enough"));
	await expect(wait).rejects.toThrow("enough");
});
