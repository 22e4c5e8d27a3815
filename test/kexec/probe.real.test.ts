// What the real helper finds, and what it refuses to say.
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { concat, text, utf8 } from "../../src/bytes/index.ts";
import { encodeFrame, encodeSource, frameType, preamble } from "../../src/kexec/contract.ts";
import {
	type Answer,
	decodeList,
	decodePlace,
	decodeStat,
	decodeStatfs,
	decodeSystem,
	type HelperClient,
	literalPath,
	loadSources,
	readLoadFacts,
	source,
} from "../../src/kexec/index.ts";
import { startChild } from "./support/child.ts";
import { eventsOf, lacking, workshop } from "./support/workshop.ts";

const root = process.getuid?.() === 0;

describe.skipIf(lacking !== "")(`the helper probes ${lacking}`, () => {
	const { folder, helper, filtered, path, put } = workshop();
	const probe = async (
		...sources: Parameters<HelperClient["probe"]>[0][number][]
	): Promise<Answer[]> => {
		const client = await startChild([helper, "probe"]).client();
		const answers = await client.probe(sources);
		client.close();
		return answers;
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

		test("more than the helper holds at a time, by number and by length, in order", async () => {
			const many = Array.from({ length: 5000 }, (_, i) => source.stat(`/nonexistent-${i}`));
			const long = Array.from({ length: 200 }, (_, i) => source.stat(`/${"x".repeat(3000)}${i}`));
			const answers = await probe(...many, source.stat("/"), ...long);
			expect(answers.map((answer) => answer.items[0]?.errno)).toEqual([
				...many.map(() => 2),
				0,
				...long.map(() => 36),
			]);
			expect(answers.map((answer) => answer.source)).toEqual([...many, source.stat("/"), ...long]);
		});

		test("what a load has to know: the size of pages, though no memory of the helper can be read", async () => {
			const facts = readLoadFacts(await probe(...loadSources()));
			const size = execFileSync("getconf", ["PAGESIZE"], { encoding: "utf8" });
			expect(facts.pageSize).toBe(Number(size));
			if (process.arch === "x64") {
				const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
				expect(facts.fiveLevels).toBe(/\bla57\b/.test(flags ?? ""));
			}
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

		test("a reader that takes nothing does not keep a signal from ending it", async () => {
			const big = put("stall", randomBytes(4_000_000));
			const child = startChild([helper, "probe"]);
			const client = await child.client();
			child.process.stdout?.pause();
			client.probe([source.read(big, { cap: 8_000_000 })]).catch(() => {});
			await new Promise((resolve) => setTimeout(resolve, 300));
			process.kill(client.hello.pid, "SIGTERM");
			await new Promise((resolve) => child.process.once("exit", resolve));
			expect(child.process.exitCode).toBe(4);
			client.destroy();
		});

		test("too many sources are the end of the conversation", async () => {
			const child = startChild([helper, "probe"], { collect: true });
			const frame = encodeFrame(frameType.source, 0, encodeSource(source.system()));
			await child.feed(concat(Array.from({ length: 2049 }, () => frame)));
			expect(await child.ended).toBe(65);
			expect(eventsOf(await child.output)).toMatchObject([{ event: "error", code: "FRAMES" }]);
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
});
