import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EkexecError } from "../bytes/index.ts";
import { unpackPackages } from "../debian/index.ts";
import type { BuildProgress } from "../image/index.ts";
import type { HostOptions } from "../rescue/index.ts";
import { type Connection, connect, noPrompt, run, waitForSsh } from "../ssh/index.ts";
import type { Drive, Nic, VmArchitecture } from "./arguments.ts";
import type { VmCode } from "./console.ts";
import { findQemu, qemuProgram, startVm, type Vm } from "./qemu.ts";
import { makeVictim, type Victim } from "./victim.ts";
import { errorBehaviour, type VictimSuite, victimNetwork } from "./victim-recipe.ts";

/** How to run QEMU: the system's, or Debian's out of the cache by its own loader. */
export async function qemuCommand(
	architecture: VmArchitecture,
	options: {
		readonly mirror?: string;
		readonly signal?: AbortSignal;
		readonly say?: (text: string) => void;
	} = {},
): Promise<{ readonly qemu: readonly string[] }> {
	const found = findQemu(architecture);
	if (found !== undefined) return { qemu: [found] };
	options.say?.("QEMU is not installed; taking it from Debian's packages into the cache");
	return { qemu: await packagedQemu(architecture, options) };
}

/** QEMU out of Debian's packages, run by its own loader, with libraries and firmware of its own. */
export async function packagedQemu(
	architecture: VmArchitecture,
	options: { readonly mirror?: string; readonly signal?: AbortSignal } = {},
): Promise<readonly string[]> {
	const roots = architecture === "amd64" ? ["qemu-system-x86", "seabios"] : ["qemu-system-arm"];
	const packages = await unpackPackages([...roots, "qemu-system-data", "ipxe-qemu"], {
		suite: "trixie",
		// What only windows and sound need. With wildcards care is called for: libgl* would be libglib, too.
		exclude: [
			"libgtk*",
			"libsdl*",
			"libspice*",
			"libvirglrenderer*",
			"libgl1*",
			"libglx*",
			"libglvnd*",
			"libgles*",
			"libcacard*",
			"libpulse*",
		],
		...(options.mirror === undefined ? {} : { mirror: options.mirror }),
		signal: options.signal,
	});
	const words = await packages.run(qemuProgram(architecture));
	return [
		...words,
		...["-L", packages.path("usr/share/qemu")],
		...["-L", packages.path("usr/share/seabios")],
	];
}

/** A victim that runs, and how to log in. */
export interface RunningVictim {
	readonly vm: Vm;
	/** Port of the host's loopback that leads to its sshd. */
	readonly port: number;
	readonly victim: Victim;
	/** Options of a login as root, with known hosts of its own. */
	readonly login: HostOptions["connect"];
	/** Folder of this run, removed with it. */
	readonly folder: string;
	stop(): Promise<void>;
}

export interface StartVictimOptions {
	readonly suite: VictimSuite;
	/** MiB; 2048 unless told. */
	readonly memory?: number;
	readonly mirror?: string;
	readonly signal?: AbortSignal;
	readonly say?: (text: string) => void;
	readonly progress?: (progress: BuildProgress) => void;
	/** Words added to the victim's kernel command line. */
	readonly commandLine?: string;
	/** Makes the disk to start with out of the victim's; without it, what the victim writes is thrown away. */
	readonly drive?: (disk: string, folder: string) => Promise<Drive>;
	/** Further network cards. */
	readonly nics?: readonly Nic[];
	/** Name of a snapshot within the disk to go on from, instead of booting. */
	readonly snapshot?: string;
	/**
	 * Words in front of programs that makes them run in another network namespace: QEMU lives there, and logins start
	 * from there.
	 */
	readonly within?: readonly string[];
}

/** Joins standard streams with a TCP connection: the end of a login within another namespace. */
const dial =
	'const s=require("net").connect(%p,"%h");process.stdin.pipe(s).pipe(process.stdout);s.on("close",()=>process.exit())';

/** Milliseconds that a victim may take to its first login under software emulation on a busy machine. */
const bootWithin = 600_000;

/** Makes a victim, starts it and waits for its sshd. */
export async function startVictim(options: StartVictimOptions): Promise<RunningVictim> {
	const { signal, say } = options;
	const victim = await makeVictim(options);
	const { qemu } = await qemuCommand("amd64", options);
	const folder = await mkdtemp(join(tmpdir(), "ekexec-vm-"));
	const { address, gateway, nameserver, mac } = victimNetwork;
	const network = `net=192.0.2.0/24,host=${gateway},dns=${nameserver},ipv4=on,ipv6=on,ipv6-net=2001:db8:1::/64,ipv6-host=${victimNetwork.gateway6}`;
	say?.("starting the victim");
	const within = options.within ?? [];
	const start = async (): Promise<Vm> => {
		const drive = (await options.drive?.(victim.disk, folder)) ?? {
			file: victim.disk,
			format: "raw",
			throwaway: true,
		};
		return startVm({
			qemu: [...within, ...qemu],
			memory: options.memory ?? 2048,
			cpus: 2,
			kernel: victim.kernel,
			initrd: victim.initrd,
			cmdline: `${victim.commandLine} ${options.commandLine ?? ""}`.trim(),
			drives: [drive],
			nics: [
				{ mac, backend: { forward: [{ port: 22, address }], options: network } },
				...(options.nics ?? []),
			],
			...(options.snapshot === undefined ? {} : { snapshot: options.snapshot }),
			...(signal ? { signal } : {}),
		});
	};
	const vm = await start().catch(async (error: unknown) => {
		await rm(folder, { recursive: true, force: true });
		throw error;
	});
	const stop = async (): Promise<void> => {
		await vm.stop();
		await rm(folder, { recursive: true, force: true });
	};
	try {
		const port = await vm.forwarded(22);
		const settings = [
			`UserKnownHostsFile=${join(folder, "known_hosts")}`,
			"GlobalKnownHostsFile=/dev/null",
			"StrictHostKeyChecking=accept-new",
			"IdentitiesOnly=yes",
			"IdentityAgent=none",
		];
		if (within.length > 0) {
			settings.push(`ProxyCommand=${[...within, process.execPath].join(" ")} -e '${dial}'`);
		}
		// No configuration of this machine's user has a say in it.
		const configFile = join(folder, "ssh_config");
		await writeFile(configFile, "");
		const login = { port, configFile, identities: [victim.keyFile], settings, prompt: noPrompt };
		const running: RunningVictim = { vm, port, victim, login, folder, stop };
		await (await firstLogin(running, signal)).close();
		return running;
	} catch (error) {
		const console = vm.console.tail();
		await stop();
		const said = (await vm.exited).trim();
		throw error instanceof EkexecError
			? error.with({
					found: `${said === "" ? "" : `QEMU says: ${said}\n`}on its console:\n${console}`,
				})
			: error;
	}
}

async function firstLogin(running: RunningVictim, signal?: AbortSignal): Promise<Connection> {
	const until = Date.now() + bootWithin;
	for (;;) {
		try {
			return await connect("root@127.0.0.1", { ...running.login, ...(signal ? { signal } : {}) });
		} catch (error) {
			signal?.throwIfAborted();
			if (Date.now() > until) throw error;
			await new Promise((resolve) => setTimeout(resolve, 1000));
		}
	}
}

/** Breaks a victim for real: the kernel finds its root file system in error and makes it read-only. */
export async function breakRoot(running: RunningVictim): Promise<string> {
	const connection = await connect("root@127.0.0.1", running.login);
	try {
		const trigger = "/sys/fs/ext4/vda/trigger_fs_error";
		await run(connection, ["tee", trigger], { input: once("broken by the demo\n") });
		if (errorBehaviour(running.victim.suite) === "continue") {
			await run(connection, ["tee", "/proc/sysrq-trigger"], { input: once("u") });
			// Such a remount leaves the structure as it should be: something has to be wrong that can be repaired.
			const words = ["debugfs", "-w", "-f", "/dev/stdin", "/dev/vda"];
			await run(connection, words, { input: once("set_super_value free_blocks_count 1\n") });
		}
		const answer = await run(connection, ["touch", "/root/still-writable"]);
		if (answer.code === 0) {
			throw new EkexecError<VmCode>("failed", "VM_VICTIM", "the victim's root is still writable");
		}
		return answer.talk.trim();
	} finally {
		await connection.close();
	}
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
	yield new TextEncoder().encode(text);
}

/** What the demo shows after the jump. */
export interface Repair {
	/** `findmnt` of the disk: empty where it is not mounted. */
	readonly mounted: string;
	/** What e2fsck said. */
	readonly check: string;
	/** Exit code of e2fsck: 1 means that errors were corrected. */
	readonly code: number | undefined;
	readonly addresses: string;
	readonly routes: string;
}

/** From inside the rescue system: nothing is mounted, and the file system can be checked and repaired. */
export async function repairRoot(
	running: RunningVictim,
	expect: Connection["hostKey"],
): Promise<Repair> {
	const connection = await waitForSsh("root@127.0.0.1", {
		...running.login,
		expectHostKey: expect,
		deadline: 60_000,
	});
	try {
		const said = async (...words: string[]): Promise<string> =>
			(await run(connection, words)).text.trim();
		const mounted = await said("findmnt", "--noheadings", "--source", "/dev/vda");
		const check = await run(connection, ["e2fsck", "-f", "-y", "/dev/vda"], { deadline: 180_000 });
		return {
			mounted,
			check: check.text.trim(),
			code: check.code,
			addresses: await said("ip", "-brief", "address"),
			routes: await said("ip", "route"),
		};
	} finally {
		await connection.close();
	}
}
