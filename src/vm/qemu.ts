import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { Duplex, Readable, Writable } from "node:stream";
import { EkexecError } from "../bytes/index.ts";
import { qemuArguments, type VmArchitecture, type VmOptions } from "./arguments.ts";
import { Console, type VmCode } from "./console.ts";
import { Qmp, type QmpEvent } from "./qmp.ts";

/** How long QEMU has to answer on its control socket, and to quit. Milliseconds; the guest's own time does not count. */
const patience = 30_000;

/** Name of the program that emulates an architecture. */
export function qemuProgram(architecture: VmArchitecture): string {
	return architecture === "amd64" ? "qemu-system-x86_64" : "qemu-system-aarch64";
}

/** Path of QEMU on PATH, or undefined. */
export function findQemu(architecture: VmArchitecture): string | undefined {
	for (const folder of (process.env.PATH ?? "").split(delimiter)) {
		const path = join(folder, qemuProgram(architecture));
		try {
			accessSync(path, constants.X_OK);
			return path;
		} catch {
			// Next folder.
		}
	}
	return undefined;
}

/** A running virtual machine under software emulation (TCG). */
export class Vm {
	readonly console: Console;
	readonly qmp: Qmp;
	/** Events of the machine so far. */
	readonly events: QmpEvent[] = [];
	/** Resolves when QEMU has ended, with what it wrote to stderr. */
	readonly exited: Promise<string>;
	readonly #child: ReturnType<typeof spawn>;

	/** @internal {@link startVm} makes one that answers. */
	constructor(argv: readonly string[], env: Readonly<Record<string, string>> | undefined) {
		const [program = "", ...args] = argv;
		// Node makes "pipe" a socket pair: descriptor 3 is QEMU's control socket, without a name that could collide.
		const child = spawn(program, args, {
			stdio: ["pipe", "pipe", "pipe", "pipe"],
			env: env ? { ...process.env, ...env } : process.env,
		});
		this.#child = child;
		this.console = new Console(child.stdout as Readable, child.stdin as Writable);
		this.qmp = new Qmp(child.stdio[3] as Duplex, (event) => this.events.push(event));
		// A test or a demo that dies must not leave its machines behind.
		const killAtExit = (): void => void child.kill("SIGKILL");
		process.once("exit", killAtExit);
		let complaint = "";
		child.stderr?.setEncoding("utf8");
		child.stderr?.on("data", (chunk: string) => {
			complaint = (complaint + chunk).slice(-16_384);
		});
		this.exited = new Promise((resolve) => {
			const ended = (how: string): void => {
				process.removeListener("exit", killAtExit);
				this.console.end(complaint === "" ? how : `${how}: ${complaint.trim()}`);
				this.qmp.close();
				resolve(complaint);
			};
			child.once("error", (error) => {
				complaint += error.message;
				ended("could not be started");
			});
			child.once("close", (code, signal) => {
				ended(signal === null ? `exit code ${code}` : `signal ${signal}`);
			});
		});
	}

	get pid(): number | undefined {
		return this.#child.pid;
	}

	/**
	 * Port of the host's loopback that leads to `port` of the guest.
	 * @throws VM_NO_PORT if it is not forwarded
	 */
	async forwarded(port: number): Promise<number> {
		const found = await this.qmp.monitor("info usernet");
		for (const line of found.split("\n")) {
			const match = line.match(/TCP\[HOST_FORWARD\]\s+\S+\s+\S+\s+(\d+)\s+\S+\s+(\d+)/);
			if (match && Number(match[2]) === port) return Number(match[1]);
		}
		const summary = `port ${port} of the guest is not forwarded`;
		throw new EkexecError<VmCode>("bug", "VM_NO_PORT", summary, { found });
	}

	/** Saves disks and memory under a name within the qcow2 disk; the guest goes on. */
	async save(name: string): Promise<void> {
		await this.#snapshot(`savevm ${name}`);
	}

	/** Goes back to a saved state. */
	async load(name: string): Promise<void> {
		await this.#snapshot(`loadvm ${name}`);
		await this.qmp.execute("cont");
	}

	async #snapshot(line: string): Promise<void> {
		// The monitor reports failure only by printing something.
		const answer = (await this.qmp.monitor(line)).trim();
		if (answer !== "") throw new EkexecError<VmCode>("failed", "VM_QMP", `${line}: ${answer}`);
	}

	/** Ends the machine at once, as by pulling its plug, and waits until QEMU is gone. */
	async stop(): Promise<void> {
		this.#child.kill("SIGTERM");
		const timer = setTimeout(() => this.#child.kill("SIGKILL"), patience);
		await this.exited;
		clearTimeout(timer);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.stop();
	}
}

/**
 * Starts a virtual machine and returns once QEMU answers; the guest has only begun to boot.
 * @throws VM_NO_QEMU, VM_START
 */
export async function startVm(options: VmOptions): Promise<Vm> {
	options.signal?.throwIfAborted();
	const architecture = options.architecture ?? "amd64";
	const found = findQemu(architecture);
	const qemu = options.qemu ?? (found === undefined ? undefined : [found]);
	if (!qemu) {
		throw new EkexecError<VmCode>("failed", "VM_NO_QEMU", "QEMU was not found", {
			expected: `${qemuProgram(architecture)} on PATH`,
			remedy: "Install QEMU, or let ekexec demo fetch it into its cache.",
		});
	}
	const vm = new Vm([...qemu, ...qemuArguments(options)], options.env);
	const stop = (): void => void vm.stop();
	options.signal?.addEventListener("abort", stop, { once: true });
	void vm.exited.then(() => options.signal?.removeEventListener("abort", stop));
	const timer = setTimeout(stop, patience);
	try {
		await vm.qmp.negotiate();
	} catch (cause) {
		const found = (await vm.exited).trim();
		const where = qemu.join(" ");
		throw new EkexecError<VmCode>("failed", "VM_START", "QEMU did not start", {
			where,
			found,
			cause,
		});
	} finally {
		clearTimeout(timer);
	}
	return vm;
}
