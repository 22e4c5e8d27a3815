import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Connection, type ExecOptions, elevate, run } from "../../src/ssh/index.ts";
import { playedChannel } from "./channel.ts";
import { codeOf } from "./support.ts";

beforeEach(() => {
	vi.useFakeTimers();
});
afterEach(() => {
	vi.useRealTimers();
});

/** As the transports do it: an abort ends the opening. */
const unanswered = {
	exec: (_words: readonly string[], { signal }: ExecOptions = {}) =>
		new Promise<never>((_, reject) => {
			signal?.addEventListener("abort", () => reject(signal.reason));
		}),
};
/** A channel whose closing the server does not answer either. */
const silent = { exec: async () => playedChannel() };

describe.each([
	["whose channel the server never opens", unanswered],
	["that never says a word, nor that it was closed", silent],
])("a command %s", (_name, executor) => {
	test("ends at its deadline", async () => {
		const code = codeOf(run(executor, ["x"], { deadline: 5000 }));
		await vi.advanceTimersByTimeAsync(5000);
		expect(await code).toBe("SSH_DEADLINE");
	});

	test("ends with an abort", async () => {
		const abort = new AbortController();
		const code = codeOf(run(executor, ["x"], { signal: abort.signal }));
		await vi.advanceTimersByTimeAsync(1000);
		abort.abort();
		expect(await code).toBe("SSH_ABORTED");
		expect(vi.getTimerCount()).toBe(0);
	});
});

test("talk without end does not fill memory", async () => {
	const channel = playedChannel();
	const ran = run({ exec: async () => channel }, ["x"]);
	await vi.advanceTimersByTimeAsync(0);
	for (let i = 0; i < 64; i++) channel.stderr.write(Buffer.alloc(16 * 1024, "x"));
	channel.stdout.write("out");
	channel.end();
	const { talk, text } = await ran;
	expect(text).toBe("out");
	expect(talk).toHaveLength(256 * 1024);
});

describe("root, where `id` does not run", () => {
	const login = (user: string, exec: Connection["exec"]) =>
		({ transport: "openssh", login: { user, host: "host", port: 22 }, exec }) as Connection;
	const refused = () => Promise.reject(Object.assign(new Error("no"), { code: "SSH_CHANNEL" }));

	test("on a disk that hangs, a login as root is believed", async () => {
		const found = elevate(login("root", silent.exec));
		await vi.advanceTimersByTimeAsync(10_000);
		expect((await found).how).toBe("root");
	});

	test("where the server starts no command, too; any other login is not", async () => {
		expect((await elevate(login("root", refused))).how).toBe("root");
		expect(await codeOf(elevate(login("me", refused)))).toBe("SSH_ELEVATE");
	});

	test("on a disk that hangs, any other login ends at a deadline", async () => {
		const code = codeOf(elevate(login("me", silent.exec)));
		await vi.advanceTimersByTimeAsync(60_000);
		expect(await code).toBe("SSH_DEADLINE");
	});
});
