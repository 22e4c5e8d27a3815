import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { EkexecError } from "../../src/bytes/index.ts";
import { overLosses, whoAnswers } from "../../src/rescue/prove.ts";
import type { Channel } from "../../src/ssh/index.ts";

const bootId = "11111111-2222-3333-4444-555555555555";
const another = "99999999-2222-3333-4444-555555555555";
const nonce = "0123456789abcdef0123456789abcdef";
const path = "/etc/ekexec/nonce";
const absent = `cat: ${path}: No such file or directory\n`;

/** What a command did: its output, its code, what it said; or nothing at all, or the channel was refused. */
interface Answer {
	readonly out?: string;
	readonly talk?: string;
	readonly code?: number | undefined;
}
type Act = Answer | "silent" | Error;

const refused = new EkexecError("failed", "SSH_CHANNEL", "the server opens no channel");
const lost = new EkexecError("failed", "SSH_LOST", "the connection is lost");

/** A login whose commands act as told: first the one that reads the boot id, then the one that reads the nonce. */
function login(boot: Act, file: Act, inC: Act = file) {
	return {
		login: { user: "root", host: "192.0.2.1", port: 22 },
		async exec(words: readonly string[]): Promise<Channel> {
			const act = !words.includes(path) ? boot : words.includes("LC_ALL=C") ? inC : file;
			if (act instanceof Error) throw act;
			const stdout = new PassThrough();
			const stderr = new PassThrough();
			let end: (code: number | undefined) => void = () => {};
			const exit = new Promise<{ code: number | undefined; signal: undefined }>((resolve) => {
				end = (code) => resolve({ code, signal: undefined });
			});
			if (act !== "silent") {
				stdout.end(act.out ?? "");
				stderr.end(act.talk ?? "");
				end("code" in act ? act.code : 0);
			}
			return { stdin: new PassThrough(), stdout, stderr, exit, close: () => end(undefined) };
		},
	};
}

async function answers(boot: Act, file: Act, inC?: Act): Promise<string> {
	const asked = whoAnswers(login(boot, file, inC), { adapter: "rootfs", nonce, bootId }).catch(
		(error: EkexecError) => error.code,
	);
	await vi.runAllTimersAsync();
	return asked;
}

beforeEach(() => {
	vi.useFakeTimers();
});
afterEach(() => {
	vi.useRealTimers();
});

describe("who answers after the jump", () => {
	const fresh = { out: `${another}\n` };
	const cases: [string, Act, Act, string][] = [
		["this run's nonce", fresh, { out: `${nonce}\n` }, "rescue"],
		["after words of the login shell", fresh, { out: `Welcome!\n${nonce}\n` }, "rescue"],
		["the boot id from before", { out: `${bootId}\n` }, refused, "old"],
		["the same behind words of the login shell", { out: `hi\n${bootId}\n` }, refused, "old"],
		["another nonce", fresh, { out: "fedcba9876543210\n" }, "RESCUE_NOT_PROVEN"],
		["no nonce", fresh, { code: 1, talk: absent }, "RESCUE_NOT_PROVEN"],
		[
			"no nonce, as busybox says it",
			fresh,
			{ code: 1, talk: `cat: can't open '${path}': No such file or directory\n` },
			"RESCUE_NOT_PROVEN",
		],
		["a boot id that does not come in time", "silent", { code: 1, talk: absent }, "unclear"],
		["a boot id whose channel is refused", refused, { code: 1, talk: absent }, "unclear"],
		["something that is no boot id", { out: "hi\n" }, { code: 1, talk: absent }, "unclear"],
		["cut off within the boot id", { out: another.slice(0, 9) }, { out: "" }, "unclear"],
		["no cat for the boot id", { code: 127 }, { code: 1, talk: absent }, "unclear"],
		["an empty nonce", fresh, { out: "" }, "unclear"],
		["no cat for the nonce", fresh, { code: 127, talk: "No such file or directory" }, "unclear"],
		["a nonce that cannot be read", fresh, { code: 1, talk: `cat: ${path}: EIO\n` }, "unclear"],
		["cat killed", fresh, { out: nonce.slice(0, 5), code: undefined }, "unclear"],
		[
			"a file of the login shell that is missing, and a nonce that cannot be read",
			fresh,
			{ code: 1, talk: `.bashrc: No such file or directory\ncat: ${path}: EIO\n` },
			"unclear",
		],
	];
	test.each(cases)("%s", async (_, boot, file, who) => {
		expect(await answers(boot, file)).toBe(who);
	});

	test("no nonce, in whichever language; a nonce is read without asking for one", async () => {
		const german = { code: 1, talk: `cat: ${path}: Datei oder Verzeichnis nicht gefunden\n` };
		expect(await answers(fresh, german, { code: 1, talk: absent })).toBe("RESCUE_NOT_PROVEN");
		expect(await answers(fresh, german, { code: 127 })).toBe("unclear");
		expect(await answers(fresh, { out: nonce }, { code: 127 })).toBe("rescue");
	});

	test("what fails with the connection is left to the next one: no verdict", async () => {
		expect(await answers(fresh, "silent")).toBe("SSH_DEADLINE");
		expect(await answers(fresh, refused)).toBe("SSH_CHANNEL");
		expect(await answers(lost, fresh)).toBe("SSH_LOST");
		expect(await answers(fresh, lost)).toBe("SSH_LOST");
	});
});

describe("a rescue system that was proven", () => {
	const connections: { closed: boolean }[] = [];
	const open = async () => {
		const connection = { closed: false };
		connections.push(connection);
		return {
			async close() {
				connection.closed = true;
			},
		};
	};
	beforeEach(() => {
		connections.length = 0;
	});

	test("is looked at over another connection when one is lost", async () => {
		const look = vi.fn().mockRejectedValueOnce(lost).mockResolvedValue("seen");
		expect(await overLosses(open, look, 1000)).toBe("seen");
		expect(connections).toEqual([{ closed: true }, { closed: true }]);
	});

	test("but not when it answers something else, nor after the deadline", async () => {
		const other = new EkexecError("refused", "RESCUE_NO_PLACE", "no place");
		await expect(overLosses(open, () => Promise.reject(other), 1000)).rejects.toBe(other);
		const late = async (): Promise<never> => {
			vi.setSystemTime(Date.now() + 2000);
			throw lost;
		};
		await expect(overLosses(open, late, 1000)).rejects.toBe(lost);
		expect(connections).toEqual([{ closed: true }, { closed: true }]);
	});
});
