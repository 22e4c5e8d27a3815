import type { Duplex } from "node:stream";
import { EkexecError } from "../bytes/index.ts";
import type { VmCode } from "./console.ts";

/** An asynchronous message of the machine, such as `SHUTDOWN`, `RESET` or `GUEST_PANICKED`. */
export interface QmpEvent {
	readonly event: string;
	readonly data?: unknown;
}

interface Reply {
	readonly return?: unknown;
	readonly error?: { readonly class: string; readonly desc: string };
	readonly id?: number;
	readonly event?: string;
	readonly data?: unknown;
}

/** A line that is longer than this is no answer of QEMU's. */
const longestLine = 16 * 1024 * 1024;

/** Client of the QEMU Machine Protocol (QEMU, docs/interop/qmp-spec.rst): JSON lines over a socket. */
export class Qmp {
	readonly #socket: Duplex;
	readonly #pending = new Map<
		number,
		{ resolve(value: unknown): void; reject(error: unknown): void }
	>();
	readonly #onEvent: (event: QmpEvent) => void;
	#next = 1;
	#closed = false;
	#buffer = "";

	constructor(socket: Duplex, onEvent: (event: QmpEvent) => void) {
		this.#socket = socket;
		this.#onEvent = onEvent;
		socket.setEncoding("utf8");
		socket.on("data", (chunk: string) => this.#take(chunk));
		socket.on("error", () => this.close());
		socket.on("close", () => this.close());
	}

	/** Leaves the greeting's capability negotiation; needed before any other command. */
	async negotiate(): Promise<void> {
		await this.execute("qmp_capabilities");
	}

	/** @throws VM_QMP with QEMU's own words when it refuses, or when the machine has ended. */
	execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
		if (this.#closed) return Promise.reject(gone());
		const id = this.#next++;
		return new Promise((resolve, reject) => {
			this.#pending.set(id, { resolve, reject });
			this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
		});
	}

	/** A command of the human monitor; returns what it prints. */
	async monitor(line: string): Promise<string> {
		return String(await this.execute("human-monitor-command", { "command-line": line }));
	}

	close(): void {
		if (this.#closed) return;
		this.#closed = true;
		for (const { reject } of this.#pending.values()) reject(gone());
		this.#pending.clear();
	}

	#take(chunk: string): void {
		this.#buffer += chunk;
		if (this.#buffer.length > longestLine) this.#socket.destroy();
		for (;;) {
			const end = this.#buffer.indexOf("\n");
			if (end < 0) return;
			const line = this.#buffer.slice(0, end);
			this.#buffer = this.#buffer.slice(end + 1);
			if (line.trim() !== "") this.#dispatch(JSON.parse(line) as Reply);
		}
	}

	#dispatch(reply: Reply): void {
		if (reply.event !== undefined) {
			this.#onEvent({ event: reply.event, data: reply.data });
			return;
		}
		const waiting = reply.id === undefined ? undefined : this.#pending.get(reply.id);
		if (reply.id === undefined || !waiting) return;
		this.#pending.delete(reply.id);
		if (reply.error) {
			const { desc, class: field } = reply.error;
			waiting.reject(new EkexecError<VmCode>("failed", "VM_QMP", desc, { field }));
		} else waiting.resolve(reply.return);
	}
}

function gone(): EkexecError<VmCode> {
	return new EkexecError("failed", "VM_QMP", "the virtual machine ended before it answered");
}
