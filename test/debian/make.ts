// Packages made by hand, as the tests and the fuzzer need them.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";

export const sha256 = (data: string | Uint8Array): string =>
	createHash("sha256").update(data).digest("hex");

/** A member of a tar archive: headers of tar-stream, and the content of files. */
export type TarMember = Partial<Header> & { name: string; content?: string | Uint8Array };

export async function tar(members: readonly TarMember[]): Promise<Uint8Array> {
	const archive = pack();
	for (const { content = "", ...header } of members) {
		archive.entry(
			{ mode: 0o644, mtime: new Date(1_700_000_000_000), uname: "root", gname: "root", ...header },
			Buffer.from(content),
		);
	}
	archive.finalize();
	const parts: Uint8Array[] = [];
	for await (const part of archive) parts.push(part as Uint8Array);
	return Buffer.concat(parts);
}

/** An ar archive, as deb(5) has it. */
export function ar(members: readonly (readonly [string, Uint8Array | string])[]): Uint8Array {
	const parts: Uint8Array[] = [Buffer.from("!<arch>\n")];
	for (const [name, content] of members) {
		const bytes = Buffer.from(content);
		const fields = [
			name.padEnd(16),
			"0".padEnd(12),
			"0".padEnd(6),
			"0".padEnd(6),
			"100644".padEnd(8),
		];
		parts.push(Buffer.from(`${fields.join("")}${String(bytes.length).padEnd(10)}\`\n`), bytes);
		if (bytes.length % 2 === 1) parts.push(Buffer.from("\n"));
	}
	return Buffer.concat(parts);
}

export async function deb(
	files: readonly TarMember[],
	control = "Package: test\nVersion: 1\n",
): Promise<Uint8Array> {
	return ar([
		["debian-binary", "2.0\n"],
		["control.tar.gz", gzipSync(await tar([{ name: "./control", content: control }]))],
		["data.tar.gz", gzipSync(await tar(files))],
	]);
}
