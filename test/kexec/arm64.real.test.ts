// The arm64 helper under QEMU's user emulation: the same conversation, other numbers of system calls.
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { text, utf8 } from "../../src/bytes/index.ts";
import {
	complaintOf,
	decodeList,
	decodePlace,
	decodeStat,
	decodeSystem,
	helperFile,
	literalFile,
	source,
} from "../../src/kexec/index.ts";
import { missing } from "../support/programs.ts";
import { startChild } from "./support/child.ts";

const lacking = missing("qemu-aarch64");

describe.skipIf(lacking !== "")(`the arm64 helper under emulation ${lacking}`, () => {
	const words = ["qemu-aarch64", fileURLToPath(helperFile("aarch64"))];
	const folder = join(tmpdir(), `ekexec-arm64-${randomUUID()}`);
	beforeAll(() => {
		mkdirSync(folder);
	});
	afterAll(() => {
		rmSync(folder, { recursive: true });
	});

	test("probe", async () => {
		writeFileSync(join(folder, "some"), "content");
		writeFileSync(join(folder, "key"), "-----BEGIN PRIVATE KEY-----\n");
		const child = startChild([...words, "probe"]);
		const client = await child.client();
		const [system, read, key, list, stat, place, status] = await client.probe([
			source.system(),
			source.read(`${folder}/s*`),
			source.read(join(folder, "key")),
			source.list(folder),
			source.stat(join(folder, "some")),
			source.place(folder),
			source.read("/proc/self/status"),
		]);
		client.close();
		expect(client.hello.arch).toBe("aarch64");
		expect(decodeSystem(system?.items[0]?.bytes ?? new Uint8Array())).toMatchObject({
			machine: "aarch64",
			memfd_create: 22,
		});
		expect(read?.items.map((item) => text(item.bytes))).toEqual(["content"]);
		expect(key?.items[0]).toMatchObject({ state: "refused" });
		expect(
			decodeList(list?.items[0]?.bytes ?? new Uint8Array())
				.map(({ name }) => text(name))
				.sort(),
		).toEqual([".", "..", "key", "some"]);
		expect(decodeStat(stat?.items[0]?.bytes ?? new Uint8Array())).toMatchObject({
			size: 7,
			mode: 0o100644,
		});
		expect(decodePlace(place?.items[0]?.bytes ?? new Uint8Array())).toBe(0);
		expect(status?.errno).toBe(0);
		expect(await child.ended).toBe(0);
	});

	test("run: stages, checks digests, splices, keeps, is resumed, says what load says", async () => {
		writeFileSync(join(folder, "splice"), "0123456789");
		const bytes = new Uint8Array(randomBytes(300_001));
		const sha256 = new Uint8Array(createHash("sha256").update(bytes).digest());
		const child = startChild([...words, "run"]);
		const client = await child.client();
		const token = await client.keep(30);
		await client.stage([
			literalFile(0, "kernel"),
			{
				file: 1,
				size: 400_000,
				parts: [
					{
						offset: 0,
						size: bytes.length,
						sha256,
						open: async function* () {
							yield bytes;
						},
					},
					{ offset: 300_004, size: 10, splice: utf8(join(folder, "splice")) },
				],
			},
		]);
		client.destroy();
		const second = startChild([...words, "resume"]);
		const again = await second.client({ token });
		expect((await again.resumed()).parts).toEqual(
			new Map([
				[0, { received: 6, whole: true }],
				[1, { received: bytes.length, whole: true }],
				[2, { received: 0, whole: true }],
			]),
		);
		await again.seal();
		const error = await again.loadFile({ commandLine: "" }).catch((e: unknown) => e);
		// QEMU's emulation knows no kexec.
		expect(complaintOf(error)).toMatchObject({ code: "LOAD", errno: 38 });
		await again.abort();
		expect(await second.ended).toBe(0);
	});
});
