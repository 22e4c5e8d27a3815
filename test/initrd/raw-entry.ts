import { type CpioHeader, headerFields, headerSize, putHeader } from "../../src/cpio/index.ts";

/** One entry as it may stand in an archive, but no writer would write it: any fields, with all padding. */
export function rawEntry(
	name: string,
	fields: Partial<CpioHeader> = {},
	data: string | Uint8Array = "",
): Buffer {
	const content = Buffer.from(data);
	const zeros = Object.fromEntries(headerFields.map((field) => [field, 0]));
	const named = { nlink: 1, ino: 1, filesize: content.length, namesize: name.length + 1 };
	const head = Buffer.alloc(headerSize);
	putHeader(head, 0, "newc", { ...zeros, mode: 0o100644, ...named, ...fields } as CpioHeader);
	const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
	return Buffer.concat([padded(Buffer.concat([head, Buffer.from(`${name}\0`)])), padded(content)]);
}

export const trailer = (): Buffer => rawEntry("TRAILER!!!", { mode: 0, ino: 0 });
