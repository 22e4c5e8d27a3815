// What becomes of a delivery and of an order when the line breaks, again and again: logins and helpers as the test says.
import { PassThrough } from "node:stream";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { EkexecError } from "../../src/bytes/index.ts";
import { preamble } from "../../src/kexec/contract.ts";
import { explain } from "../../src/kexec/explain.ts";
import { FakeHelper, type GoOptions, HelperClient, literalFile } from "../../src/kexec/index.ts";
import { deliver } from "../../src/rescue/deliver.ts";
import { startHelper } from "../../src/rescue/helper.ts";
import { giveOrder } from "../../src/rescue/jump.ts";
import type { Session } from "../../src/rescue/session.ts";
import { askAgain, type Delivery, drop } from "../../src/rescue/take-up.ts";
import { healthyFacts } from "../support/facts.ts";

const line = vi.hoisted(() => ({
	/** What each login finds: a helper, or an error. */
	finds: [] as (HelperClient | Error | (() => HelperClient))[],
	opened: [] as Session[],
	answers: {} as Record<string, string>,
	whenOpened: () => {},
}));

// Nobody waits for real between two looks.
vi.mock("node:timers/promises", () => ({ setTimeout: async () => {} }));
vi.mock("../../src/rescue/session.ts", async (original) => ({
	...(await original<typeof import("../../src/rescue/session.ts")>()),
	reopen: async () => {
		line.whenOpened();
		const session = login();
		line.opened.push(session);
		return session;
	},
	helperOf: async () => {
		const found = line.finds.shift();
		if (found === undefined) throw new Error("one login too many");
		if (found instanceof Error) throw found;
		return typeof found === "function" ? found() : found;
	},
}));

const closed = new Set<unknown>();
function login(): Session {
	const exec = async (words: readonly string[]) => {
		const out = line.answers[words.at(-1) ?? ""];
		const stdout = new PassThrough().end(out ?? "");
		const stderr = new PassThrough().end("");
		const exit = Promise.resolve({ code: out === undefined ? 1 : 0, signal: undefined });
		return { stdin: new PassThrough(), stdout, stderr, exit, close() {} };
	};
	const connection = { exec, close: async () => void closed.add(connection) };
	return { connection, root: connection } as unknown as Session;
}

const loss = (code: string): Error => new EkexecError("failed", code, "the line broke");
const notKept = explain({ event: "error", code: "NOT_KEPT", at: "resume", errno: -111 });

/** A helper whose orders fail as told, one after another; then one arrives. */
function helper(goes: readonly Error[], on: { aborted?: () => void } = {}): HelperClient {
	const left = [...goes];
	return {
		async go() {
			const error = left.shift();
			if (error) throw error;
		},
		resumed: async () => ({ files: new Map(), parts: new Map(), sealed: true, loaded: true }),
		unload: async () => {},
		destroy() {},
		abort: async () => on.aborted?.(),
	} as unknown as HelperClient;
}

function delivery(client: HelperClient): Delivery {
	return { session: login(), client, parts: 0, token: "0".repeat(64), keep: 120 };
}

const facts = healthyFacts({ bootId: "11111111-2222-3333-4444-555555555555" });
const bootId = "/proc/sys/kernel/random/boot_id";
const loaded = "/sys/kernel/kexec_loaded";

function order(
	to: Delivery,
	via: NonNullable<GoOptions["via"]>,
	signal?: AbortSignal,
): Promise<boolean> {
	const told = giveOrder(
		"root@web1",
		to,
		facts,
		{ via },
		{
			connect: {},
			remark: () => {},
			...(signal ? { signal } : {}),
		},
	);
	told.catch(() => {});
	return told;
}

beforeEach(() => {
	Object.assign(line, { finds: [], opened: [], answers: {}, whenOpened: () => {} });
	line.answers[bootId] = facts.bootId;
	closed.clear();
});

describe("an order that is lost with the line", () => {
	test("is given again to a helper that still waits, however often the line breaks", async () => {
		const to = delivery(helper([loss("SSH_LOST")]));
		const again = helper([loss("HELPER_TIMEOUT")]);
		line.finds.push(loss("HELPER_TIMEOUT"), loss("HELPER_ENDED"), again, helper([]));
		const first = to.session;
		const told = order(to, "reboot");
		expect(await told).toBe(true);
		// Every login that another one replaced is closed.
		const closable = [first, ...line.opened.slice(0, -1)].map(({ connection }) => connection);
		expect([...closed]).toEqual(closable);
	});

	test("arrived where another boot answers; nobody knows where nobody waits", async () => {
		const to = delivery(helper([loss("SSH_LOST")]));
		line.answers[bootId] = "99999999-2222-3333-4444-555555555555";
		expect(await order(to, "reboot")).toBe(true);
		line.answers[bootId] = facts.bootId;
		line.finds.push(notKept);
		expect(await order(delivery(helper([loss("SSH_LOST")])), "reboot")).toBe(false);
	});

	test.each(["reboot", "nothing"] as const)(
		"an interrupt while it is looked for proves nothing (via %s)",
		async (via) => {
			const interrupted = new AbortController();
			line.whenOpened = () => interrupted.abort(loss("CLI_INTERRUPTED"));
			line.finds.push(loss("SSH_ABORTED"));
			const told = order(delivery(helper([loss("SSH_LOST")])), via, interrupted.signal);
			await expect(told).rejects.toMatchObject({ code: "RESCUE_LOST", exitCode: 5 });
		},
	);

	test("an interrupt once the helper is found to wait leaves the target as it was", async () => {
		const interrupted = new AbortController();
		const reason = loss("CLI_INTERRUPTED");
		line.finds.push(() => {
			interrupted.abort(reason);
			return helper([]);
		});
		const told = order(delivery(helper([loss("SSH_LOST")])), "reboot", interrupted.signal);
		await expect(told).rejects.toBe(reason);
	});

	test("what the helper refuses itself is no loss", async () => {
		const refused = explain({ event: "error", code: "ORDER", at: "go", errno: 0 });
		await expect(order(delivery(helper([refused])), "reboot")).rejects.toBe(refused);
		expect(line.opened).toEqual([]);
	});

	test.each([
		["1", undefined],
		["0", { code: "RESCUE_LOST", exitCode: 4 }],
		[undefined, { code: "RESCUE_LOST", exitCode: 5 }],
	] as const)("to leave the kernel loaded: the target says %s", async (state, error) => {
		if (state !== undefined) line.answers[loaded] = state;
		line.finds.push(notKept);
		const told = order(delivery(helper([loss("SSH_LOST")])), "nothing");
		if (error === undefined) expect(await told).toBe(true);
		else await expect(told).rejects.toMatchObject(error);
	});
});

test("a delivery is taken up although the taking up breaks itself", async () => {
	const broken = {
		stage: async () => {
			throw loss("SSH_LOST");
		},
		destroy() {},
	} as unknown as HelperClient;
	const to = delivery(broken);
	const whole = await HelperClient.open(new FakeHelper().stream);
	whole.resumed = async () => ({
		files: new Map(),
		parts: new Map(),
		sealed: false,
		loaded: false,
	});
	line.finds.push(loss("HELPER_TIMEOUT"), loss("SSH_CHANNEL"), whole);
	const done = deliver("root@web1", to, [literalFile(0, "kernel")], {
		connect: {},
		progress: () => {},
		remark: () => {},
	});
	done.catch(() => {});
	await done;
	expect(line.opened).toHaveLength(3);
	expect(closed.size).toBe(3);
	expect(to.parts).toBe(1);
});

describe("what the helper is asked to do, and a line is lost meanwhile", () => {
	const sealing = (fails: readonly Error[]): HelperClient => {
		const left = [...fails];
		return {
			...helper([]),
			async seal() {
				const error = left.shift();
				if (error) throw error;
			},
		} as unknown as HelperClient;
	};
	const ask = (to: Delivery): Promise<string[]> => {
		const remarks: string[] = [];
		const options = { connect: {}, remark: (text: string) => void remarks.push(text) };
		const done = askAgain("root@web1", to, options, (client) => client.seal());
		done.catch(() => {});
		return done.then(() => remarks);
	};

	test("is asked for again, over the other line", async () => {
		line.finds.push(sealing([loss("HELPER_TIMEOUT")]), sealing([]));
		const remarks = await ask(delivery(sealing([loss("SSH_LOST")])));
		expect(remarks).toEqual([
			"the connection was lost; logging in again",
			"taken up where it broke off",
			"the connection was lost; logging in again",
			"taken up where it broke off",
		]);
	});

	test("what it may have loaded goes first", async () => {
		const did: string[] = [];
		const loading = (name: string, loaded: boolean, error?: Error): HelperClient =>
			({
				...helper([]),
				resumed: async () => ({ files: new Map(), parts: new Map(), sealed: true, loaded }),
				unload: async () => void did.push(`${name} unloads`),
				loadFile: async () => {
					did.push(`${name} loads`);
					if (error) throw error;
				},
			}) as unknown as HelperClient;
		line.finds.push(loading("second", true, loss("SSH_LOST")), loading("third", false));
		const options = { connect: {}, remark: () => {} };
		const to = delivery(loading("first", false, loss("SSH_LOST")));
		await askAgain("root@web1", to, options, (client) => client.loadFile({ commandLine: "" }));
		expect(did).toEqual(["first loads", "second unloads", "second loads", "third loads"]);
	});

	test("is given up after some losses in vain, and at once where the helper refuses it", async () => {
		line.finds.push(...Array.from({ length: 5 }, () => sealing([loss("HELPER_TIMEOUT")])));
		const given = ask(delivery(sealing([loss("SSH_LOST")])));
		await expect(given).rejects.toMatchObject({ code: "HELPER_TIMEOUT" });
		expect(line.opened).toHaveLength(5);
		const refused = explain({ event: "error", code: "INCOMPLETE", at: "seal", errno: 0 });
		await expect(ask(delivery(sealing([refused])))).rejects.toBe(refused);
		expect(line.opened).toHaveLength(5);
	});

	test("losses between which more arrived are none in vain", async () => {
		const losing = (received: number): HelperClient => {
			const parts = new Map([[0, { received, whole: false }]]);
			const resumed = async () => ({ files: new Map(), parts, sealed: false, loaded: false });
			return Object.assign(sealing([loss("SSH_LOST")]), { resumed });
		};
		line.finds.push(...Array.from({ length: 12 }, (_, at) => losing(at)), sealing([]));
		await ask(delivery(losing(0)));
		expect(line.opened).toHaveLength(13);
	});

	test("where the helper itself ended, the error says why it did", async () => {
		line.finds.push(notKept);
		const ended = new EkexecError("failed", "HELPER_ENDED", "the helper ended", {
			found: "exit code 137",
		});
		await expect(ask(delivery(sealing([ended])))).rejects.toMatchObject({
			code: "HELPER_NOT_KEPT",
			message: expect.stringMatching(/^root@web1: nothing is kept.*exit code 137/),
		});
	});
});

describe("what a dead line may still hold is dropped before it is said to be", () => {
	test.each([
		["a helper that still keeps it drops it", undefined, 1, undefined],
		["nobody keeps anything", notKept, 0, undefined],
		["nobody can tell", loss("HELPER_TIMEOUT"), 0, "HELPER_TIMEOUT"],
	] as const)("%s", async (_name, found, times, code) => {
		let aborted = 0;
		const count = (): void => {
			aborted += 1;
		};
		line.finds.push(found ?? helper([], { aborted: count }));
		const to = delivery(helper([]));
		const dropped = await drop("root@web1", to, { connect: {} }).then(
			() => undefined,
			(error: EkexecError) => error.code,
		);
		expect([dropped, aborted]).toEqual([code, times]);
		expect(closed.size).toBe(2);
	});
});

test("a helper that is interrupted while it is put in place leaves no file", async () => {
	const interrupted = new AbortController();
	const { connection } = login();
	const ran: (readonly string[])[] = [];
	const { exec } = connection;
	let file = "";
	Object.assign(connection, {
		exec: (words: readonly string[]) => {
			ran.push(words);
			return exec(words);
		},
		async upload(_source: unknown, path: string) {
			file = path;
			interrupted.abort(loss("CLI_INTERRUPTED"));
			throw loss("SSH_ABORTED");
		},
	});
	const started = startHelper(connection, connection, "run", {
		signal: interrupted.signal,
		machine: "x86_64",
	});
	await expect(started).rejects.toMatchObject({ code: "CLI_INTERRUPTED" });
	expect(ran).toEqual([["rm", "-f", file]]);
});

test("a file that a lost line kept from being removed goes with the next login", async () => {
	const leftovers = new Set<string>();
	const lost = login().connection;
	Object.assign(lost, {
		upload: async () => {},
		exec: async () => {
			throw loss("SSH_LOST");
		},
	});
	const options = { machine: "x86_64", leftovers };
	await expect(startHelper(lost, lost, "run", options)).rejects.toMatchObject({ code: "SSH_LOST" });
	const [file = ""] = leftovers;
	expect(file).toContain("/.ekexec-");
	const { connection } = login();
	const ran: (readonly string[])[] = [];
	Object.assign(connection, {
		upload: async () => {
			throw loss("SSH_ABORTED");
		},
		exec: async (words: readonly string[]) => {
			ran.push(words);
			const exit = Promise.resolve({ code: 0, signal: undefined });
			const ended = (): PassThrough => new PassThrough().end();
			return { stdin: ended(), stdout: ended(), stderr: ended(), exit, close() {} };
		},
	});
	const again = startHelper(connection, connection, "run", options);
	await expect(again).rejects.toMatchObject({ code: "SSH_ABORTED" });
	expect(ran[0]).toEqual(["rm", "-f", file]);
	expect([...leftovers]).toEqual([]);
});

test("a helper that started, and was lost then, is not tried in the next place", async () => {
	const { connection } = login();
	const uploads: string[] = [];
	Object.assign(connection, {
		upload: async (_source: unknown, path: string) => uploads.push(path),
		exec: async () => {
			const stdout = new PassThrough();
			stdout.end(preamble);
			const exit = Promise.resolve({ code: undefined, signal: undefined });
			return { stdin: new PassThrough(), stdout, stderr: new PassThrough(), exit, close() {} };
		},
	});
	const options = { machine: "x86_64", token: "0".repeat(64) };
	const started = startHelper(connection, connection, "resume", options);
	await expect(started).rejects.toMatchObject({ code: "HELPER_ENDED" });
	expect(uploads).toHaveLength(1);
});
