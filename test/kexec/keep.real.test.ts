// A line that dies without a word: the helper has noticed nothing when another connection comes for the conversation.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { concat, utf8 } from "../../src/bytes/index.ts";
import { encodeFrame, frameType } from "../../src/kexec/contract.ts";
import { complaintOf, type HelperClient, literalFile } from "../../src/kexec/index.ts";
import { type Child, startChild } from "./support/child.ts";
import { eventsOf, lacking, workshop } from "./support/workshop.ts";

/** The conversation goes on by this client: it stages, seals and ends it. */
async function goesOn(client: HelperClient, file = 1): Promise<void> {
	await client.stage([literalFile(file, "content")]);
	await client.seal();
	await client.abort();
}

function write(child: Child, bytes: Uint8Array): void {
	child.process.stdin?.write(bytes);
}

describe.skipIf(lacking !== "")(`a conversation is taken over while it goes on ${lacking}`, () => {
	const { helper, filtered } = workshop();
	const resume = () => startChild([helper, "resume"]);

	test("by the right token; the old streams are closed, and nothing of them counts any more", async () => {
		const child = startChild([helper, "run"]);
		const old = await child.client();
		const token = await old.keep(120);
		const bytes = new Uint8Array(randomBytes(1000));
		const file = { file: 0, size: 1000, parts: [{ offset: 0, size: 1000, bytes }] };
		// 600 bytes of the part arrive, then half an order to end it all; then the line is dead, and stays open.
		const size = new Uint8Array(8);
		const head = new Uint8Array(56);
		for (const [view, at] of [
			[new DataView(size.buffer), 0],
			[new DataView(head.buffer), 16],
		] as const) {
			view.setBigUint64(at, BigInt(bytes.length), true);
		}
		write(child, encodeFrame(frameType.file, 0, size));
		write(child, encodeFrame(frameType.part, 0, head));
		write(child, encodeFrame(frameType.data, 0, bytes.subarray(0, 600)));
		const abort = encodeFrame(frameType.abort);
		const settled = old.unload().catch(() => {});
		await settled;
		write(child, abort.subarray(0, 5));
		const second = resume();
		const client = await second.client({ token });
		expect(client.hello).toMatchObject({ resumed: true, pid: child.process.pid });
		const state = await client.resumed();
		expect(state.parts.get(0)).toEqual({ received: 600, whole: false });
		// The other half comes late, and a whole one after it.
		write(child, concat([abort.subarray(5), abort]));
		await expect(old.seal()).rejects.toMatchObject({ code: "HELPER_ENDED" });
		await client.stage([file], { firstPart: 0, resume: state });
		await goesOn(client);
		expect([await second.ended, await child.ended]).toEqual([0, 0]);
	});

	test("not by a wrong token, nor by one that says nothing: neither costs the conversation anything", async () => {
		const child = startChild([helper, "run"]);
		const client = await child.client();
		const token = await client.keep(120);
		const silent = filtered({ sendmsg: "hang" }, "resume");
		write(silent, encodeFrame(frameType.token, 0, Buffer.from(token, "hex")));
		const other = token.slice(0, 63) + (token.endsWith("0") ? "1" : "0");
		for (let times = 0; times < 3; times++) {
			const wrong = resume();
			await expect(wrong.client({ token: other })).rejects.toThrow();
			expect(await wrong.ended).toBe(4);
			expect(await client.unload()).toBeTypeOf("number");
		}
		await goesOn(client);
		expect(await child.ended).toBe(0);
		silent.process.kill("SIGKILL");
	});

	test("by one after another: the last one has it", async () => {
		const child = startChild([helper, "run"]);
		const token = await (await child.client()).keep(120);
		const second = resume();
		const displaced = await second.client({ token });
		await displaced.resumed();
		const third = resume();
		const client = await third.client({ token });
		await client.resumed();
		expect(await second.ended).toBe(4);
		await expect(displaced.seal()).rejects.toMatchObject({ code: "HELPER_ENDED" });
		await goesOn(client);
		expect([await third.ended, await child.ended]).toEqual([0, 0]);
	});

	test("while the helper is stuck in what nobody takes", async () => {
		const child = startChild([helper, "run"]);
		const { stdout } = child.process;
		if (stdout === null) throw new Error("a child without output");
		write(child, encodeFrame(frameType.keep, 0, Uint8Array.of(120, 0, 0, 0)));
		let said = Buffer.alloc(0);
		let token = "";
		while (token === "") {
			const [chunk] = (await once(stdout, "data")) as [Buffer];
			said = Buffer.concat([said, chunk]);
			token = /"token":"([0-9a-f]{64})"/.exec(said.toString("latin1"))?.[1] ?? "";
		}
		stdout.pause();
		// Answers far beyond what the way back holds.
		write(child, concat(Array.from({ length: 50_000 }, () => encodeFrame(frameType.alive, 1))));
		const second = resume();
		const client = await second.client({ token });
		await client.resumed();
		await goesOn(client);
		expect(await second.ended).toBe(0);
		expect(eventsOf(said).map(({ event }) => event)).toEqual(["keeping"]);
		child.process.kill("SIGKILL");
	});

	test("no more once the order to jump is given, and nobody waits in vain for an answer", async () => {
		const child = filtered({ kexec_file_load: 0, reboot: 22 }, "run");
		const client = await child.client();
		const token = await client.keep(120);
		await client.stage([literalFile(0, "kernel"), literalFile(1, "initrd")]);
		await client.seal();
		await client.loadFile({ commandLine: "" });
		await client.go({ drain: 3000 });
		expect(await child.ended).toBe(0);
		const late = resume();
		const refused = await late.client({ token }).catch((error: unknown) => error);
		expect(complaintOf(refused)).toMatchObject({ code: "NOT_KEPT" });
		expect(await late.ended).toBe(4);
	});

	test("a hangup, which may speak of the old line, ends nothing that is kept", async () => {
		const child = startChild([helper, "run"]);
		const client = await child.client();
		await client.keep(120);
		child.process.kill("SIGHUP");
		await goesOn(client);
		expect(await child.ended).toBe(0);
	});

	test("what is no token is no conversation", async () => {
		const child = resume();
		await child.feed(encodeFrame(frameType.token, 0, utf8("short")));
		expect(await child.ended).toBe(65);
	});
});
