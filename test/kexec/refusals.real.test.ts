import { describe, expect, test } from "vitest";
import { utf8 } from "../../src/bytes/index.ts";
import {
	complaintOf,
	type Explanation,
	explanationOf,
	explanations,
	literalFile,
	type StagedFile,
} from "../../src/kexec/index.ts";
import { startChild } from "./support/child.ts";
import { lacking, workshop } from "./support/workshop.ts";

describe.skipIf(lacking !== "")(`each row of the table of refusals ${lacking}`, () => {
	const { folder, helper, filtered, path, put } = workshop();
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
				const answer = row.errno === 110 ? { fstat: "hang" as const } : { openat: row.errno ?? 0 };
				return (await staged(filtered(answer, "run"), spliced(put("splice", "123456")))).error;
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
			case "IDLE": {
				// The first wait for input (after two frames that were written) seems to have been too long.
				const inject = ["-e", "trace=ppoll", "-e", "inject=ppoll:retval=0:when=3"];
				const child = startChild(["strace", "-qq", "-o", "/dev/null", ...inject, helper, "run"]);
				return await failing(child.client().then((client) => client.seal()));
			}
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
