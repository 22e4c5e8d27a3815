import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { HelperClient, helperFile, helperStream } from "../../../src/kexec/index.ts";

/** Path of the helper that runs on this machine, or undefined. */
export const ownHelper: string | undefined =
	process.platform === "linux" && (process.arch === "x64" || process.arch === "arm64")
		? fileURLToPath(helperFile(process.arch === "x64" ? "x86_64" : "aarch64"))
		: undefined;

/** Numbers of system calls here, for `under`. */
export const calls: Readonly<Record<string, number>> =
	process.arch === "arm64"
		? {
				kexec_load: 104,
				kexec_file_load: 294,
				memfd_create: 279,
				ftruncate: 46,
				fallocate: 47,
				openat: 56,
				fstat: 80,
				faccessat: 48,
				ppoll: 73,
				statfs: 43,
				reboot: 142,
				sendmsg: 211,
			}
		: {
				kexec_load: 246,
				kexec_file_load: 320,
				memfd_create: 319,
				ftruncate: 77,
				fallocate: 285,
				openat: 257,
				fstat: 5,
				faccessat: 269,
				ppoll: 271,
				statfs: 137,
				reboot: 169,
				sendmsg: 46,
			};

/** A helper that runs as a child. */
export interface Child {
	readonly process: ChildProcess;
	/** Exit code, or the signal's name. */
	readonly ended: Promise<number | string>;
	client(options?: { token?: string }): Promise<HelperClient>;
	/** Raw bytes to it; then the end of its input. */
	feed(bytes: Uint8Array): Promise<void>;
	/** All that it said, once it has ended. */
	readonly output: Promise<Uint8Array>;
}

export function startChild(
	argv: readonly string[],
	options: { readonly uid?: number; readonly collect?: boolean } = {},
): Child {
	const [program = "", ...words] = argv;
	const { uid } = options;
	const child = spawn(program, words, {
		stdio: "pipe",
		...(uid === undefined ? {} : { uid, gid: uid }),
	});
	const ended = new Promise<number | string>((resolve) => {
		child.on("error", (error) => resolve(String(error)));
		child.on("close", (code, signal) => resolve(code ?? signal ?? ""));
	});
	child.stdin.on("error", () => {});
	const output =
		options.collect === true
			? (async () => {
					const parts: Uint8Array[] = [];
					for await (const part of child.stdout) parts.push(part as Uint8Array);
					return new Uint8Array(Buffer.concat(parts));
				})()
			: Promise.resolve(new Uint8Array());
	return {
		process: child,
		ended,
		output,
		client: (more = {}) =>
			HelperClient.open(
				helperStream({
					stdin: child.stdin,
					stdout: child.stdout,
					stderr: child.stderr,
					exit: ended.then((code) => (typeof code === "number" ? code : undefined)),
				}),
				more,
			),
		async feed(bytes) {
			await new Promise<void>((resolve) => child.stdin.end(bytes, () => resolve()));
		},
	};
}
