import { readFileSync } from "node:fs";
import { equal, text, utf8 } from "../../src/bytes/index.ts";
import {
	decodeEnd,
	decodeEvent,
	decodeItem,
	decodeList,
	encodeFrame,
	preamble,
} from "../../src/kexec/contract.ts";
import { parseFdt, writeFdt } from "../../src/kexec/fdt.ts";
import {
	formatCommandLine,
	parseCommandLine,
	planX86,
	readKernelImage,
} from "../../src/kexec/index.ts";
import { readIomem } from "../../src/kexec/memory-map.ts";
import { FrameReader } from "../../src/kexec/wire.ts";
import { chunked, type FuzzTarget } from "./frame/target.ts";

const fixture = (name: string): Uint8Array =>
	new Uint8Array(readFileSync(new URL(`../../fixtures/kexec/${name}`, import.meta.url)));

export const targets: readonly FuzzTarget[] = [
	{
		name: "kexec/image",
		fixtures: (path) => path.endsWith("-head"),
		run(input) {
			const image = readKernelImage(input);
			if (image.signature !== undefined && image.signature.offset > input.length)
				throw new Error("outside");
		},
	},
	{
		name: "kexec/fdt",
		fixtures: (path) => path.endsWith(".dtb"),
		run(input) {
			const tree = parseFdt(input);
			const once = writeFdt(tree);
			if (!equal(writeFdt(parseFdt(once)), once)) throw new Error("another tree");
		},
	},
	{
		name: "kexec/frames",
		fixtures: () => false,
		seeds: () => {
			const hello = encodeFrame(64, 0, utf8('{"contract":1,"arch":"x86_64"}\n'));
			const event = encodeFrame(68, 0, utf8('{"event":"probed","sources":1}\n'));
			const end = encodeFrame(67, 0, new Uint8Array(8));
			const item = encodeFrame(65, 0, new Uint8Array(20));
			return [Buffer.concat([utf8("motd\n"), preamble, hello, item, end, event])];
		},
		run(input, random) {
			const read = (chunks: readonly Uint8Array[]): string => {
				const reader = new FrameReader();
				const seen: string[] = [];
				try {
					for (const chunk of chunks) {
						reader.push(chunk);
						for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
							seen.push(`${frame.type} ${frame.tag} ${text(frame.payload)}`);
							if (frame.type === 65) decodeItem(frame.payload);
							if (frame.type === 66) decodeList(frame.payload);
							if (frame.type === 67) decodeEnd(frame.payload);
							if (frame.type === 68) decodeEvent(frame.payload);
						}
					}
				} catch (error) {
					seen.push(String((error as { code?: string }).code));
					if ((error as { code?: string }).code === undefined) throw error;
				}
				return JSON.stringify(seen);
			};
			if (read([input]) !== read(chunked(input, random))) throw new Error("chunks matter");
		},
	},
	{
		name: "kexec/command-line",
		fixtures: () => false,
		seeds: () => [utf8('ro quiet root=UUID=1 dyndbg="file a +p" "x=y z" -- single')],
		run(input) {
			const words = parseCommandLine(text(input));
			const line = formatCommandLine(words);
			if (formatCommandLine(parseCommandLine(line)) !== line)
				throw new Error(`not the same again: ${line}`);
		},
	},
	{
		name: "kexec/layout",
		fixtures: () => false,
		seeds: () => [
			utf8(
				"00100000-1ffdefff : System RAM\n  01000000-01ffffff : Kernel code\n100000000-23fffffff : System RAM\n",
			),
		],
		run(input) {
			const iomem = readIomem(text(input));
			const kernel = fixture("bzimage-head");
			planX86({ kernel, initrdSize: 1_000_000, commandLine: "" }, { firmware: [], iomem });
		},
	},
];
