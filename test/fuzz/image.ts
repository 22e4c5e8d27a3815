import { createHash, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { text } from "../../src/bytes/index.ts";
import { packCpio } from "../../src/cpio/index.ts";
import {
	digestsOf,
	formatManifest,
	type Image,
	importImage,
	inspectImage,
	type Manifest,
	openImage,
	parseManifest,
	parseTarget,
	readDrivers,
	verifySignature,
} from "../../src/image/index.ts";
import { commandLineOfRun } from "../../src/image/nixos.ts";
import { type TarMember, tar } from "../debian/make.ts";
import { jsonMaker } from "./frame/json.ts";
import type { FuzzTarget } from "./frame/target.ts";

const sha256 = "ab".repeat(32);
const file = { size: 3, sha256 };
const manifest: Manifest = parseManifest(
	JSON.stringify({
		format: "ekexec-image/1",
		name: "rescue",
		architecture: "amd64",
		adapter: "rootfs",
		commandLine: "quiet",
		kernel: { file: "kernel", ...file, release: "6.1.0" },
		layers: [
			{
				...{
					name: "base",
					kind: "base",
					compression: "gzip",
					file: "layers/base.cpio.gz",
					...file,
				},
				...{ unpackedSize: 100, memorySize: 100, entries: 1 },
			},
		],
		contents: { file: "contents.json", ...file },
		packages: [{ name: "a", version: "1", layer: "base", size: 1 }],
		source: { suite: "trixie" },
	}),
);
const contents = { files: [{ path: "usr/bin/a", size: 1, layer: "base", package: "a" }] };

// Always the same key, so that an input means the same in every run: RFC 8410, with a key of 32 times 0x11.
const privateKey = createPrivateKey({
	key: Buffer.from(`302e020100300506032b657004220420${"11".repeat(32)}`, "hex"),
	format: "der",
	type: "pkcs8",
});
const publicKey = createPublicKey(privateKey);
const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
const keyId = Buffer.alloc(8, 7);
const digests = await digestsOf([Buffer.from("a file")]);
const length = (bytes: Uint8Array): Buffer => {
	const size = Buffer.alloc(4);
	size.writeUInt32BE(bytes.length);
	return Buffer.concat([size, bytes]);
};
const string = (value: string): Buffer => length(Buffer.from(value));
const sshKey = Buffer.concat([string("ssh-ed25519"), length(raw)]);

function minisign(): string {
	const signature = sign(null, digests.blake2b512, privateKey);
	const global = sign(null, Buffer.concat([signature, Buffer.from("t")]), privateKey);
	const packed = Buffer.concat([Buffer.from("ED"), keyId, signature]).toString("base64");
	return `untrusted comment: x\n${packed}\ntrusted comment: t\n${global.toString("base64")}\n`;
}

function sshSignature(): string {
	const parts = [string("file"), string(""), string("sha512")];
	const message = Buffer.concat([Buffer.from("SSHSIG"), ...parts, length(digests.sha512)]);
	const signature = Buffer.concat([string("ssh-ed25519"), length(sign(null, message, privateKey))]);
	const version = Buffer.from([0, 0, 0, 1]);
	const blob = [Buffer.from("SSHSIG"), version, length(sshKey), ...parts, length(signature)];
	const armoured = Buffer.concat(blob).toString("base64");
	return `-----BEGIN SSH SIGNATURE-----\n${armoured}\n-----END SSH SIGNATURE-----\n`;
}

const signers = [
	Buffer.concat([Buffer.from("Ed"), keyId, raw]).toString("base64"),
	`ssh-ed25519 ${sshKey.toString("base64")} c`,
] as const;
const good = [minisign(), sshSignature()];

const run = 'init="/nix/store/x/init"\nkernelParams="console=ttyS0 quiet"\n';
const initrd = gzipSync(packCpio([{ kind: "file", name: "init", mode: 0o755, content: "x" }]));
const archive = (members: readonly TarMember[]) => tar(members);
const nixos = await archive([
	{ name: "kexec/run", content: run },
	{ name: "kexec/bzImage", content: "not a kernel" },
	{ name: "kexec/initrd", content: initrd.toString("latin1") },
]);
const own = await archive([
	{ name: "manifest.json", content: text(formatManifest(manifest)) },
	{ name: "kernel", content: "abc" },
	{ name: "layers/base.cpio.gz", content: "abc" },
]);
const loose = await archive([
	{ name: "kernel", content: "abc" },
	{ name: "initrd", content: initrd.toString("latin1") },
	{ name: "cmdline", content: "init=/x quiet" },
]);

/** Runs with a folder that is gone afterwards. */
async function within(work: (folder: string) => Promise<unknown>): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "ekexec-fuzz-image-"));
	try {
		await work(folder);
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

/** Opens an image whose manifest tells of one further file, which holds the input. */
async function openWith(
	folder: string,
	field: "contents" | "drivers",
	input: Uint8Array,
): Promise<Image> {
	mkdirSync(join(folder, "layers"));
	for (const name of ["kernel", "layers/base.cpio.gz"]) writeFileSync(join(folder, name), "abc");
	const name = `${field}.json`;
	writeFileSync(join(folder, name), input);
	const digest = createHash("sha256").update(input).digest("hex");
	const told = { [field]: { file: name, size: input.length, sha256: digest } };
	writeFileSync(join(folder, "manifest.json"), formatManifest({ ...manifest, ...told }));
	return openImage(folder);
}

export const targets: readonly FuzzTarget[] = [
	{
		name: "image/manifest",
		make: jsonMaker(JSON.parse(text(formatManifest(manifest)))),
		run(input) {
			const read = parseManifest(text(input));
			for (const each of [read.kernel, ...read.layers, ...(read.contents ? [read.contents] : [])]) {
				if (/^\/|(^|\/)\.\.?(\/|$)|\0/.test(each.file)) throw new Error(`a file ${each.file}`);
			}
			const again = parseManifest(text(formatManifest(read)));
			if (JSON.stringify(again) !== JSON.stringify(read)) throw new Error("not the same again");
		},
	},
	{
		name: "image/contents",
		make: jsonMaker(contents),
		run: (input) =>
			within(async (folder) => {
				await inspectImage(await openWith(folder, "contents", input));
			}),
	},
	{
		name: "image/drivers",
		make: jsonMaker({
			drivers: [{ module: "ahci", aliases: ["pci:v*d*sv*sd*bc01sc06i01*"], firmware: true }],
		}),
		run: (input) =>
			within(async (folder) => {
				const table = await readDrivers(await openWith(folder, "drivers", input));
				table?.find("pci:v00008086d00002922sv00001AF4sd00001100bc01sc06i01");
			}),
	},
	{
		// No signature but the two that were made may hold.
		name: "image/signature",
		seeds: () => good.map((each) => Buffer.from(each)),
		run(input, random) {
			const signature = text(input);
			verifySignature(digests, signature, random.pick(signers), "fuzz");
			// Blanks and text beside the lines that are signed are free.
			const bare = (each: string) => each.replace(/\s+/g, "");
			const same = good.some((each) =>
				bare(signature).includes(bare(each.split("\n").slice(1).join(""))),
			);
			if (!same) throw new Error(`it holds: ${signature}`);
		},
	},
	{
		name: "image/signer",
		seeds: () => [...signers, "untrusted comment: x\nRWQ\n"].map((each) => Buffer.from(each)),
		run(input, random) {
			const [one = "", other = ""] = good;
			verifySignature(digests, random.chance(2) ? one : other, text(input), "fuzz");
		},
	},
	{
		name: "image/run-script",
		seeds: () => [Buffer.from(run), Buffer.from("  init='/x'\nkernelParams=a\n")],
		run(input) {
			if (/[\n$`]/.test(commandLineOfRun(text(input), "fuzz"))) throw new Error("not plain");
		},
	},
	{
		name: "image/target",
		make: jsonMaker({
			modaliases: ["pci:v00008086d00001237"],
			filesystems: ["ext4"],
			modules: ["virtio_blk"],
		}),
		run(input) {
			parseTarget(text(input), "fuzz");
		},
	},
	{
		// Tarballs of others, of every layout that is known.
		name: "image/tarball",
		seeds: () => [nixos, own, loose, gzipSync(nixos)],
		run: (input) =>
			within(async (folder) => {
				const path = join(folder, "image.tar");
				writeFileSync(path, input);
				await inspectImage(await importImage(path, { cache: join(folder, "cache") }));
			}),
	},
	{
		name: "image/loose",
		make: jsonMaker({ adapter: "stage1" }),
		run: (input) =>
			within(async (folder) => {
				const place = join(folder, "loose");
				mkdirSync(place);
				for (const name of ["kernel", "initrd", "cmdline"]) writeFileSync(join(place, name), "x");
				writeFileSync(join(place, "ekexec.json"), input);
				await importImage(place, { cache: join(folder, "cache") });
			}),
	},
];
