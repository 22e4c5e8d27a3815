import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import type { EkexecError } from "../../src/bytes/index.ts";
import { watchEnding } from "../../src/cli/ending.ts";

/** A process that notes with which code it was ended. */
function started() {
	const exits: number[] = [];
	const told: string[] = [];
	const process = Object.assign(new EventEmitter(), {
		stdout: new EventEmitter(),
		stderr: new EventEmitter(),
		exit: (code: number) => void exits.push(code),
	});
	const report = (error: EkexecError) => {
		told.push(error.message);
		return error.exitCode;
	};
	return { process, exits, told, ...watchEnding(process, report) };
}
const broken = (code: string): Error => Object.assign(new Error(code), { code });

describe("how the process ends", () => {
	test.each(["SIGINT", "SIGTERM"])("%s asks the command to stop, a second one leaves", (name) => {
		const { process, exits, signal } = started();
		process.emit(name);
		expect([signal.aborted, exits]).toEqual([true, []]);
		expect(signal.reason).toMatchObject({ code: "CLI_INTERRUPTED", exitCode: 4 });
		process.emit(name);
		expect(exits).toEqual([4]);
	});

	test("after the jump the second one is no promise that the target is as it was", () => {
		const { process, exits, halfDone } = started();
		halfDone(4);
		halfDone(5);
		process.emit("SIGINT");
		process.emit("SIGINT");
		expect(exits).toEqual([5]);
	});

	test("a bug behind the jump is no such promise either", () => {
		const { failed, halfDone } = started();
		expect([failed(70), failed(4)]).toEqual([70, 4]);
		halfDone(4);
		expect(failed(70)).toBe(70);
		halfDone(5);
		expect([failed(70), failed(4)]).toEqual([5, 5]);
	});

	test("a closed terminal asks to stop, however often it says so, and its streams' errors end nothing", () => {
		const { process, exits, signal, halfDone } = started();
		halfDone(4);
		for (let times = 0; times < 3; times++) process.emit("SIGHUP");
		process.stderr.emit("error", broken("EIO"));
		process.stdout.emit("error", broken("EIO"));
		expect([signal.aborted, exits]).toEqual([true, []]);
	});

	test("a pipe on stderr that ends stops nothing", () => {
		const { process, exits, signal } = started();
		process.stderr.emit("error", broken("EPIPE"));
		expect([signal.aborted, exits]).toEqual([false, []]);
	});

	test("a reader of stdout that has seen enough ends the process; not one that has something to undo", () => {
		const plain = started();
		plain.process.stdout.emit("error", broken("EPIPE"));
		expect(plain.exits).toEqual([0]);
		expect(plain.told).toEqual([]);
		const failed = started();
		failed.process.stdout.emit("error", broken("ENOSPC"));
		expect(failed.exits).toEqual([4]);
		expect(failed.told).toEqual(["standard output: cannot write: ENOSPC. The disk is full."]);
		const { process, exits, signal, halfDone } = started();
		halfDone(4);
		process.stdout.emit("error", broken("EPIPE"));
		expect([signal.aborted, exits]).toEqual([true, []]);
	});
});
