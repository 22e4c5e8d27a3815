import { expect, test, vi } from "vitest";
import { codecs } from "../../src/compress/index.ts";
import { codeOf, collect } from "./support.ts";

vi.mock("node:os", async (original) => ({
	...(await original<typeof import("node:os")>()),
	availableParallelism: () => 1000,
}));

test("a machine of more cores than threads are allowed compresses all the same", async () => {
	const compress = (threads?: number) =>
		codeOf(
			collect(codecs.zstd.compress([new Uint8Array(9)], threads === undefined ? {} : { threads })),
		);
	const outcome = codecs.zstd.cannotCompress === undefined ? "no error" : "COMPRESS_UNSUPPORTED";
	expect(await compress()).toBe(outcome);
	expect(await compress(201)).toBe("COMPRESS_OPTION");
});
