import { EkexecError } from "../bytes/index.ts";
import type { Facts } from "../kexec/facts/facts.ts";
import type { CheckId } from "./check.ts";
import { rescueError } from "./error.ts";
import type { RescuePlan } from "./plan.ts";

/** Checks whose warnings may explain a silent rescue system, the likeliest first. */
const telling: readonly CheckId[] = [
	"drivers",
	"way-back",
	"network",
	"memory",
	"host-keys",
	"environment",
	"console",
	"identity",
];

/** Machines of a hypervisor: their devices are few, and start again after kexec. */
const virtual = /QEMU|VMware|Xen|Amazon EC2|Google|innotek|DigitalOcean|Hetzner|KVM|Virtual/;
/** A boot takes 10 to 60 s; servers with many disks and cards take minutes. Seconds. */
const usualBoot = 180;
/** Above this share of all memory the rescue system has little left to run in. */
const tight = 0.75;

/** What was seen while waiting in vain. */
export interface Silence {
	/** Seconds that were waited. */
	readonly waited: number;
	/** At the last attempt, the old system was what answered. */
	readonly oldAnswered: boolean;
	readonly via: "reboot" | "systemd";
	/** Login that was used before the jump, as ssh takes it. */
	readonly login: string;
}

/** Why a rescue system may not answer, by what is known of the target: the likeliest first. */
export function likelyCauses(
	plan: RescuePlan,
	facts: Facts,
	{ waited, oldAnswered, via, login }: Silence,
	seen: string | undefined,
): string[] {
	const causes: string[] = [];
	if (seen === "SSH_AUTH") {
		causes.push(
			`a system answers that does not let root in by this login's key: most likely the old one, started again; log in as before (ssh ${login})`,
		);
	}
	if (seen === "SSH_HOST_KEY_CHANGED") {
		causes.push(
			"another system answers at this address: its provider's rescue system, its initramfs, or another machine",
		);
	}
	if (oldAnswered) {
		causes.push(
			via === "systemd"
				? "systemd is still stopping services: the old system answered to the last"
				: "the old system answered to the last: the kernel refused to jump (its log says why), or a driver hangs while it is shut down",
		);
	}
	if (waited < usualBoot && causes.length === 0) {
		causes.push(`it needs longer than ${waited} s to boot; large servers take minutes`);
	}
	for (const id of telling) {
		for (const check of plan.checks) {
			if (check.id === id && check.verdict === "warning") causes.push(check.found);
		}
	}
	const { memory } = plan;
	if (memory && memory.afterJump > memory.total * tight) {
		const share = Math.round((100 * memory.afterJump) / memory.total);
		causes.push(`its memory is small: unpacking alone takes ${share} % of it`);
	}
	const { network, wayBackLinks } = plan.network;
	const kinds = network.links.filter(
		({ name, kind }) => wayBackLinks.includes(name) && kind !== undefined,
	);
	if (kinds.length > 0) {
		const told = kinds.map(({ name, kind }) => `${name} (${kind})`).join(", ");
		causes.push(`the login goes over ${told}: a switch may take a minute to let it through`);
	}
	const { vendor = "" } = facts.environment;
	if (!virtual.test(vendor)) {
		causes.push(
			"a device is in a state that the new kernel's driver does not expect: a network card that needs firmware, a graphics card, a watchdog that goes on counting",
		);
	}
	if (plan.method === "kexec_load") causes.push("the kernel was loaded by the older kexec_load");
	causes.push(stoppedAtStart(plan.commandLine, login));
	return causes;
}

/** What is possible on every machine: the new kernel gave up. Where it then resets the machine, the old system is back. */
function stoppedAtStart(commandLine: string, login: string): string {
	const stopped = "the new kernel stopped while it started: the console shows its last words";
	const [, seconds = "0"] = /(?:^| )panic=(\d+)(?: |$)/.exec(commandLine) ?? [];
	if (Number(seconds) === 0) return stopped;
	return `${stopped}; a panic resets the machine after ${seconds} s, and the old system starts again: try its login (ssh ${login}), and uptime there`;
}

/**
 * The error of a rescue that jumped and was not proven, with what may be behind it: whatever went wrong while waiting,
 * the target is no longer as it was.
 */
export function unproven(
	error: unknown,
	target: string,
	plan: RescuePlan,
	facts: Facts,
	silence: Silence,
): EkexecError {
	const known = error instanceof EkexecError ? error : undefined;
	if (known?.kind === "unproven") return known;
	const late = known?.code === "SSH_DEADLINE";
	const causes = likelyCauses(plan, facts, silence, known?.code).map(
		(cause, at) => `\n  ${at + 1}. ${cause}`,
	);
	const found = late ? known.details.found : (known?.message ?? String(error));
	return rescueError(
		"unproven",
		late ? "RESCUE_DEADLINE" : "RESCUE_NOT_PROVEN",
		late
			? `jumped, but the rescue system did not answer within ${silence.waited} s`
			: "jumped, but the rescue system could not be proven",
		{
			where: target,
			...(found === undefined ? {} : { found }),
			remedy: `Likely causes, the likeliest first:${causes.join("")}\nWhat to try: log in as root for some minutes more; look at the machine's console, which shows the rescue system's boot and then a shell; at last a reset: it starts the old system from its disks, on which the rescue system wrote nothing.`,
			cause: error,
		},
	);
}
