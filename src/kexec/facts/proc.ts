import { text } from "../../bytes/index.ts";

/** Memory of the target in bytes (proc(5), /proc/meminfo). */
export interface Memory {
	readonly total: number;
	/** What can be taken without swapping, by the kernel's own estimate. */
	readonly available: number;
	readonly free: number;
	readonly swapTotal: number;
	readonly swapFree: number;
	/** Chunks of vmalloc space still free; kexec_file_load reads kernel and initrd into it. */
	readonly vmallocTotal: number;
}

export function parseMeminfo(file: Uint8Array): Memory | undefined {
	const values = new Map<string, number>();
	for (const line of text(file).split("\n")) {
		const [, name, kib] = line.match(/^(\w+):\s+(\d+) kB$/) ?? [];
		if (name !== undefined) values.set(name, Number(kib) * 1024);
	}
	const total = values.get("MemTotal");
	if (total === undefined) return undefined;
	const free = values.get("MemFree") ?? 0;
	return {
		total,
		free,
		// Kernels before 3.14 make no estimate; page cache is the best guess then.
		available: values.get("MemAvailable") ?? free + (values.get("Cached") ?? 0),
		swapTotal: values.get("SwapTotal") ?? 0,
		swapFree: values.get("SwapFree") ?? 0,
		vmallocTotal: values.get("VmallocTotal") ?? 0,
	};
}

/** A mount of the target (proc(5), /proc/[pid]/mountinfo). */
export interface Mount {
	readonly source: string;
	readonly target: string;
	readonly type: string;
	/** Options of this mount. */
	readonly options: readonly string[];
	/** Options of the file system behind it. */
	readonly superOptions: readonly string[];
	/** `major:minor` of the file system's device. */
	readonly device: string;
}

export function parseMountinfo(file: Uint8Array): Mount[] {
	const mounts: Mount[] = [];
	for (const line of text(file).split("\n")) {
		const [left, right] = line.split(" - ", 2);
		const before = left?.split(" ") ?? [];
		const after = right?.split(" ") ?? [];
		const [, , device, , target, options] = before;
		const [type, source, superOptions] = after;
		if (device === undefined || target === undefined || type === undefined) continue;
		mounts.push({
			source: unescapeOctal(source ?? "none"),
			target: unescapeOctal(target),
			type,
			options: options?.split(",") ?? [],
			superOptions: superOptions?.split(",") ?? [],
			device,
		});
	}
	return mounts;
}

/** Blanks, tabs, line feeds and backslashes stand as three octal digits there. */
function unescapeOctal(field: string): string {
	return field.replace(/\\([0-7]{3})/g, (_, octal: string) =>
		String.fromCharCode(Number.parseInt(octal, 8)),
	);
}

/** A swap area in use (proc(5), /proc/swaps). */
export interface Swap {
	readonly device: string;
	readonly type: string;
	readonly used: number;
}

export function parseSwaps(file: Uint8Array): Swap[] {
	return text(file)
		.split("\n")
		.slice(1)
		.flatMap((line) => {
			const [device, type, , used] = line.split(/\s+/);
			if (device === undefined || type === undefined || used === undefined) return [];
			return [{ device: unescapeOctal(device), type, used: Number(used) * 1024 }];
		});
}

/** Options of a kernel's configuration: `CONFIG_KEXEC_FILE` → `y`, `m`, a string or a number. Unset ones are absent. */
export function parseKernelConfig(file: Uint8Array): ReadonlyMap<string, string> {
	const options = new Map<string, string>();
	for (const match of text(file).matchAll(/^(CONFIG_\w+)=(.*)$/gm)) {
		options.set(match[1] ?? "", (match[2] ?? "").replace(/^"|"$/g, ""));
	}
	return options;
}

/** Consoles of the kernel that can be written (proc(5), /proc/consoles), the preferred one first. */
export function parseConsoles(file: Uint8Array): string[] {
	const consoles = text(file)
		.split("\n")
		.flatMap((line) => {
			const [, name, flags] = line.match(/^(\S+)\s+\S+\s+\(([^)]*)\)/) ?? [];
			return name === undefined ? [] : [{ name, preferred: flags?.includes("C") === true }];
		});
	return consoles.sort((a, b) => Number(b.preferred) - Number(a.preferred)).map(({ name }) => name);
}

/** The bracketed choice of a file such as /sys/kernel/security/lockdown: `none [integrity] confidentiality`. */
export function parseChoice(file: Uint8Array): string | undefined {
	return text(file).match(/\[(\w+)\]/)?.[1];
}

/** A field of /proc/[pid]/status, such as `CapEff`. */
export function statusField(file: Uint8Array, name: string): string | undefined {
	for (const line of text(file).split("\n")) {
		if (line.startsWith(`${name}:`)) return line.slice(name.length + 1).trim();
	}
	return undefined;
}

/** A line of /etc/passwd (passwd(5)). */
export interface User {
	readonly name: string;
	readonly uid: number;
	readonly gid: number;
	readonly home: string;
	readonly shell: string;
}

export function parsePasswd(file: Uint8Array): User[] {
	return text(file)
		.split("\n")
		.flatMap((line) => {
			const [name = "", , uid = "", gid = "", , home = "", shell = ""] = line.split(":");
			if (name === "" || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return [];
			return [{ name, uid: Number(uid), gid: Number(gid), home, shell }];
		});
}

/** Names of the groups that users belong to, by /etc/group (group(5)). */
export function groupsIn(file: Uint8Array): (user: User) => string[] {
	const byNumber = new Map<number, string[]>();
	const byMember = new Map<string, string[]>();
	const add = <K>(map: Map<K, string[]>, key: K, name: string): void => {
		const names = map.get(key);
		if (names) names.push(name);
		else map.set(key, [name]);
	};
	for (const line of text(file).split("\n")) {
		const [name = "", , gid = "", members = ""] = line.split(":");
		if (name === "") continue;
		add(byNumber, Number(gid), name);
		for (const member of members.split(",")) add(byMember, member, name);
	}
	return (user) => [
		...new Set([...(byNumber.get(user.gid) ?? []), ...(byMember.get(user.name) ?? [])]),
	];
}
