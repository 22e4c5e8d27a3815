import { showBytes, text, utf8 } from "../../bytes/index.ts";
import type { Source } from "../contract.ts";
import {
	armedWatchdogs,
	blockDevices,
	busDevices,
	filesystems,
	loadedModules,
	modaliases,
} from "./devices.ts";
import type { Evidence } from "./evidence.ts";
import type { Facts, Place } from "./facts.ts";
import type { LoginContext } from "./login.ts";
import {
	parseConsoles,
	parseMeminfo,
	parseMountinfo,
	parsePasswd,
	parseSwaps,
	statusField,
} from "./proc.ts";
import { places, readLarge } from "./sources.ts";
import { sshFacts, sshSources } from "./ssh.ts";
import { environment, kexecFacts, security, terminals } from "./system.ts";

/** Names of the kernel (uname -m) to Debian's. */
const architectureNames: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };

/** Where distributions put the configuration of a kernel. */
const kernelConfigs = (release: string): string[] => [
	`/boot/config-${release}`,
	`/lib/modules/${release}/config`,
	`/usr/lib/modules/${release}/config`,
	`/usr/lib/kernel/config-${release}`,
];

/** What to ask in the second round, once the first is in. */
export function secondSources(evidence: Evidence, context: LoginContext): Source[] {
	const release = evidence.line("/proc/sys/kernel/osrelease") ?? "";
	const asked = withConnection(evidence, context);
	return [
		...sshSources(evidence, asked),
		// A release is a word; anything else is nothing to build a path from.
		...(evidence.file("/proc/config.gz") || !/^[\w.+~-]+$/.test(release)
			? []
			: kernelConfigs(release)
		).map(readLarge),
	];
}

/** The helper's own environment has SSH_CONNECTION unless something between cleared it. */
function withConnection(evidence: Evidence, context: LoginContext): LoginContext {
	const environ = text(evidence.file("/proc/self/environ") ?? new Uint8Array());
	const own = /(?:^|\0)SSH_CONNECTION=([^\0]*)/.exec(environ)?.[1];
	const sshConnection = context.sshConnection ?? own;
	return sshConnection === undefined ? context : { ...context, sshConnection };
}

/**
 * Makes the facts from the evidence of both rounds. `unpackedConfig` is the content of /proc/config.gz, where the
 * evidence has that: unpacking is not this room's work.
 */
export function gatherFacts(
	evidence: Evidence,
	context: LoginContext,
	unpackedConfig?: Uint8Array,
): Facts {
	const { system } = evidence;
	const release = evidence.line("/proc/sys/kernel/osrelease") ?? String(system.release ?? "");
	const mounts = parseMountinfo(evidence.file("/proc/self/mountinfo") ?? new Uint8Array());
	const devices = blockDevices(evidence, mounts);
	const users = parsePasswd(evidence.file("/etc/passwd") ?? new Uint8Array());
	const uid = Number(
		system.euid ?? statusField(file("/proc/self/status"), "Uid")?.split(/\s+/)[1] ?? -1,
	);
	const name = users.find((user) => user.uid === uid)?.name ?? (uid === 0 ? "root" : undefined);
	const memory = parseMeminfo(file("/proc/meminfo"));
	const machine = String(system.machine ?? "");
	const machineId = evidence.line("/etc/machine-id");
	const nonce = evidence.line("/etc/ekexec/nonce");
	const os = evidence.file("/etc/os-release") ?? evidence.file("/usr/lib/os-release");
	const pretty = os && /^PRETTY_NAME=["']?(.*?)["']?$/m.exec(text(os))?.[1];
	return {
		architecture: architectureNames[machine] ?? machine,
		kernelRelease: release,
		commandLine: evidence.line("/proc/cmdline") ?? "",
		bootId: evidence.line("/proc/sys/kernel/random/boot_id") ?? "",
		hostname: printable(
			evidence.line("/proc/sys/kernel/hostname") ?? String(system.nodename ?? ""),
		),
		...(machineId ? { machineId } : {}),
		...(pretty ? { system: printable(pretty) } : {}),
		time: Number(system.realtime ?? 0) * 1000,
		uptime: Number(system.boottime ?? (evidence.line("/proc/uptime") ?? "0").split(" ")[0]),
		user: { uid, ...(name === undefined ? {} : { name }) },
		capabilities: capabilities(statusField(file("/proc/self/status"), "CapEff")),
		environment: environment(evidence, mounts),
		security: security(evidence),
		kexec: kexecFacts(evidence, unpackedConfig ?? kernelConfig(evidence, release)),
		...(memory ? { memory } : {}),
		mounts,
		swaps: parseSwaps(file("/proc/swaps")),
		modaliases: modaliases(evidence),
		busDevices: busDevices(evidence),
		modules: loadedModules(evidence),
		blockDevices: devices,
		filesystems: filesystems(devices),
		consoles: parseConsoles(file("/proc/consoles")),
		terminals: terminals(evidence),
		watchdogs: armedWatchdogs(evidence),
		systemd: evidence.exists("/run/systemd/system"),
		places: places.flatMap((path) => placeAt(evidence, path)),
		users,
		ssh: sshFacts(evidence, withConnection(evidence, context)),
		...(nonce ? { rescueNonce: nonce } : {}),
		unreadable: evidence.unreadable,
	};

	function file(path: string): Uint8Array {
		return evidence.file(path) ?? new Uint8Array();
	}
}

function capabilities(field: string | undefined): bigint {
	return field !== undefined && /^[0-9a-f]{1,16}$/i.test(field) ? BigInt(`0x${field}`) : 0n;
}

function kernelConfig(evidence: Evidence, release: string): Uint8Array | undefined {
	for (const path of kernelConfigs(release)) {
		const plain = evidence.file(path);
		if (plain) return plain;
	}
	return undefined;
}

function placeAt(evidence: Evidence, path: string): Place[] {
	const place = evidence.place(path);
	if (!place) return [];
	const space = evidence.space(path);
	return [
		{
			path,
			...place,
			inMemory: space?.inMemory === true,
			...(space ? { free: space.free } : {}),
		},
	];
}

/** What the target says of itself, without what could drive a terminal. */
function printable(words: string): string {
	return showBytes(utf8(words));
}
