import type { Command } from "./command.ts";
import { completion } from "./completion.ts";
import { demo } from "./demo.ts";
import { abort, check, host } from "./host.ts";
import { imageBuild } from "./image-build.ts";
import { imageInspect } from "./image-inspect.ts";
import { imageList } from "./image-list.ts";
import { imagePrune } from "./image-prune.ts";
import { imageVerify } from "./image-verify.ts";
import { initrdCat } from "./initrd-cat.ts";
import { initrdDiff } from "./initrd-diff.ts";
import { initrdExtract } from "./initrd-extract.ts";
import { initrdList } from "./initrd-list.ts";
import { initrdPack } from "./initrd-pack.ts";
import { initrdVerify } from "./initrd-verify.ts";
import { kexecInspect } from "./kexec-inspect.ts";
import { net } from "./net.ts";
import { netDiff } from "./net-diff.ts";

/** A word that stands before several commands: `ekexec initrd …`. */
export interface Group {
	readonly name: string;
	readonly summary: string;
}

export const groups: readonly Group[] = [
	{ name: "image", summary: "Rescue images: build, list, inspect, verify, prune" },
	{ name: "initrd", summary: "Initrds: write, list, extract, verify, compare" },
	{ name: "net", summary: "Networks: what is, what a rescue system would make of it" },
	{ name: "kexec", summary: "Kernels: what can be loaded" },
];

/** Every command, in the order of the help screen. */
export const commands: readonly Command[] = [
	host,
	check,
	abort,
	demo,
	imageBuild,
	imageList,
	imageInspect,
	imageVerify,
	imagePrune,
	initrdPack,
	initrdList,
	initrdExtract,
	initrdCat,
	initrdVerify,
	initrdDiff,
	net,
	netDiff,
	kexecInspect,
	completion,
];
