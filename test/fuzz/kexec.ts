import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { equal, text, utf8 } from "../../src/bytes/index.ts";
import {
	type Answer,
	decodeEnd,
	decodeEvent,
	decodeItem,
	decodeList,
	encodeFrame,
	preamble,
	type Source,
} from "../../src/kexec/contract.ts";
import { parseAuthorizedKeys } from "../../src/kexec/facts/authorized-keys.ts";
import { parseAuthorizedPrincipals } from "../../src/kexec/facts/authorized-principals.ts";
import { firstSources } from "../../src/kexec/facts/sources.ts";
import { parseFdt, writeFdt } from "../../src/kexec/fdt.ts";
import {
	Evidence,
	FakeHelper,
	formatCommandLine,
	gatherFacts,
	HelperClient,
	type HelperStream,
	knowsParameter,
	loadSources,
	networkSources,
	parseCommandLine,
	planArm64,
	planX86,
	rawNetwork,
	readKernelImage,
	readLoadFacts,
	secondSources,
	source,
	unwrapKernel,
} from "../../src/kexec/index.ts";
import { readIomem } from "../../src/kexec/memory-map.ts";
import { FrameReader } from "../../src/kexec/wire.ts";
import type { Random } from "./frame/random.ts";
import { chunked, type FuzzTarget } from "./frame/target.ts";

const fixture = (name: string): Uint8Array =>
	new Uint8Array(readFileSync(new URL(`../../fixtures/kexec/${name}`, import.meta.url)));

/** What a broken or hostile host might have in any of the files that are asked for. */
const contents = [
	"Port 22\nMatch User root Address 10.0.0.0/8,!*a*a*a*b\nInclude /etc/ssh/*a*b.conf\nHostKey /k\nAuthorizedKeysFile %h/.k %u\n",
	"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n",
	"wheel:x:10:user,other\nroot:x:0:\n",
	"22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n23 22 0:5 / /a\\040b rw - tmpfs tmpfs rw\n",
	"MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 20 kB\nSwapTotal: 0 kB\n",
	"Filename Type Size Used Priority\n/dev/sda2 partition 100 0 -2\n",
	"ttyS0                -W- (EC p a)    4:64\ntty0                 -WU (E     )    4:1\n",
	"CapEff:\t000001ffffffffff\nUid:\t0\t0\t0\t0\n",
	'PRETTY_NAME="Debian"\n',
	"none [integrity] confidentiality\n",
	"appraise func=KEXEC_KERNEL_CHECK\n",
	"CONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\n# CONFIG_IMA_KEXEC is not set\n",
	"SSH_CONNECTION=198.51.100.7 50000 192.0.2.10 22\0container=lxc\0",
	"E:ID_FS_TYPE=ext4\n",
	"1\n",
	"8:0\n",
	"pci:v00008086d00001237sv00001AF4sd00001100bc06sc00i00\n",
	'{"kexec_load":22,"kexec_file_load":22,"euid":0,"machine":"x86_64","release":"6.1.0","realtime":1}',
	'from="10.0.0.1",command="x \\"y\\"" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f c\n',
];

/** Answers to sources, cut from the input: each piece of it answers some of them. */
function answersOf(input: Uint8Array, random: Random, sources: readonly Source[]): Answer[] {
	const pieces = text(input).split("\u0001");
	return sources.map((asked): Answer => {
		const items = Array.from({ length: random.chance(3) ? 3 : 1 }, (_, number) => ({
			errno: random.chance(9) ? random.pick([1, 2, 5, 13, 110]) : 0,
			state: random.chance(20) ? ("cut" as const) : ("whole" as const),
			size: 0,
			path: utf8(text(asked.argument).replaceAll("*", String(number))),
			bytes: utf8(pieces[random.below(pieces.length)] ?? ""),
		}));
		return { source: asked, items, errno: 0, state: "whole" };
	});
}

const iomem = utf8(
	"00100000-1ffdefff : System RAM\n  01000000-01ffffff : Kernel code\n100000000-23fffffff : System RAM\n",
);

/** An EFI zboot image: drivers/firmware/efi/libstub/zboot-header.S. */
function zboot(payload: Uint8Array): Uint8Array {
	const head = Buffer.alloc(64);
	head.write("MZ", 0);
	head.write("zimg", 4);
	head.writeUInt32LE(head.length, 8);
	head.writeUInt32LE(payload.length, 12);
	head.write("gzip", 24);
	return Buffer.concat([head, payload]);
}

/** A stream that says this and ends. */
const says = (chunks: readonly Uint8Array[]): HelperStream => ({
	output: (async function* () {
		yield* chunks;
	})(),
	write: async () => {},
	end: () => {},
	destroy: () => {},
	exit: Promise.resolve(1),
});

/** What a helper says in a whole conversation, so that broken ones have something to begin with. */
async function recording(): Promise<Uint8Array> {
	const fake = new FakeHelper({
		answer: () => ({ items: [{ path: "/x", bytes: utf8("content") }] }),
	});
	const said: Uint8Array[] = [];
	const tapped: HelperStream = {
		...fake.stream,
		output: (async function* () {
			for await (const chunk of fake.stream.output) {
				said.push(Uint8Array.from(chunk));
				yield chunk;
			}
		})(),
	};
	await converse(tapped);
	return Buffer.concat(said);
}

async function converse(stream: HelperStream): Promise<void> {
	const options = { timeout: 5000 };
	const client = await HelperClient.open(stream, options);
	try {
		const answers = await client.probe([source.read("/x"), source.system()], options);
		new Evidence(answers);
	} finally {
		client.close();
	}
}
const recorded = await recording();

export const targets: readonly FuzzTarget[] = [
	{
		// All facts from whatever the files of a host hold.
		name: "kexec/facts",
		fixtures: () => false,
		seeds: () => [utf8(contents.join("\u0001")), ...contents.map((content) => utf8(content))],
		run(input, random) {
			const first = answersOf(input, random, [...firstSources(), ...networkSources()]);
			const login = { loginUser: "user", allUsers: random.chance(2) };
			const second = secondSources(new Evidence(first), login);
			const evidence = new Evidence([...first, ...answersOf(input, random, second)]);
			const facts = gatherFacts(evidence, login, random.chance(2) ? input : undefined);
			JSON.stringify(facts, (_, value) => (typeof value === "bigint" ? String(value) : value));
			rawNetwork(evidence);
		},
	},
	{
		name: "kexec/authorized-keys",
		fixtures: () => false,
		seeds: () => [utf8(contents.at(-1) ?? "")],
		run(input) {
			for (const { line } of parseAuthorizedKeys(input).keys) {
				if (parseAuthorizedKeys(utf8(line)).keys.length !== 1) throw new Error(`lost: ${line}`);
			}
		},
	},
	{
		// What is written into the rescue system's list has to say the same there.
		name: "kexec/authorized-principals",
		fixtures: () => false,
		seeds: () => [utf8('# ops\nops\nfrom="192.0.2.0/24",no-pty  far # x\ncommand="a b" x\n\n')],
		run(input) {
			for (const { line, name, options } of parseAuthorizedPrincipals(input)) {
				const [again] = parseAuthorizedPrincipals(Buffer.from(line, "latin1"));
				if (again?.name !== name || again.options.length !== options.length) {
					throw new Error(`another line: ${line}`);
				}
			}
		},
	},
	{
		// What kexec_load is told, from whatever a host says of its memory and firmware.
		name: "kexec/load-facts",
		fixtures: (path) => path.endsWith(".dtb"),
		seeds: () => [
			iomem,
			utf8("ACPI20=0x7ff\nSMBIOS3=0x1\n\u00010xfff\u0001System RAM\u00010x1000"),
		],
		run(input, random) {
			const answers = answersOf(input, random, loadSources());
			const numbers = ["0/start", "0/end", "0/type", "1/phys_addr", "1/num_pages", "1/type"];
			for (const answer of answers) {
				if (!text(answer.source.argument).includes("*")) continue;
				const [item] = answer.items;
				if (item === undefined) continue;
				const stem = text(answer.source.argument).replace("*/*", "");
				(answer.items as (typeof item)[]).push(
					...numbers.map((name) => ({
						...item,
						errno: 0,
						path: utf8(stem + name),
						bytes: utf8(`0x${random.u32().toString(16)}`),
					})),
				);
			}
			const facts = readLoadFacts(answers);
			const load = { initrdSize: 1_000_000, commandLine: "" };
			planX86({ ...load, kernel: fixture("bzimage-head") }, facts);
			const fdt = random.chance(2) ? input : fixture("virt.dtb");
			planArm64({ ...load, kernel: fixture("arm64-head") }, { ...facts, fdt });
		},
	},
	{
		name: "kexec/unwrap",
		fixtures: (path) => path.endsWith("-head"),
		seeds: () => [
			gzipSync(fixture("arm64-head")),
			gzipSync(fixture("bzimage-head")),
			zboot(gzipSync(fixture("arm64-head"))),
		],
		async run(input) {
			await knowsParameter(input, "initramfs_options");
			await unwrapKernel(input);
		},
	},
	{
		// The whole conversation with a helper that says anything.
		name: "kexec/conversation",
		fixtures: () => false,
		seeds: () => [recorded, Buffer.concat([utf8("motd\n"), recorded])],
		run: (input, random) => converse(says(chunked(input, random))),
	},
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
