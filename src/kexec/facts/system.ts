import { text } from "../../bytes/index.ts";
import type { Evidence } from "./evidence.ts";
import type { CallState, EnvironmentFacts, KexecFacts, SecurityFacts } from "./facts.ts";
import { type Mount, parseChoice, parseKernelConfig } from "./proc.ts";

/** Paths whose existence alone says "container" (systemd's container interface, docker, podman). */
export const containerMarks = [
	"/.dockerenv",
	"/run/.containerenv",
	"/run/systemd/container",
] as const;

/** Variable that UEFI firmware keeps the state of Secure Boot in (UEFI specification, 3.3 and 32.3). */
export const secureBootVariable =
	"/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/** Where tmux and screen keep the sockets of their sessions, in folders named by the owner. */
export const terminalPatterns = {
	screen: "/run/screen/S-*/*",
	tmux: "/tmp/tmux-*/*",
} as const;

/** Sessions of tmux and screen with their owners, sorted. */
export function terminals(evidence: Evidence): string[] {
	const found = Object.entries(terminalPatterns).flatMap(([program, pattern]) =>
		evidence.found("stat", pattern).flatMap(({ path }) => {
			const owner = /\/(?:S|tmux)-([^/]+)\//.exec(path)?.[1] ?? "?";
			return `${program} of ${/^\d+$/.test(owner) ? `uid ${owner}` : owner}`;
		}),
	);
	return [...new Set(found)].sort();
}

/** Signs of a container, each as a reason; none on a real or virtual machine. */
export function environment(evidence: Evidence, mounts: readonly Mount[]): EnvironmentFacts {
	const container: string[] = [];
	for (const mark of containerMarks) {
		// A disk made from a container's image keeps this file; a container's own root is an overlay.
		if (mark === "/.dockerenv" && !rootIsOverlay(mounts)) continue;
		if (evidence.exists(mark)) container.push(`${mark} exists`);
	}
	const initEnvironment = evidence.file("/proc/1/environ");
	const variable = initEnvironment && /(?:^|\0)container=([^\0]*)/.exec(text(initEnvironment));
	if (variable) container.push(`process 1 has container=${variable[1]} in its environment`);
	// OpenVZ has /proc/vz in guests; hosts have /proc/bc, too.
	if (evidence.exists("/proc/vz") && !evidence.exists("/proc/bc"))
		container.push("/proc/vz exists");
	if (/microsoft.*wsl|lxss/i.test(evidence.line("/proc/sys/kernel/osrelease") ?? "")) {
		container.push("the kernel is that of WSL");
	}
	// The first user namespace maps all of 2^32 - 1 ids onto themselves (user_namespaces(7)).
	const map = evidence.line("/proc/self/uid_map")?.trim().split(/\s+/);
	if (map && map.join(" ") !== "0 0 4294967295")
		container.push("user ids are mapped by a namespace");
	const xen = evidence.line("/sys/hypervisor/type") === "xen";
	const guest = evidence.line("/sys/hypervisor/guest_type");
	const vendor = evidence.line("/sys/class/dmi/id/sys_vendor");
	const product = evidence.line("/sys/class/dmi/id/product_name");
	return {
		container,
		xenPv: xen && guest === "PV",
		...(vendor ? { vendor } : {}),
		...(product ? { product } : {}),
	};
}

function rootIsOverlay(mounts: readonly Mount[]): boolean {
	return mounts.findLast(({ target }) => target === "/")?.type === "overlay";
}

export function security(evidence: Evidence): SecurityFacts {
	const efi = evidence.exists("/sys/firmware/efi");
	// Four bytes of attributes, then the value.
	const variable = evidence.file(secureBootVariable);
	const secureBoot = variable && variable.length >= 5 ? variable[4] === 1 : efi ? undefined : false;
	const choice = evidence.file("/sys/kernel/security/lockdown");
	const lockdown = choice && parseChoice(choice);
	const policy = evidence.file("/sys/kernel/security/ima/policy");
	const rules = policy ? text(policy).split("\n") : [];
	return {
		efi,
		...(secureBoot === undefined ? {} : { secureBoot }),
		...(lockdown === undefined ? {} : { lockdown }),
		imaAppraisesKexec: rules.some((rule) =>
			/^\s*appraise\s.*func=KEXEC_(?:KERNEL|INITRAMFS)_CHECK/.test(rule),
		),
	};
}

/** EPERM and its like come before a call looks at its arguments; ENOSYS says that there is no such call. */
function callState(errno: unknown): CallState {
	if (errno === 38) return "absent";
	return errno === 1 || errno === 13 ? "refused" : "present";
}

export function kexecFacts(evidence: Evidence, config: Uint8Array | undefined): KexecFacts {
	const system = evidence.system;
	const options = config && parseKernelConfig(config);
	const loadsLeft = Number(evidence.line("/proc/sys/kernel/kexec_load_limit_reboot") ?? "-1");
	const known = options
		? Object.fromEntries(
				[...options]
					.filter(([name]) => /^CONFIG_(KEXEC|ARCH_SUPPORTS_KEXEC|IMA_KEXEC|XEN_PV$)/.test(name))
					.map(([name, value]) => [name.slice("CONFIG_".length), value]),
			)
		: undefined;
	return {
		fileLoad: callState(system.kexec_file_load),
		load: callState(system.kexec_load),
		disabled: evidence.line("/proc/sys/kernel/kexec_load_disabled") === "1",
		loaded: evidence.line("/sys/kernel/kexec_loaded") === "1",
		...(loadsLeft >= 0 ? { loadsLeft } : {}),
		...(known ? { config: known } : {}),
	};
}
