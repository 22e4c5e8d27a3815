import type { LoginKnown, PlannedImage, RescueOptions } from "../../src/rescue/index.ts";
import { hostBlob, keyBlob, MiB } from "./facts.ts";

/** An image that fits the healthy host of {@link healthyFacts}. */
export const plannedImage: PlannedImage = {
	name: "rescue",
	architecture: "amd64",
	signed: true,
	adapter: "rootfs",
	commandLine: "quiet panic=60",
	commandLineLimit: 2017,
	sizes: { kernel: 8 * MiB, kernelMemory: 40 * MiB, initrd: 32 * MiB, unpacked: 140 * MiB },
	layers: ["base", "modules"],
	unserved: [],
};

/** root, by the key that its authorized_keys holds. */
export const rootLogin: LoginKnown = {
	user: "root",
	proof: { method: "publickey", type: "ssh-ed25519", blob: keyBlob },
	hostKey: { type: "ssh-ed25519", blob: hostBlob },
};

/** Nothing asked for. */
export const noOptions: RescueOptions = {
	allKeys: false,
	addedKeys: [],
	commandLine: "",
	again: false,
	keepLinks: [],
};
