import { readFile } from "node:fs/promises";
import type { DriverTable, Image, ImageLayer } from "../image/index.ts";
import { type Facts, type KernelImage, knowsParameter, readKernelImage } from "../kexec/index.ts";
import type { PlannedImage } from "./plan.ts";
import { rootOptions } from "./root-space.ts";

/** Bytes of a command line that every kernel of the last decade takes (COMMAND_LINE_SIZE of x86 and arm64, less NUL). */
const usualLimit = 2047;
/** x86's kexec_file_load puts elfcorehdr= in front, and takes this much for it (arch/x86/kernel/kexec-bzimage64.c). */
const takenOnX86 = 30;

/**
 * The layers that this target needs: firmware only where a driver that one of its devices wants may ask for it. An
 * image that does not tell its drivers is sent whole.
 */
export function chooseLayers(
	image: Image,
	facts: Facts,
	drivers: DriverTable | undefined,
): readonly ImageLayer[] {
	const wanted =
		drivers === undefined ||
		facts.modaliases.some((modalias) => drivers.find(modalias).some(drivers.wantsFirmware));
	return image.layers.filter((layer) => layer.kind !== "firmware" || wanted);
}

/** The largest identity: keys, units and routes of a host with many of each. */
const identityReserve = 1024 * 1024;

/** Bytes from its start that the kernel takes for itself before it manages memory, as far as its header tells. */
function memoryOf(kernel: KernelImage): number | undefined {
	if (kernel.format === "bzImage") return kernel.initSize;
	return kernel.format === "Image" ? kernel.imageSize : undefined;
}

/** Reads of the image what the plan has to know. */
export async function imageTraits(
	image: Image,
	layers: readonly ImageLayer[],
	facts: Facts,
	drivers: DriverTable | undefined,
): Promise<PlannedImage> {
	const { manifest } = image;
	const bytes = await readFile(image.kernel.path);
	const kernel = readKernelImage(bytes, image.kernel.path);
	const commandLineLimit =
		kernel.format === "bzImage" ? kernel.commandLineSize - takenOnX86 : usualLimit;
	const sum = (pick: (layer: ImageLayer) => number): number =>
		layers.reduce((total, layer) => total + pick(layer), 0);
	const initrd = sum(({ size }) => size) + identityReserve;
	const unpacked = sum(({ memorySize }) => memorySize);
	// To read it takes a second, which only a target with little memory is worth.
	const total = facts.memory?.total ?? Infinity;
	const options =
		unpacked > (total - initrd) / 2 ? await knowsParameter(bytes, rootOptions) : undefined;
	return {
		name: manifest.name,
		architecture: manifest.architecture,
		signed: kernel.signature !== undefined,
		adapter: manifest.adapter,
		commandLine: manifest.commandLine,
		commandLineLimit,
		sizes: {
			kernel: image.kernel.size,
			kernelMemory: memoryOf(kernel) ?? image.kernel.size,
			initrd,
			unpacked,
		},
		layers: layers.map(({ name }) => name),
		...(options === undefined ? {} : { initramfsOptions: options }),
		...(drivers === undefined
			? {}
			: {
					unserved: Object.entries(facts.busDevices).flatMap(([name, { modalias, driver }]) => {
						const served =
							drivers.find(modalias).length > 0 || (driver !== undefined && drivers.has(driver));
						return served ? [] : [name];
					}),
				}),
	};
}
