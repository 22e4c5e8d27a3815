import { showBytes, utf8 } from "../../bytes/index.ts";
import type { BlockDevice, Facts } from "../../kexec/facts/facts.ts";
import type { Link, Plan as NetworkPlan } from "../../network/index.ts";
import { type Check, note, ok, refusal, several, warning } from "../check.ts";

/** A card or disk of the target, and the devices on its way that no driver of the image serves. */
interface Examined {
	readonly name: string;
	readonly lacking: readonly string[];
}

/** Bridges between buses and hubs are served by the kernel itself. */
const ofTheKernel = /^pci:.*bc06|^usb:.*(?:dc09|ic09)/;

/**
 * Whether the image drives what the target has. A card of the way back without a driver is a refusal: the rescue
 * system would never answer.
 */
export function checkDrivers(
	facts: Facts,
	plan: NetworkPlan,
	image: { readonly name: string; readonly unserved?: readonly string[] },
): Check[] {
	if (image.unserved === undefined) {
		return [note("drivers", `the image ${image.name} does not tell which drivers it has`)];
	}
	const unserved = new Set(image.unserved);
	const examine = ({ name, devicePath }: Link | BlockDevice): Examined => ({
		name,
		lacking: (devicePath?.split("/") ?? []).flatMap((part) => {
			const device = facts.busDevices[part];
			if (device === undefined || !unserved.has(part)) return [];
			// A device without a driver now does not carry this card or disk.
			if (device.driver === undefined || ofTheKernel.test(device.modalias)) return [];
			// The target's words, and printed.
			return showBytes(utf8(`${device.driver} for ${device.modalias}`));
		}),
	});
	const cards = plan.network.links.filter(({ kind }) => kind === undefined);
	const disks = facts.blockDevices.filter(({ devicePath }) => devicePath !== undefined);
	const lame = (one: Examined): boolean => one.lacking.length > 0;
	const lameCards = cards.map(examine).filter(lame);
	const lameDisks = disks.map(examine).filter(lame);
	// The names of the rescue system, as in `cards`: those of the host may be others.
	const back = cards.filter(({ name }) => plan.wayBackLinks.includes(name));
	const checks: Check[] = [];
	if (back.length > 0 && back.every(({ name }) => lameCards.some((card) => card.name === name))) {
		checks.push(
			refusal(
				"drivers",
				`the image has no driver for ${tell(lameCards)}: nothing would answer after the jump`,
				"Let the modules be chosen for this target (--modules target), or give an image with that driver (--image).",
			),
		);
	} else if (lameCards.length > 0) {
		checks.push(warning("drivers", `the image has no driver for ${tell(lameCards)}`));
	}
	if (lameDisks.length > 0) {
		checks.push(
			warning(
				"drivers",
				`the image has no driver for ${tell(lameDisks)}`,
				"Those disks will not be seen. --modules target chooses for this machine; else --image with one that has them.",
			),
		);
	}
	if (checks.length > 0) return checks;
	return [
		ok(
			"drivers",
			`for ${several(cards.length, "network card")} and ${several(disks.length, "disk")}`,
		),
	];
}

function tell(examined: readonly Examined[]): string {
	return examined.map(({ name, lacking }) => `${name} (${lacking.join(", ")})`).join("; ");
}
