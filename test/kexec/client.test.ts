// The client against a helper in memory: what a stream may do to a conversation, and what the client makes of it.
import { describe, expect, test } from "vitest";
import { concat, text, utf8 } from "../../src/bytes/index.ts";
import { encodeFrame, frameType, preamble } from "../../src/kexec/contract.ts";
import {
	complaintOf,
	FakeHelper,
	HelperClient,
	type HelperStream,
	literalFile,
	source,
} from "../../src/kexec/index.ts";

const hello = encodeFrame(
	frameType.hello,
	0,
	utf8('{"contract":1,"arch":"x86_64","command":"run","resumed":false,"pid":1,"uid":0}\n'),
);

/** A stream that says these chunks and then ends, or hangs. */
function says(
	chunks: readonly Uint8Array[],
	end: "ends" | "hangs" = "ends",
	code?: number,
): HelperStream {
	return {
		output: (async function* () {
			yield* chunks;
			if (end === "hangs") await new Promise(() => {});
		})(),
		write: async () => {},
		end: () => {},
		destroy: () => {},
		exit: Promise.resolve(code),
		talk: () => "",
	};
}

/** The same stream in pieces of one byte. */
const byteByByte = (stream: HelperStream): HelperStream => ({
	...stream,
	output: (async function* () {
		for await (const chunk of stream.output) for (const byte of chunk) yield Uint8Array.of(byte);
	})(),
});

describe("greeting", () => {
	test("what a login shell prints first is no obstacle, in pieces of any size", async () => {
		for (const wrap of [(s: HelperStream) => s, byteByByte]) {
			const fake = new FakeHelper({ noise: "Welcome!\0\r\nekexec-helper \x1b[0m\0ekexec-helpe" });
			const client = await HelperClient.open(wrap(fake.stream));
			expect(client.hello).toMatchObject({ arch: "x86_64", uid: 0 });
			expect(client.noise).toContain("Welcome!");
			client.close();
		}
	});
	test.each([
		["nothing", [], "HELPER_SILENT"],
		["an error of the shell", [utf8("sh: permission denied\n")], "HELPER_SILENT"],
		["another version", [Uint8Array.of(...preamble.subarray(0, -1), 99)], "HELPER_VERSION"],
		["the end in its greeting", [preamble, hello.subarray(0, 20)], "HELPER_ENDED"],
		[
			"a frame that is too long",
			[preamble, Uint8Array.of(0, 0, 2, 0, 64, 0, 0, 0)],
			"HELPER_FRAMES",
		],
		[
			"a greeting that is no JSON",
			[preamble, encodeFrame(frameType.hello, 0, utf8("hi"))],
			"HELPER_FRAMES",
		],
		["noise without end", [new Uint8Array(300_000)], "HELPER_SILENT"],
	])("%s", async (_name, chunks, code) => {
		await expect(HelperClient.open(says(chunks))).rejects.toMatchObject({ code });
	});
	test("exit code 126 speaks of noexec", async () => {
		await expect(HelperClient.open(says([], "ends", 126))).rejects.toThrow(/noexec/);
	});
	test("silence has a deadline", async () => {
		await expect(HelperClient.open(says([], "hangs"), { timeout: 10 })).rejects.toMatchObject({
			code: "HELPER_TIMEOUT",
		});
	});
	test("an interrupt ends the wait with its own reason", async () => {
		const reason = new Error("enough");
		await expect(
			HelperClient.open(says([], "hangs"), { signal: AbortSignal.abort(reason) }),
		).rejects.toBe(reason);
	});
});

describe("a whole rescue against the fake", () => {
	test("probe, try, stage with splices, load, go", async () => {
		const fake = new FakeHelper({
			answer: ({ op, argument }) =>
				op === "read"
					? { items: [{ path: text(argument), bytes: utf8("content") }] }
					: { errno: 38, state: "timed-out" },
			splice: (path) => (path === "/etc/key" ? utf8("secret") : 2),
		});
		const client = await HelperClient.open(byteByByte(fake.stream));
		const [read, dead] = await client.probe([source.read("/a"), source.statfs("/b")]);
		expect(read).toMatchObject({ errno: 0, items: [{ path: utf8("/a"), bytes: utf8("content") }] });
		expect(dead).toMatchObject({ errno: 38, state: "timed-out", items: [] });
		const progress: number[] = [];
		await client.stage([literalFile(0, "kernel")]);
		await client.tryKernel("ro");
		expect(fake.loaded).toBeUndefined();
		const initrd = {
			file: 1,
			size: 20,
			parts: [
				{ offset: 0, size: 3, bytes: utf8("abc") },
				{ offset: 4, size: 6, splice: utf8("/etc/key") },
			],
		};
		await client.stage([initrd], { progress: ({ sent }) => progress.push(sent) });
		expect(text(fake.files.get(1) ?? new Uint8Array())).toBe(`abc\0secret${"\0".repeat(10)}`);
		expect(progress).toEqual([3]);
		await client.seal();
		expect(await client.loadFile({ commandLine: "console=ttyS0" })).toEqual({
			method: "kexec_file_load",
			kexecLoaded: 1,
		});
		expect(fake.commandLine).toBe("console=ttyS0");
		await client.go();
		expect([fake.outcome, fake.loaded]).toEqual(["gone", "kexec_file_load"]);
	});

	test("a helper that brings more than it was asked for is not believed", async () => {
		const fake = new FakeHelper({ answer: () => ({ items: [{ bytes: new Uint8Array(20_000) }] }) });
		const client = await HelperClient.open(fake.stream);
		await expect(client.probe([source.read("/a", { cap: 10_000 })])).rejects.toMatchObject({
			code: "HELPER_FRAMES",
		});
		const flood = concat([preamble, hello, ...Array.from({ length: 5000 }, () => hello)]);
		const flooded = await HelperClient.open(says([flood]));
		await expect(flooded.seal()).rejects.toMatchObject({ code: "HELPER_FRAMES" });
	});

	test("leaving before go unloads", async () => {
		const fake = new FakeHelper();
		const client = await HelperClient.open(fake.stream);
		await client.stage([literalFile(0, "k"), literalFile(1, "i")]);
		await client.seal();
		await client.loadFile({ commandLine: "" });
		client.close();
		expect([fake.outcome, fake.loaded]).toEqual(["left", undefined]);
	});

	test("a refusal is told with its remedy, and the conversation goes on", async () => {
		const fake = new FakeHelper({ fileLoad: 129 });
		const client = await HelperClient.open(fake.stream);
		await client.stage([literalFile(0, "k"), literalFile(1, "i")]);
		await client.seal();
		const error = await client.loadFile({ commandLine: "" }).catch((e: unknown) => e);
		expect(error).toMatchObject({ kind: "failed", code: "HELPER_LOAD" });
		expect(complaintOf(error)).toMatchObject({ at: "kexec_file_load", errno: 129 });
		expect(String(error)).toContain("EKEYREJECTED");
		expect(await client.loadSegments({ entry: 0n, segments: [] })).toMatchObject({
			method: "kexec_load",
		});
		await client.abort();
		expect(fake.outcome).toBe("aborted");
	});

	test("another load that is going on is waited out", async () => {
		const answers = [16, 16, 0];
		const fake = new FakeHelper({ fileLoad: () => answers.shift() ?? 0 });
		const client = await HelperClient.open(fake.stream);
		await client.stage([literalFile(0, "k")]);
		await client.loadFile({ commandLine: "", initrd: false });
		expect(answers).toEqual([]);
		client.close();
	});

	test("a splice that fails leaves the conversation in step", async () => {
		const fake = new FakeHelper();
		const client = await HelperClient.open(fake.stream);
		const parts = [
			{ offset: 0, size: 1, bytes: utf8("a") },
			{ offset: 1, size: 6, splice: utf8("/gone") },
			{ offset: 7, size: 1, bytes: utf8("b") },
		];
		await expect(client.stage([{ file: 1, size: 8, parts }])).rejects.toMatchObject({
			code: "HELPER_SPLICE",
		});
		await client.stage([{ file: 1, size: 1, parts: parts.slice(0, 1) }]);
		await client.seal();
		expect(text(fake.files.get(1) ?? new Uint8Array())).toBe("a");
		client.close();
	});

	test("content that fails, or is of another size than said, is an error of its own", async () => {
		const client = await HelperClient.open(new FakeHelper().stream);
		const part = (open: () => AsyncGenerator<Uint8Array>) => [
			{ file: 1, size: 3, parts: [{ offset: 0, size: 3, sha256: new Uint8Array(32), open }] },
		];
		const broken = new Error("the disk of the operator");
		await expect(
			client.stage(
				// biome-ignore lint/correctness/useYield: it fails before it could.
				part(async function* () {
					throw broken;
				}),
			),
		).rejects.toBe(broken);
		await expect(
			client.stage(
				part(async function* () {
					yield utf8("ab");
				}),
			),
		).rejects.toMatchObject({ code: "HELPER_RANGE" });
		await client.abort();
	});

	test("two steps at once are refused", async () => {
		const client = await HelperClient.open(says([concat([preamble, hello])], "hangs"));
		const first = client.seal({ timeout: 50 });
		await expect(client.unload()).rejects.toMatchObject({ code: "HELPER_ORDER" });
		await expect(first).rejects.toMatchObject({ code: "HELPER_TIMEOUT" });
	});

	test("a helper that dies in the middle is told with its last words", async () => {
		const stream = { ...says([concat([preamble, hello])], "ends", 137), talk: () => "Killed" };
		const client = await HelperClient.open(stream);
		await expect(client.seal()).rejects.toThrow(/exit code 137: Killed/);
	});
});
