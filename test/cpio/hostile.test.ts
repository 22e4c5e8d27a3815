import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { EkexecError } from "../../src/bytes/index.ts";
import { CpioParser, parseCpio } from "../../src/cpio/index.ts";

const folder = fileURLToPath(new URL("../../fixtures/cpio/", import.meta.url));
const read = (path: string): Uint8Array => readFileSync(`${folder}${path}`);

function failure(bytes: Uint8Array): string {
	try {
		for (const _ of parseCpio(bytes));
		return "none";
	} catch (error) {
		if (!(error instanceof EkexecError)) throw error;
		return `${error.kind} ${error.code} ${error.details.field} ${error.details.offset}`;
	}
}

/** What each hostile archive is refused for: code, field, offset. Those that are well-formed are left to extraction. */
const refusals: Readonly<Record<string, string>> = {
	checksum: "check CPIO_CHECKSUM check 102",
	"device-with-data": "check CPIO_SIZE filesize 54",
	"directory-with-data": "check CPIO_SIZE filesize 54",
	"filesize-2g": "check CPIO_TRUNCATED data 236",
	"filesize-4g": "check CPIO_TRUNCATED data 236",
	"hex-letter": "check CPIO_HEX mode 14",
	"hex-prefix": "check CPIO_HEX filesize 54",
	"hex-sign": "check CPIO_HEX mtime 46",
	"hex-space": "check CPIO_HEX uid 22",
	"magic-later": "check CPIO_MAGIC magic 116",
	"magic-odc": "check CPIO_MAGIC magic 0",
	"mode-unknown": "check CPIO_MODE mode 14",
	"name-empty": "check CPIO_NAME name 110",
	"name-hidden": "check CPIO_NAME name 112",
	"name-unterminated": "check CPIO_NAME name 110",
	"namesize-0": "check CPIO_SIZE namesize 94",
	"namesize-4097": "check CPIO_SIZE namesize 94",
	"namesize-4g": "check CPIO_SIZE namesize 94",
	"no-trailer": "check CPIO_NO_TRAILER undefined 116",
	"symlink-4097": "check CPIO_SIZE filesize 54",
	"symlink-empty": "check CPIO_SIZE filesize 54",
	"symlink-nul": "check CPIO_NAME target 113",
	"trailer-with-data": "check CPIO_SIZE filesize 166",
	"trailing-junk": "check CPIO_TRAILING magic 236",
	unaligned: "check CPIO_ALIGNMENT magic 238",
};

describe("hostile archives", () => {
	const names = readdirSync(`${folder}hostile`).map((file) => file.replace(".cpio", ""));
	test.each(names)("%s", (name) => {
		expect(failure(read(`hostile/${name}.cpio`))).toBe(refusals[name] ?? "none");
	});

	test.each(readdirSync(`${folder}truncated`))("%s ends too early, and says where", (file) => {
		const bytes = read(`truncated/${file}`);
		const field = bytes.length < 110 ? "header" : bytes.length < 116 ? "name" : "";
		const told = failure(bytes);
		expect(told).toMatch(/^check CPIO_TRUNCATED /);
		if (field !== "") expect(told).toBe(`check CPIO_TRUNCATED ${field} ${bytes.length}`);
	});
});

describe("memory", () => {
	test("an archive that claims 4 GiB holds a few kilobytes until the bytes come", () => {
		const parser = new CpioParser();
		const head = read("hostile/filesize-4g.cpio").subarray(0, 112);
		parser.push(head);
		expect(parser.next()?.type).toBe("entry");
		const piece = new Uint8Array(1024);
		for (let i = 0; i < 1000; i++) {
			parser.push(piece);
			const event = parser.next();
			expect(event?.type === "data" && event.bytes.buffer).toBe(piece.buffer);
			expect(parser.next()).toBeUndefined();
		}
	});

	test("NULs without end give no events", () => {
		const parser = new CpioParser();
		const piece = new Uint8Array(65536);
		for (let i = 0; i < 100; i++) {
			parser.push(piece);
			expect(parser.next()).toBeUndefined();
		}
		expect(parser.offset).toBe(6_553_600);
	});
});
