import type { Facts } from "../../kexec/facts/facts.ts";
import type { Plan as NetworkPlan } from "../../network/index.ts";
import { type Check, note, ok, refusal, several, warning } from "../check.ts";
import { mib } from "../memory.ts";

/** The network plan's own verdict, with everything it leaves out or changes. */
export function checkNetwork(plan: NetworkPlan): Check[] {
	const checks: Check[] = [];
	if (plan.refusal !== undefined) {
		const { remedy } = plan.refusal.details;
		checks.push(
			refusal(
				"way-back",
				plan.refusal.summary,
				remedy ?? "Log in over another address of the target, or use its provider's rescue system.",
			),
		);
	} else if (plan.wayBack !== undefined) {
		const { address, links } = plan.wayBack;
		const at = address ? `${address.address}/${address.prefix}` : plan.wayBack.connection.server;
		checks.push(ok("way-back", `${at} on ${links.join(" over ")}`));
	} else {
		checks.push(
			warning(
				"way-back",
				"SSH_CONNECTION is not known, so nothing proves that this login comes back",
				"Look at the planned addresses and routes yourself.",
			),
		);
	}
	const { network, leftOut, changed } = plan;
	const physical = network.links.map(({ name }) => name).join(", ");
	checks.push(
		ok(
			"network",
			`${several(network.addresses.length, "address", "addresses")}, ${several(network.routes.length, "route")} on ${physical}`,
		),
	);
	for (const sentence of changed) checks.push(note("network", sentence));
	for (const sentence of plan.warnings) checks.push(warning("network", sentence));
	if (leftOut.length > 0)
		checks.push(note("network", `${leftOut.length} left out, each with its reason`));
	return checks;
}

/** Encrypted and layered disks, and swap: nothing of it stops the rescue, all of it is good to know beforehand. */
export function checkDisks(facts: Facts): Check[] {
	const disks = facts.blockDevices.filter(({ name }) => !/^(?:loop|ram|zram|sr|fd)\d/.test(name));
	const root = facts.mounts.findLast((mount) => mount.target === "/");
	const checks: Check[] = [
		ok(
			"disks",
			`${several(disks.length, "block device")}${root ? `; / is ${root.type} on ${root.source}, ${accessOf(root)}` : ""}`,
		),
	];
	const crypt = disks.filter(({ stack }) => stack === "CRYPT").map(({ name }) => name);
	if (crypt.length > 0) {
		checks.push(
			warning(
				"disks",
				`encrypted and open now: ${crypt.join(", ")}; the rescue system starts with them closed`,
				"Have the passphrase or key file at hand (cryptsetup open).",
			),
		);
	}
	const types = [...facts.filesystems, ...facts.mounts.map(({ type }) => type)];
	if (types.some((type) => type === "zfs" || type === "zfs_member")) {
		checks.push(
			warning(
				"disks",
				"ZFS is in use, and ekexec's own image can open no pool: Debian's kernel has no ZFS",
				"Where a pool must be opened, build an image that has it: a NixOS configuration with boot.supportedFilesystems.zfs (ekexec image build --provider nix --config FILE), then --image.",
			),
		);
	}
	const swap = facts.swaps.filter(({ used }) => used > 0);
	if (swap.length > 0) {
		const used = swap.reduce((sum, area) => sum + area.used, 0);
		checks.push(note("disks", `${mib(used)} in swap are given up with the running system`));
	}
	return checks;
}

/** A session of tmux or screen may hold somebody's unfinished work: it ends with the running system. */
export function checkTerminals(facts: Facts): Check[] {
	if (facts.terminals.length === 0) return [];
	return [note("terminals", `end with the running system: ${facts.terminals.join(", ")}`)];
}

/** Seconds from the jump within which a rescue system looks after the watchdogs itself, on slow machines as well. */
const lookedAfter = 180;

/** Whoever kept a watchdog quiet ends with the running system; the rescue system does it as soon as its systemd runs. */
export function checkWatchdogs(facts: Facts): Check[] {
	return facts.watchdogs.map(({ name, identity, timeout }) => {
		const which = identity === "" ? name : `${name} (${identity})`;
		const when = timeout === undefined ? "" : ` after ${timeout} s`;
		const found = `${which} is armed: unless its driver stops it at the jump, it resets the machine${when} without a sign of life`;
		if (timeout !== undefined && timeout >= lookedAfter) return note("watchdog", found);
		return warning(
			"watchdog",
			found,
			`Before the jump give it ${lookedAfter} s or more, or stop what arms it (RuntimeWatchdogSec= of systemd, watchdog, watchdog-mux).`,
		);
	});
}

function accessOf(mount: { options: readonly string[]; superOptions: readonly string[] }): string {
	const readOnly = mount.options.includes("ro") || mount.superOptions.includes("ro");
	return readOnly ? "read-only" : "said to be writable";
}

/** Where the helper can be put and run. */
export function checkStaging(facts: Facts): Check {
	const place = chooseHelperPlace(facts);
	if (place !== undefined)
		return ok("staging", `the helper in ${place}, everything else in memory`);
	const seen = facts.places.map(({ path, writable, executable }) => {
		if (!writable) return `${path} cannot be written`;
		return executable ? path : `${path} is mounted noexec`;
	});
	return refusal(
		"staging",
		`no place is both writable and executable: ${seen.join(", ") || "none could be tried"}`,
		"Mount a small tmpfs somewhere: mount -t tmpfs tmpfs /mnt",
	);
}

/** The first place of memory that takes and runs the helper, else the first of a disk. */
export function chooseHelperPlace(facts: Facts): string | undefined {
	const usable = facts.places.filter((place) => place.writable && place.executable);
	return (usable.find((place) => place.inMemory) ?? usable[0])?.path;
}
