import type { Facts } from "../kexec/facts/facts.ts";
import { type Check, ok, refusal } from "./check.ts";

/**
 * Parameters of the target's own kernel that tell how this hardware has to be treated, rather than what to boot:
 * without them a machine that needs them would not come up (Documentation/admin-guide/kernel-parameters.txt).
 */
const hardwareParameters: ReadonlySet<string> = new Set([
	"acpi",
	"acpi_osi",
	"acpi_rsdp",
	"acpi_skip_timer_override",
	"amd_iommu",
	"clocksource",
	"disable_timer_pin_1",
	"earlycon",
	"efi",
	"hpet",
	"idle",
	"intel_iommu",
	"intremap",
	"iommu",
	"iommu.passthrough",
	"irqpoll",
	"lapic",
	"maxcpus",
	"mce",
	"mem",
	"memmap",
	"no5lvl",
	"noacpi",
	"noapic",
	"no_timer_check",
	"nolapic",
	"noefi",
	"nomce",
	"nomodeset",
	"nosmp",
	"notsc",
	"nox2apic",
	"pci",
	"pcie_aspm",
	"pcie_ports",
	"reboot",
	"swiotlb",
	"processor.max_cstate",
	"intel_idle.max_cstate",
	"tsc",
	"x2apic_phys",
]);

/** Modules whose parameters are carried, too: they drive disks and NICs. */
const hardwareModules =
	/^(?:nvme_core|libata|megaraid_sas|mpt3sas|hpsa|igb|ixgbe|i40e|e1000e|bnx2x?|tg3)\./;

/** Consoles that a rescue system of the same machine can write to. */
export const usableConsole: RegExp = /^(?:tty(?:0|S\d+|AMA\d+|FIQ\d+)|hvc\d+|xvc\d+|sclp_line\d+)$/;

/**
 * The command line of the rescue system: the image's, the target's consoles and hardware parameters, then the
 * user's words, of which the last one wins in the kernel.
 */
export function rescueCommandLine(image: string, facts: Facts, extra: string): string {
	const words = splitCommandLine(facts.commandLine);
	const own = splitCommandLine(image);
	const taken = words.filter((word) => {
		const name = word.split("=", 1)[0] ?? "";
		const bare = name.replaceAll("-", "_");
		return hardwareParameters.has(bare) || hardwareModules.test(bare);
	});
	const speeds = new Map<string, string>();
	for (const word of words) {
		const [, device, options] = /^console=([^,]+)(,.*)?$/.exec(word) ?? [];
		if (device !== undefined) speeds.set(device, options ?? "");
	}
	// The last console= becomes /dev/console; /proc/consoles lists the preferred one first.
	const consoles = facts.consoles
		.filter((name) => usableConsole.test(name))
		.map((name) => (name === "tty1" ? "tty0" : name))
		.reverse()
		.map((name) => `console=${name}${speeds.get(name) ?? ""}`);
	const withoutConsoles = own.filter(
		(word) => consoles.length === 0 || !word.startsWith("console="),
	);
	return [...withoutConsoles, ...taken, ...consoles, ...splitCommandLine(extra)].join(" ");
}

/** Words of a command line; blanks within double quotes do not part them (kernel, lib/cmdline.c). */
export function splitCommandLine(line: string): string[] {
	return line.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

/** `limit`: the kernel image's own cmdline_size, without the NUL; 30 bytes of it the loader takes on x86. */
export function checkCommandLine(line: string, limit: number): Check {
	if (line.length <= limit) return ok("command-line", `${line.length} of ${limit} characters`);
	return refusal(
		"command-line",
		`${line.length} characters, of which the kernel takes ${limit}`,
		"Give a shorter --cmdline.",
	);
}
