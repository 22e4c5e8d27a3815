// The contract, held by the real helper as a child process.
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	symlinkSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { concat, text, utf8 } from "../../src/bytes/index.ts";
import { encodeFrame, frameType, preamble } from "../../src/kexec/contract.ts";
import {
	type Answer,
	complaintOf,
	decodeList,
	decodePlace,
	decodeStat,
	decodeStatfs,
	decodeSystem,
	type Explanation,
	explanationOf,
	explanations,
	type HelperClient,
	literalFile,
	literalPath,
	type StagedFile,
	source,
} from "../../src/kexec/index.ts";
import { FrameReader } from "../../src/kexec/wire.ts";
import { missing } from "../support/programs.ts";
import { buildProgram } from "./support/build.ts";
import { calls, ownHelper, startChild } from "./support/child.ts";

const lacking =
	ownHelper === undefined
		? "no helper for this machine"
		: missing("clang", "ld.lld", "ssh-keygen", "strace");
const root = process.getuid?.() === 0;

describe.skipIf(lacking !== "")(`the helper as a child ${lacking}`, () => {
	let folder: string;
	let helper: string;
	let under: string;
	beforeAll(() => {
		folder = mkdtempSync(join(tmpdir(), "ekexec-helper-"));
		// Others must be able to run it, too.
		chmodSync(folder, 0o755);
		helper = join(folder, "helper");
		under = join(folder, "under");
		copyFileSync(ownHelper ?? "", helper);
		chmodSync(helper, 0o755);
		buildProgram("under", process.arch === "x64" ? "x86_64" : "aarch64", under);
	});
	afterAll(() => {
		rmSync(folder, { recursive: true, force: true });
	});

	/** A helper under a filter: `{ kexec_file_load: 0 }` lets the call seem to work. */
	const filtered = (answers: Readonly<Record<string, number | "hang">>, ...words: string[]) =>
		startChild([
			under,
			...Object.entries(answers).map(([name, answer]) => `${calls[name]}=${answer}`),
			helper,
			...words,
		]);
	const probe = async (
		...sources: Parameters<HelperClient["probe"]>[0][number][]
	): Promise<Answer[]> => {
		const client = await startChild([helper, "probe"]).client();
		const answers = await client.probe(sources);
		client.close();
		return answers;
	};
	const path = (name: string) => join(folder, name);
	const put = (name: string, content: string | Uint8Array): string => {
		writeFileSync(path(name), content);
		return path(name);
	};

	describe("arguments", () => {
		test("version is one JSON line", () => {
			const line = execFileSync(helper, ["version"], { encoding: "utf8" });
			expect(JSON.parse(line)).toEqual({
				helper: "ekexec",
				contract: preamble.at(-1),
				arch: process.arch === "x64" ? "x86_64" : "aarch64",
			});
		});
		test.each([[[]], [["nonsense"]], [["probe", "--twice"]], [["version", "x"]]])(
			"%j is exit code 2",
			async (words) => {
				expect(await startChild([helper, ...words]).ended).toBe(2);
			},
		);
		test("--once removes the helper's own file", async () => {
			const copy = path("once");
			copyFileSync(helper, copy);
			const child = startChild([copy, "probe", "--once"]);
			const client = await child.client();
			expect(existsSync(copy)).toBe(false);
			client.close();
			expect(await child.ended).toBe(0);
		});
	});

	describe("probe", () => {
		test("reads files, cuts at the cap, says why it could not", async () => {
			const empty = put("empty", "");
			const some = put("some", "0123456789");
			const [whole, cut, none, missed, folderRead, glob] = await probe(
				source.read(some),
				source.read(some, { cap: 4 }),
				source.read(empty),
				source.read(path("missing")),
				source.read(folder),
				source.read(`${folder}/{some,empty}`.replace(/\{.*\}/, "*m*"), { cap: 100 }),
			);
			expect(whole?.items).toEqual([
				{ path: utf8(some), errno: 0, state: "whole", size: 10, bytes: utf8("0123456789") },
			]);
			expect(cut?.items[0]).toMatchObject({ state: "cut", bytes: utf8("0123") });
			expect(none?.items[0]).toMatchObject({ state: "whole", errno: 0, bytes: new Uint8Array() });
			expect(missed?.items[0]).toMatchObject({ errno: 2 });
			expect(folderRead?.items[0]).toMatchObject({ errno: 21 });
			expect(glob?.items.map((item) => text(item.path)).sort()).toEqual([empty, some]);
		});

		test("patterns, links, literal paths", async () => {
			mkdirSync(path("deep/a/x"), { recursive: true });
			mkdirSync(path("deep/b/x"), { recursive: true });
			for (const name of [
				"deep/a/x/f1",
				"deep/b/x/f2",
				"deep/b/x/.hidden",
				"deep/st*r",
				"deep/star",
			])
				put(name, name);
			symlinkSync("a", path("deep/c"));
			const names = async (pattern: string | Uint8Array) => {
				const [answer] = await probe(source.names(pattern));
				return answer?.items.map((item) => text(item.path).slice(folder.length + 6)).sort();
			};
			expect(await names(path("deep/*/x/f?"))).toEqual(["a/x/f1", "b/x/f2", "c/x/f1"]);
			expect(await names(path("deep/b/x/.*"))).toEqual(["b/x/.hidden"]);
			expect(await names(path("deep/b/x/*"))).toEqual(["b/x/f2"]);
			expect(await names(path("deep/st*r"))).toEqual(["st*r", "star"]);
			expect(await names(`${folder}/deep/st\\*r`)).toEqual(["st*r"]);
			const [literal] = await probe(source.read(literalPath(path("deep/st*r"))));
			expect(literal?.items.map((item) => text(item.bytes))).toEqual(["deep/st*r"]);
			const [link] = await probe(source.readlink(path("deep/*c")));
			expect(link?.items.map((item) => text(item.bytes))).toEqual(["a"]);
		});

		test("stat, statfs, access, place, list, system agree with Node", async () => {
			const some = put("stat", "12345");
			const [stat, statfs, access, place, list, system] = await probe(
				source.stat(some),
				source.statfs(folder),
				source.access(some, { execute: true }),
				source.place(folder),
				source.list(join(folder, "deep")),
				source.system(),
			);
			expect(decodeStat(stat?.items[0]?.bytes ?? new Uint8Array())).toMatchObject({
				size: 5,
				mode: 0o100644,
				uid: process.getuid?.(),
			});
			expect(decodeStatfs(statfs?.items[0]?.bytes ?? new Uint8Array()).size).toBeGreaterThan(0);
			expect(access?.items[0]?.errno).toBe(13);
			expect(place?.items[0]?.errno).toBe(0);
			expect(decodePlace(place?.items[0]?.bytes ?? new Uint8Array())).toBe(0);
			expect(readdirSync(folder).some((name) => name.startsWith(".ekexec"))).toBe(false);
			const listed = decodeList(list?.items[0]?.bytes ?? new Uint8Array()).map(({ name }) =>
				text(name),
			);
			expect(listed.filter((name) => name !== "." && name !== "..").sort()).toEqual(
				readdirSync(join(folder, "deep")).sort(),
			);
			expect(decodeSystem(system?.items[0]?.bytes ?? new Uint8Array())).toMatchObject({
				sysname: "Linux",
				release: readFileSync("/proc/sys/kernel/osrelease", "utf8").trim(),
				euid: process.geteuid?.(),
			});
		});

		test("a netlink dump holds every link", async () => {
			const request = new Uint8Array(32);
			const view = new DataView(request.buffer);
			view.setUint32(0, 32, true);
			// RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP
			view.setUint16(4, 18, true);
			view.setUint16(6, 0x301, true);
			const [answer] = await probe(source.netlink(request, { groups: 1 }));
			expect(answer).toMatchObject({ errno: 0, state: "whole" });
			const bytes = answer?.items.at(-1)?.bytes ?? new Uint8Array();
			const types: number[] = [];
			const dump = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
			for (let at = 0; at < bytes.length; at += Math.ceil(dump.getUint32(at, true) / 4) * 4) {
				types.push(dump.getUint16(at + 4, true));
			}
			// RTM_NEWLINK for each, then NLMSG_DONE.
			expect(types.filter((type) => type === 16)).toHaveLength(
				readdirSync("/sys/class/net").length,
			);
			expect(types.at(-1)).toBe(3);
			const [wrong] = await probe(source.netlink(request.slice(0, 16), { groups: 1 << 4 }));
			expect(wrong?.errno).not.toBe(0);
		});

		test("no file with a private key is sent, whoever asks", async () => {
			const keys = path("keys");
			mkdirSync(keys);
			for (const kind of ["ed25519", "rsa", "ecdsa"]) {
				execFileSync("ssh-keygen", [
					"-q",
					"-t",
					kind,
					"-N",
					"",
					"-f",
					join(keys, `openssh-${kind}`),
				]);
			}
			for (const form of ["PEM", "PKCS8"]) {
				const file = join(keys, form);
				execFileSync("ssh-keygen", ["-q", "-t", "rsa", "-m", form, "-N", "", "-f", file]);
			}
			const pem = readFileSync(join(keys, "PKCS8"), "utf8");
			const der = Buffer.from(pem.replace(/-----.*-----|\s/g, ""), "base64");
			const samples: Record<string, string | Uint8Array> = {
				der,
				"der-pkcs1": der.subarray(26),
				late: `${"x".repeat(40_000)}\n${pem}`,
				bundle: `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\r\n${pem}`,
				"carriage-return": pem.replaceAll("\n", "\r"),
				lower: pem.toLowerCase(),
				pgp: "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
				ssh2: "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\n",
				ssh1: "SSH PRIVATE KEY FILE FORMAT 1.1\n\0",
				putty: "PuTTY-User-Key-File-3: ssh-ed25519\n",
				wireguard: "[Interface]\n  PrivateKey = AAAA\n",
				networkd: "[WireGuard]\nPrivateKey=AAAA\n",
				"network-manager": "[wireguard]\nprivate-key=AAAA\n",
				age: "# created\nAGE-SECRET-KEY-1AAAA\n",
				dropbear: concat([
					Uint8Array.of(0, 0, 0, 11),
					utf8("ssh-ed25519"),
					Uint8Array.of(0, 0, 0, 64),
				]),
			};
			for (const [name, content] of Object.entries(samples)) put(`keys/${name}`, content);
			const wanted = readdirSync(keys).filter((name) => !name.endsWith(".pub"));
			const [all] = await probe(source.read(`${keys}/*`));
			const told = new Map(
				all?.items.map((item) => [text(item.path).slice(keys.length + 1), item]),
			);
			for (const name of wanted) {
				expect(told.get(name), name).toMatchObject({
					state: "refused",
					errno: 1,
					bytes: new Uint8Array(),
				});
			}
			for (const name of ["openssh-ed25519.pub", "openssh-rsa.pub"]) {
				expect(text(told.get(name)?.bytes ?? new Uint8Array())).toBe(
					readFileSync(join(keys, name), "utf8"),
				);
			}
			const config =
				"# The private key of the host.\nHostKey /etc/ssh/ssh_host_ed25519_key\n#PrivateKeyFile none\n";
			put("sshd_config", config);
			const [harmless] = await probe(source.read(path("sshd_config")));
			expect(text(harmless?.items[0]?.bytes ?? new Uint8Array())).toBe(config);
		});

		test("devices, pipes and the kernel's own memory are not opened", async () => {
			execFileSync("mkfifo", [path("pipe")]);
			const answers = await probe(
				source.read("/dev/null"),
				source.read("/dev/tty"),
				source.read(path("pipe")),
				source.read("/proc/kmsg"),
				source.read("/proc/kcore"),
				source.read("/proc/self/mem"),
			);
			for (const answer of answers) {
				const item = answer.items[0];
				if (item?.errno === 2) continue;
				expect(item, text(answer.source.argument)).toMatchObject({ state: "refused", errno: 1 });
			}
			expect(answers[0]?.items[0]?.errno).toBe(1);
		});

		test("a source that hangs is told as timed out, and all others are answered", async () => {
			const child = filtered({ statfs: "hang" }, "probe");
			const client = await child.client();
			const sources = Array.from({ length: 12 }, (_, i) =>
				i % 2 === 0 ? source.statfs("/", { deadline: 200 }) : source.read("/proc/self/status"),
			);
			const answers = await client.probe(sources);
			client.close();
			expect(answers.map(({ state, errno }) => [state, errno])).toEqual(
				sources.map((_, i) => (i % 2 === 0 ? ["timed-out", 110] : ["whole", 0])),
			);
			expect(await child.ended).toBe(0);
		});

		test("a reader that is slow makes no source late", async () => {
			const big = put("big", randomBytes(4_000_000));
			const child = startChild([helper, "probe"]);
			const client = await child.client();
			child.process.stdout?.pause();
			const answers = client.probe([
				source.read(big, { cap: 8_000_000, deadline: 300 }),
				source.read(big, { cap: 8_000_000, deadline: 300 }),
			]);
			await new Promise((resolve) => setTimeout(resolve, 1500));
			child.process.stdout?.resume();
			expect((await answers).map(({ state, items }) => [state, items[0]?.bytes.length])).toEqual([
				["whole", 4_000_000],
				["whole", 4_000_000],
			]);
			client.close();
		});

		test("too many sources are the end of the conversation", async () => {
			const child = startChild([helper, "probe"]);
			const client = await child.client();
			const error = await client
				.probe(Array.from({ length: 2049 }, () => source.system()))
				.catch((e: unknown) => e);
			expect(complaintOf(error)).toMatchObject({ code: "FRAMES" });
			expect(await child.ended).toBe(65);
		});

		test.skipIf(!root)("works without privileges, and says what is closed to it", async () => {
			const secret = put("secret", "not for all");
			chmodSync(secret, 0o600);
			const child = startChild([helper, "probe"], { uid: 65_534 });
			const client = await child.client();
			const [read, system, iomem, status] = await client.probe([
				source.read(secret),
				source.system(),
				source.read("/proc/iomem", { cap: 1_000_000 }),
				source.read("/proc/self/status"),
			]);
			client.close();
			expect(client.hello.uid).toBe(65_534);
			expect(read?.items[0]).toMatchObject({ errno: 13, bytes: new Uint8Array() });
			expect(decodeSystem(system?.items[0]?.bytes ?? new Uint8Array()).euid).toBe(65_534);
			expect(iomem?.items[0]?.errno).toBe(0);
			expect(text(status?.items[0]?.bytes ?? new Uint8Array())).toMatch(
				/CapEff:\s+0000000000000000/,
			);
		});
	});

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
						under,
						`${calls.kexec_file_load}=0`,
						helper,
						"run",
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
				under,
				`${calls.kexec_file_load}=0`,
				helper,
				"run",
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
				under,
				`${calls.kexec_file_load}=0`,
				`${calls.reboot}=22`,
				helper,
				"run",
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
			expect(made).toMatch(/sync\(\)[\s\S]*LINUX_REBOOT_CMD_KEXEC[\s\S]*KEXEC_FILE_UNLOAD/);
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

	describe("each row of the table of refusals", () => {
		const staged = async (
			child: ReturnType<typeof startChild>,
			files: readonly StagedFile[] = [literalFile(0, "k"), literalFile(1, "i")],
		) => {
			const client = await child.client();
			try {
				await client.stage(files);
				await client.seal();
			} catch (error) {
				await client.abort().catch(() => {});
				return { client, error };
			}
			return { client, error: undefined };
		};
		const failing = async (step: Promise<unknown>): Promise<unknown> =>
			await step.then(
				() => undefined,
				(error: unknown) => error,
			);
		const spliced = (name: string, size = 6): StagedFile[] => [
			{ file: 1, size: 10, parts: [{ offset: 0, size, splice: utf8(name), deadline: 300 }] },
		];
		const segment = { file: 0, offset: 0, size: 1, memory: 0x1000000n, memorySize: 4096n };

		/** Makes the helper meet the row. */
		async function meet(row: Explanation): Promise<unknown> {
			switch (row.fault) {
				case "LOAD": {
					const call = row.at ?? "";
					const { client } = await staged(filtered({ [call]: row.errno ?? 0 }, "run"));
					const load =
						call === "kexec_load"
							? client.loadSegments({ entry: 0n, segments: [segment] })
							: client.loadFile({ commandLine: "" });
					return await failing(load.finally(() => client.close()));
				}
				case "SYSTEM": {
					if (row.at === "systemctl") {
						const { client } = await staged(filtered({ kexec_file_load: 0, faccessat: 2 }, "run"));
						await client.loadFile({ commandLine: "" });
						return await failing(client.go({ via: "systemd" }).finally(() => client.close()));
					}
					return (await staged(filtered({ [row.at ?? ""]: row.errno ?? 0 }, "run"))).error;
				}
				case "SPLICE": {
					if (row.errno === 2)
						return (await staged(startChild([helper, "run"]), spliced(path("vanished")))).error;
					if (row.errno === 22)
						return (await staged(startChild([helper, "run"]), spliced(folder))).error;
					const answer = row.errno === 110 ? "hang" : (row.errno ?? 0);
					return (
						await staged(filtered({ openat: answer }, "run"), spliced(put("splice", "123456")))
					).error;
				}
				case "SPLICE_SHORTER":
					return (await staged(startChild([helper, "run"]), spliced(put("short", "12345")))).error;
				case "SPLICE_LONGER":
					return (await staged(startChild([helper, "run"]), spliced(put("long", "1234567")))).error;
				case "DIGEST": {
					const part = {
						offset: 0,
						size: 3,
						sha256: new Uint8Array(32),
						open: async function* () {
							yield utf8("abc");
						},
					};
					return (await staged(startChild([helper, "run"]), [{ file: 1, size: 3, parts: [part] }]))
						.error;
				}
				case "NOT_KEPT": {
					const child = startChild([helper, "resume"]);
					const client = child.client({ token: "ab".repeat(32) });
					return await failing(client);
				}
				case "SIGNAL": {
					const child = startChild([helper, "run"]);
					const client = await child.client();
					child.process.kill("SIGTERM");
					await child.ended;
					return await failing(client.seal());
				}
				case "IDLE":
					// Every wait seems to be over at once.
					return await failing(
						filtered({ ppoll: 0 }, "run")
							.client()
							.then((client) => client.seal()),
					);
				default:
					throw new Error(`no way to meet ${row.fault}`);
			}
		}

		test.each(
			explanations.map((row) => [`${row.fault} ${row.at ?? ""} ${row.errno ?? ""}`, row] as const),
		)("%s", async (_name, row) => {
			const error = await meet(row);
			const event = complaintOf(error);
			expect(event, String(error)).toBeDefined();
			expect(event && explanationOf(event)).toBe(row);
			expect(String(error)).toContain(row.sentence);
			expect(String(error)).toContain(row.remedy);
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

/** Events in the output of a helper. */
function eventsOf(output: Uint8Array): { event: string; code?: string }[] {
	const reader = new FrameReader();
	const events: { event: string; code?: string }[] = [];
	reader.push(output);
	for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
		if (frame.type === frameType.event) events.push(JSON.parse(text(frame.payload)));
	}
	return events;
}

/** Processes that hold a memfd of ours, or are a guard, and descend from a session of the helper `pid`. */
function leftovers(pid: number | undefined): string[] {
	const left: string[] = [];
	for (const name of readdirSync("/proc").filter((entry) => /^\d+$/.test(entry))) {
		try {
			const stat = readFileSync(`/proc/${name}/stat`, "utf8");
			const session = stat.slice(stat.lastIndexOf(")")).split(" ")[4];
			const links = readdirSync(`/proc/${name}/fd`).map((fd) =>
				readlinkSync(`/proc/${name}/fd/${fd}`),
			);
			if (session === String(pid) && links.some((link) => link.startsWith("/memfd:ekexec")))
				left.push(stat);
		} catch {
			// Gone, or not ours to look at.
		}
	}
	return left;
}
