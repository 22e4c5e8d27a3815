import { createHash, randomBytes } from "node:crypto";
import { readFileSync, truncateSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { concat, utf8 } from "../../src/bytes/index.ts";
import { encodeFrame, frameType } from "../../src/kexec/contract.ts";
import { complaintOf, literalFile, type StagedFile } from "../../src/kexec/index.ts";
import { startChild } from "./support/child.ts";
import { eventsOf, lacking, leftovers, workshop } from "./support/workshop.ts";

describe.skipIf(lacking !== "")(`the helper stages, loads and leaves ${lacking}`, () => {
	const { helper, under, filtered, path, put } = workshop();
	describe("staging", () => {
		test("digests of every length around a block are as Node's", async () => {
			const child = startChild([helper, "run"]);
			const client = await child.client();
			const sizes = [
				...Array.from({ length: 200 }, (_, i) => i + 1),
				65_535,
				65_536,
				65_537,
				1_000_003,
			];
			const parts: StagedFile["parts"][number][] = [];
			let offset = 0;
			for (const size of sizes) {
				const bytes = new Uint8Array(randomBytes(size));
				const sha256 = new Uint8Array(createHash("sha256").update(bytes).digest());
				parts.push({
					offset,
					size,
					sha256,
					open: async function* () {
						yield bytes;
					},
				});
				offset += size;
			}
			await client.stage([{ file: 1, size: offset, parts }]);
			await client.seal();
			await client.abort();
			expect(await child.ended).toBe(0);
		});

		test("a limit on the size of files is an error and not the end by a signal", async () => {
			const child = startChild(["prlimit", "--fsize=4096", helper, "run"]);
			const client = await child.client();
			await client.stage([literalFile(0, new Uint8Array(4096))]);
			const error = await client
				.stage([literalFile(1, new Uint8Array(4097))])
				.catch((e: unknown) => e);
			expect(complaintOf(error)).toMatchObject({ code: "SYSTEM", at: "ftruncate", errno: 27 });
			expect(await client.abort()).toBeTypeOf("number");
			expect(await child.ended).toBe(0);
		});

		test("a lost connection is taken up where it stopped, by the right token only", async () => {
			const child = startChild([helper, "run"]);
			const client = await child.client();
			const token = await client.keep(20);
			const bytes = new Uint8Array(randomBytes(1_000_000));
			const sha256 = new Uint8Array(createHash("sha256").update(bytes).digest());
			const starts: number[] = [];
			const files = [
				literalFile(0, "kernel"),
				{
					file: 1,
					size: bytes.length,
					parts: [
						{
							offset: 0,
							size: bytes.length,
							sha256,
							async *open(from: number) {
								starts.push(from);
								yield bytes.subarray(from, 400_000);
								if (from === 0) {
									await new Promise((resolve) => setTimeout(resolve, 300));
									child.process.stdin?.destroy();
									child.process.stdout?.destroy();
									await new Promise(() => {});
								}
								yield bytes.subarray(Math.max(from, 400_000));
							},
						},
					],
				},
			];
			await expect(client.stage(files)).rejects.toMatchObject({ code: "HELPER_ENDED" });
			const wrong = startChild([helper, "resume"]);
			const other = token.slice(0, 63) + (token.endsWith("0") ? "1" : "0");
			await expect(wrong.client({ token: other })).rejects.toThrow();
			expect(await wrong.ended).toBe(4);
			const second = startChild([helper, "resume"]);
			const again = await second.client({ token });
			expect(again.hello.resumed).toBe(true);
			const resume = await again.resumed();
			expect(resume.parts.get(1)).toEqual({ received: 400_000, whole: false });
			await again.stage(files, { resume });
			expect(starts).toEqual([0, 400_000]);
			await again.seal();
			await again.abort();
			expect(await second.ended).toBe(0);
			expect(await child.ended).toBe(0);
		});

		test.skipIf(process.geteuid?.() !== 0)(
			"the streams are handed to no process of another user, who could take a dead keeper's name",
			async () => {
				const words = ["setpriv", "--reuid=65534", "--clear-groups", helper, "run"];
				const other = startChild(words);
				const client = await other.client();
				const token = await client.keep(5);
				client.close();
				const resuming = startChild([helper, "resume"]);
				const refused = await resuming.client({ token }).catch((error: unknown) => error);
				expect(complaintOf(refused)).toMatchObject({ code: "NOT_KEPT", errno: 13 });
				expect(await resuming.ended).toBe(4);
				other.process.kill("SIGTERM");
				await other.ended;
			},
		);

		test("the input's end at every frame leaves nothing behind", async () => {
			const key = put("end-key", "0123456789");
			const size = new Uint8Array(8);
			new DataView(size.buffer).setBigUint64(0, 100n, true);
			const part = (file: number, kind: number, length: number, splice = "") => {
				const head = new Uint8Array(56);
				const view = new DataView(head.buffer);
				head.set([file, kind]);
				view.setUint32(4, 1000, true);
				view.setBigUint64(16, BigInt(length), true);
				return concat([head, utf8(splice)]);
			};
			const frames = [
				encodeFrame(
					frameType.source,
					0,
					concat([Uint8Array.of(8, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0)]),
				),
				encodeFrame(frameType.probe),
				encodeFrame(frameType.file, 0, size),
				encodeFrame(frameType.file, 1, size),
				encodeFrame(frameType.part, 0, part(0, 0, 100)),
				encodeFrame(frameType.data, 0, new Uint8Array(60)),
				encodeFrame(frameType.data, 0, new Uint8Array(40)),
				encodeFrame(frameType.part, 1, part(1, 2, 10, key)),
				encodeFrame(frameType.seal),
				encodeFrame(frameType.loadFile, 0, Uint8Array.of(0, 0, 0, 0, 0)),
				encodeFrame(frameType.unload),
				encodeFrame(frameType.loadFile, 0, Uint8Array.of(0, 0, 0, 0, 0)),
			];
			const expected = [
				"probed",
				"file",
				"file",
				"part",
				"part",
				"sealed",
				"loaded",
				"unloaded",
				"loaded",
			];
			for (let count = 0; count <= frames.length; count++) {
				const log = path("end.log");
				const child = startChild(
					[
						"strace",
						"-f",
						"-qq",
						"-o",
						log,
						"-e",
						"trace=kexec_load,kexec_file_load",
						...under({ kexec_file_load: 0 }, "run"),
					],
					{ collect: true },
				);
				await child.feed(concat(frames.slice(0, count)));
				expect(await child.ended, `after ${count} frames`).toBe(4);
				const events = eventsOf(await child.output);
				expect(events.map(({ event }) => event)).toEqual(expected.slice(0, events.length));
				if (count === frames.length) expect(events).toHaveLength(expected.length);
				const made = readFileSync(log, "utf8")
					.split("\n")
					.filter((line) => !line.includes("0x8000"));
				const loads = made.filter((line) => /kexec_file_load\(\d+, \d+, 1/.test(line)).length;
				const unloads = made.filter((line) => line.includes("KEXEC_FILE_UNLOAD")).length;
				expect(unloads, made.join("\n")).toBe(loads);
				expect(leftovers(child.process.pid)).toEqual([]);
			}
		}, 120_000);

		test.each(["SIGTERM", "SIGHUP", "SIGINT"] as const)("%s means abort", async (signal) => {
			const child = filtered({ kexec_file_load: 0 }, "run");
			const client = await child.client();
			await client.stage([literalFile(0, "kernel"), literalFile(1, "initrd")]);
			await client.seal();
			await client.loadFile({ commandLine: "" });
			child.process.kill(signal);
			expect(await child.ended).toBe(4);
			expect(leftovers(child.process.pid)).toEqual([]);
		});

		test("a helper that is killed outright after loading is unloaded by its guard", async () => {
			const log = path("guard.log");
			const child = startChild([
				"strace",
				"-f",
				"-qq",
				"-o",
				log,
				"-e",
				"trace=kexec_file_load",
				...under({ kexec_file_load: 0 }, "run"),
			]);
			const client = await child.client();
			await client.stage([literalFile(0, "kernel"), literalFile(1, "initrd")]);
			await client.seal();
			await client.loadFile({ commandLine: "" });
			process.kill(client.hello.pid, "SIGKILL");
			await child.ended;
			expect(readFileSync(log, "utf8")).toMatch(/KEXEC_FILE_UNLOAD/);
			expect(leftovers(client.hello.pid)).toEqual([]);
		});

		test("what is sealed cannot be written, and only what is sealed is loaded with an initrd", async () => {
			const client = await filtered({ kexec_file_load: 0 }, "run").client();
			await client.stage([literalFile(0, "kernel"), literalFile(1, "initrd")]);
			await expect(client.loadFile({ commandLine: "" })).rejects.toMatchObject({
				code: "HELPER_ORDER",
			});
			await client.tryKernel("");
			await client.seal();
			await expect(client.stage([literalFile(0, "other")])).rejects.toMatchObject({
				code: "HELPER_ORDER",
			});
			await client.loadFile({ commandLine: "" });
			await client.abort();
		});

		test("go: answers, then reboots in a process of its own", async () => {
			const log = path("go.log");
			const child = startChild([
				"strace",
				"-f",
				"-qq",
				"-o",
				log,
				"-e",
				"trace=setsid,sync,reboot,kexec_file_load",
				...under({ kexec_file_load: 0, reboot: 22 }, "run"),
			]);
			const client = await child.client();
			await client.stage([literalFile(0, "kernel"), literalFile(1, "initrd")]);
			await client.seal();
			await expect(client.go()).rejects.toMatchObject({ code: "HELPER_ORDER" });
			await client.loadFile({ commandLine: "" });
			await client.go({ drain: 1, sync: 5000 });
			expect(await child.ended).toBe(0);
			const made = readFileSync(log, "utf8");
			// sync was asked for; the reboot is refused here, so what was loaded is unloaded.
			expect(made).toMatch(/sync\([\s\S]*LINUX_REBOOT_CMD_KEXEC[\s\S]*KEXEC_FILE_UNLOAD/);
			const jumper = made.match(/^(\d+) +reboot/m)?.[1];
			expect(jumper).not.toBe(String(client.hello.pid));
			expect(made).toMatch(new RegExp(`^${jumper} +setsid`, "m"));
		});
	});

	describe("frames", () => {
		const raw = async (bytes: Uint8Array, command = "run") => {
			const child = startChild([helper, command], { collect: true });
			await child.feed(bytes);
			return { code: await child.ended, events: eventsOf(await child.output) };
		};
		const fault = {
			code: 65,
			events: [{ event: "error", code: "FRAMES", at: "conversation", errno: 0 }],
		};
		test.each([
			["a head cut off", Uint8Array.of(1, 0, 0)],
			["a payload cut off", encodeFrame(frameType.file, 0, new Uint8Array(8)).slice(0, 12)],
			["a length above the cap", Uint8Array.of(1, 0, 1, 0, 6, 0, 0, 0)],
			["an unknown type", encodeFrame(99)],
			["a source without its head", encodeFrame(frameType.source, 0, new Uint8Array(5))],
			[
				"a source of no kind",
				encodeFrame(frameType.source, 0, Uint8Array.of(99, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)),
			],
			["keep without a number", encodeFrame(frameType.keep)],
		])("%s", async (_name, bytes) => {
			expect(await raw(bytes)).toEqual(fault);
		});
		test.each([
			"keep",
			"file",
			"part",
			"data",
			"seal",
			"loadFile",
			"loadSegments",
			"unload",
			"go",
		] as const)("probe takes no %s", async (name) => {
			expect(await raw(encodeFrame(frameType[name], 0, new Uint8Array(4)), "probe")).toEqual(fault);
		});
		test.each([
			["a file of no size", encodeFrame(frameType.file, 0, new Uint8Array(8)), "RANGE"],
			[
				"a file with a number too high",
				encodeFrame(frameType.file, 4, new Uint8Array(8).fill(1)),
				"ORDER",
			],
			["a part of no file", encodeFrame(frameType.part, 0, new Uint8Array(56)), "ORDER"],
			["data of no part", encodeFrame(frameType.data, 7, new Uint8Array(1)), "ORDER"],
			[
				"segments that are none",
				encodeFrame(frameType.loadSegments, 0, new Uint8Array(17)),
				"RANGE",
			],
			[
				"a command line without NUL",
				encodeFrame(frameType.loadFile, 0, new Uint8Array(5).fill(1)),
				"RANGE",
			],
			[
				"flags that unload",
				encodeFrame(frameType.loadFile, 0, Uint8Array.of(1, 0, 0, 0, 0)),
				"RANGE",
			],
		])("%s is refused, and the conversation goes on", async (_name, bytes, code) => {
			const { events } = await raw(concat([bytes, encodeFrame(frameType.abort)]));
			expect(events.map((event) => event.code ?? event.event)).toEqual([code, "aborted"]);
		});
	});

	test("a splice that grows or shrinks between the calls is not taken", async () => {
		const file = put("moving", "0123456789");
		const client = await startChild([helper, "run"]).client();
		const ask = () =>
			client.stage([{ file: 1, size: 10, parts: [{ offset: 0, size: 10, splice: utf8(file) }] }]);
		await ask();
		truncateSync(file, 9);
		await expect(ask()).rejects.toMatchObject({ code: "HELPER_SPLICE" });
		truncateSync(file, 11);
		await expect(ask()).rejects.toMatchObject({ code: "HELPER_SPLICE" });
		await client.abort();
	});
});
