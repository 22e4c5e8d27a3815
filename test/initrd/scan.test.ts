import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { packCpio } from "../../src/cpio/index.ts";
import { readContent, readRoot, scanInitrd, verifyInitrd } from "../../src/initrd/index.ts";
import { rawEntry, trailer } from "./raw-entry.ts";

const archive = packCpio([{ kind: "file", name: "a", content: "x" }]);
const zeros = (count: number): Buffer => Buffer.alloc(count);
const scan = (...parts: Uint8Array[]) => scanInitrd([Buffer.concat(parts)]);

describe("where a compressed segment may begin", () => {
	const odd = [gzipSync(archive), gzipSync(Buffer.concat([archive, archive]))].find(
		({ length }) => length % 4 !== 0,
	);
	test.each([1, 2, 3, 5])("not %i NULs behind an uncompressed archive", async (count) => {
		const whole = Buffer.concat([archive, zeros(count), gzipSync(archive)]);
		const offset = archive.length + count;
		await expect(scan(whole)).rejects.toMatchObject({
			code: "CPIO_ALIGNMENT",
			details: { offset, expected: `NULs up to offset ${Math.ceil(offset / 4) * 4}` },
		});
		const { ok, problems } = await verifyInitrd([whole], { init: false });
		expect([ok, problems.length]).toEqual([false, 1]);
		expect(problems[0]).toMatchObject({ code: "CPIO_ALIGNMENT", offset });
		expect(problems[0]).not.toHaveProperty("unpacked");
		expect(problems[0]?.message).toMatch(/The kernel unpacks nothing from here on\.$/);
	});

	test("at multiples of four behind one, and anywhere else", async () => {
		expect(odd).toBeDefined();
		const packed = odd ?? archive;
		const fine = [
			[archive, packed],
			[archive, zeros(4), packed],
			[zeros(1), packed],
			[packed, packed],
			[packed, zeros(1), packed],
		];
		for (const parts of fine) {
			const compressed = parts.filter((part) => part.length > 10).length;
			expect((await scan(...parts)).length).toBe(compressed);
		}
	});
});

describe("the first thing is an archive", () => {
	test.each<[string, Uint8Array, string]>([
		["a NUL before it in the stream", Buffer.concat([zeros(4), archive]), "a NUL"],
		["nothing but NULs", zeros(512), "a NUL"],
		["nothing", zeros(0), "nothing"],
	])("%s", async (_what, content, found) => {
		const packed = gzipSync(content);
		for (const whole of [packed, Buffer.concat([zeros(4), packed])]) {
			await expect(scan(whole)).rejects.toMatchObject({ code: "CPIO_MAGIC", details: { found } });
			const { problems } = await verifyInitrd([whole], { init: false });
			expect(problems).toMatchObject([{ code: "CPIO_MAGIC", offset: 0, unpacked: true }]);
		}
		// From then on the kernel passes over NULs.
		for (const first of [archive, gzipSync(archive)])
			expect((await scan(first, zeros(-first.length & 3), packed)).length).toBe(2);
	});
});

describe("who takes faults", () => {
	const damaged = Buffer.concat([
		rawEntry("d", { mode: 0o40755 }, "data"),
		rawEntry("a", {}, "x"),
		trailer(),
	]);
	const content = async (onFault?: (fault: { code: string }) => void) => {
		const parts: string[] = [];
		await readContent(
			() => [damaged],
			Buffer.from("a"),
			(bytes) => void parts.push(Buffer.from(bytes).toString()),
			onFault === undefined ? {} : { onFault },
		);
		return parts.join("");
	};

	test("readRoot and readContent throw the first unless they are asked for", async () => {
		const fault = expect.objectContaining({ code: "CPIO_SIZE", kind: "check" });
		await expect(readRoot([damaged])).rejects.toThrow(fault);
		await expect(readRoot([damaged], { also: { event: () => {} } })).rejects.toThrow(fault);
		await expect(content()).rejects.toThrow(fault);
		const nulls = Buffer.concat([rawEntry("a"), zeros(512)]);
		await expect(readRoot([nulls])).rejects.toMatchObject({ code: "CPIO_MAGIC" });
		expect((await readRoot([rawEntry("a")])).root.find(Buffer.from("a"))).toBeDefined();
	});

	test("they go on where there is somebody to tell, each once", async () => {
		const told: string[] = [];
		expect(await content(({ code }) => void told.push(code))).toBe("x");
		expect(told).toEqual(["CPIO_SIZE"]);
		const also = { fault: (fault: { code: string }) => void told.push(fault.code) };
		expect((await readRoot([damaged], { also })).root.find(Buffer.from("a"))).toBeDefined();
		expect(told).toEqual(["CPIO_SIZE", "CPIO_SIZE"]);
	});
});
