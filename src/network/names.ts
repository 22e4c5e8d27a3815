// Names of links in the rescue system.

import type { Link } from "./model.ts";
import { isHardware } from "./select.ts";

/** A link that has to be called otherwise, with the reason. */
export interface Rename {
	readonly from: string;
	readonly to: string;
	readonly reason: string;
}

/**
 * What systemd takes as a name (ifname_valid in basic/socket-util.c), narrowed to characters that mean nothing
 * in unit files: no glob, no `%`, no `@`, no white space, no byte beyond ASCII.
 */
const sayable = /^[A-Za-z][A-Za-z0-9._-]{0,14}$/;
const reserved = new Set(["all", "default", "lo"]);

/** Names the kernel itself hands out, in the order in which it meets the cards. */
const kernelName = /^(eth|ib|usb|wwan)\d+$/;

/**
 * Names are kept where that is safe. Two kinds are not: names that cannot be written into a unit file, and,
 * on a host with several cards, the kernel's own (eth0, eth1): the rescue kernel may hand them out in
 * another order, and a link cannot be given a name that another one holds at that moment.
 */
export function renames(carried: readonly Link[], all: readonly Link[]): readonly Rename[] {
	const taken = new Set(all.map((link) => link.name));
	const fresh = (stem: string, number: number): string => {
		for (let at = number; ; at++) {
			const name = `${stem}${at}`;
			if (!taken.has(name)) {
				taken.add(name);
				return name;
			}
		}
	};
	const cards = all.filter((link) => isHardware(link) && kernelName.test(link.name));
	const found: Rename[] = [];
	for (const link of carried) {
		if (!sayable.test(link.name) || reserved.has(link.name)) {
			found.push({
				from: link.name,
				to: fresh("ek", 0),
				reason: "its name has no place in a configuration file",
			});
		} else if (isHardware(link) && kernelName.test(link.name) && cards.length > 1) {
			found.push({
				from: link.name,
				to: fresh("nic", Number(/\d+$/.exec(link.name)?.[0] ?? 0)),
				reason: "the rescue kernel may number the cards in another order",
			});
		} else if (!isHardware(link) && kernelName.test(link.name)) {
			found.push({
				from: link.name,
				to: fresh("ek", 0),
				reason: "a network card of the rescue system may get that name first",
			});
		}
	}
	return found;
}
