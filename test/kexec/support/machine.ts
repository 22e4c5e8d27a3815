import { readFileSync, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { utf8 } from "../../../src/bytes/index.ts";
import { type CpioEntry, packCpio, writeCpio } from "../../../src/cpio/index.ts";
import {
	type HelperArch,
	HelperClient,
	type HelperStream,
	helperFile,
	type StagedFile,
	type StagedPart,
} from "../../../src/kexec/index.ts";
import { startVm, type Vm, type VmOptions } from "../../../src/vm/index.ts";
import { buildProgram } from "./build.ts";

/** A path of the target, as the content of a file in an initrd. */
export interface TargetFile {
	readonly path: string;
}

/** The initrd of the next kernel: literal bytes, and files of the target that the helper splices in. */
export function spliceInitrd(entries: readonly CpioEntry<TargetFile>[]): StagedFile {
	const parts: StagedPart[] = [];
	let offset = 0;
	for (const chunk of writeCpio(entries)) {
		if (chunk instanceof Uint8Array) {
			parts.push({ offset, size: chunk.length, bytes: chunk.slice() });
			offset += chunk.length;
		} else {
			parts.push({ offset, size: chunk.size, splice: utf8(chunk.ref.path), deadline: 60_000 });
			offset += chunk.size;
		}
	}
	return { file: 1, size: offset, parts };
}

/** A kernel that lies on the target. */
export function spliceKernel(path: string, size: number): StagedFile {
	return { file: 0, size, parts: [{ offset: 0, size, splice: utf8(path), deadline: 60_000 }] };
}

/** The second serial port as the stream of one conversation after another; none of them ends it. */
class Line {
	readonly #socket: Socket;
	#chunks: Uint8Array[] = [];
	#wake: (() => void) | undefined;
	#closed = false;

	constructor(socket: Socket) {
		this.#socket = socket;
		socket.on("data", (chunk) => {
			this.#chunks.push(chunk);
			this.#wake?.();
		});
		socket.on("error", () => {});
		socket.on("close", () => {
			this.#closed = true;
			this.#wake?.();
		});
	}

	stream(): HelperStream {
		let over = false;
		const take = async function* (line: Line): AsyncGenerator<Uint8Array> {
			while (!over) {
				const chunk = line.#chunks.shift();
				if (chunk !== undefined) yield chunk;
				else if (line.#closed) return;
				else await new Promise<void>((resolve) => (line.#wake = resolve));
			}
		};
		const stop = () => {
			over = true;
			this.#wake?.();
		};
		return {
			output: take(this),
			write: (bytes) =>
				new Promise((resolve, reject) => {
					this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()));
				}),
			end: stop,
			destroy: stop,
			exit: Promise.resolve(undefined),
		};
	}
}

export interface Machine {
	readonly vm: Vm;
	/** A conversation with the helper of the kernel that runs now. */
	talk(): Promise<HelperClient>;
	stop(): Promise<void>;
}

/** Contents every initrd of these tests has. `init` and `helper` are bytes, or paths of the target. */
export function userland(
	marker: string,
	init: CpioEntry<TargetFile> & { kind: "file" },
	helper: CpioEntry<TargetFile> & { kind: "file" },
): CpioEntry<TargetFile>[] {
	return [
		{ ...init, name: "init", mode: 0o755 },
		{ ...helper, name: "helper", mode: 0o755 },
		{ kind: "file", name: "marker", content: marker },
	];
}

/** The test's init for an architecture. */
export async function buildInit(arch: HelperArch): Promise<Uint8Array> {
	const folder = await mkdtemp(join(tmpdir(), "ekexec-init-"));
	try {
		buildProgram("init", arch, join(folder, "init"));
		return new Uint8Array(readFileSync(join(folder, "init")));
	} finally {
		await rm(folder, { recursive: true });
	}
}

export function helperBytes(arch: HelperArch): Uint8Array {
	return new Uint8Array(readFileSync(helperFile(arch)));
}

/** Boots a machine whose init lets the helper talk on a serial port. `serial` are QEMU's words for that port. */
export async function startMachine(
	options: Omit<VmOptions, "initrd" | "extra"> & { readonly serial: readonly string[] },
	entries: readonly CpioEntry<never>[],
): Promise<Machine> {
	const folder = await mkdtemp(join(tmpdir(), "ekexec-jump-"));
	const initrd = join(folder, "initrd");
	await writeFile(initrd, packCpio(entries));
	const port = join(folder, "talk");
	const { serial, ...rest } = options;
	const extra = ["-chardev", `socket,id=talk,path=${port},server=on,wait=off`, ...serial];
	const vm = await startVm({ ...rest, initrd, extra });
	const socket = connect(port);
	const line = new Line(socket);
	return {
		vm,
		talk: () => HelperClient.open(line.stream(), { timeout: 300_000 }),
		async stop() {
			socket.destroy();
			await vm.stop();
			await rm(folder, { recursive: true, force: true });
		},
	};
}

export const sizeOf = (path: string): number => statSync(path).size;
