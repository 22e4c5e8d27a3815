// A helper in memory, for tests of whatever talks to one: it keeps the contract and lets the test be the target.
import { concat, struct, text, u32, u64, utf8 } from "../bytes/index.ts";
import {
	encodeFrame,
	type Frame,
	frameType,
	type Item,
	operations,
	preamble,
	type Source,
	type State,
} from "./contract.ts";
import type { HelperStream } from "./stream.ts";
import { FrameReader } from "./wire.ts";

/** What a fake answers to one source. */
export interface FakeAnswer {
	readonly items?: readonly (Partial<Omit<Item, "path">> & {
		readonly path?: string | Uint8Array;
	})[];
	readonly errno?: number;
	readonly state?: State;
}

/** The target that a fake helper pretends to be on. */
export interface FakeTarget {
	/** `x86_64` unless told. */
	readonly arch?: string;
	/** Effective user id; 0 unless told. */
	readonly uid?: number;
	/** What a login shell prints first. */
	readonly noise?: string;
	/** Answers a source; nothing found unless told. */
	answer?(source: Source): FakeAnswer;
	/** Content of a splice, or an errno; ENOENT unless told. */
	splice?(path: string): Uint8Array | number;
	/** errno of the two calls, or what gives one each time; 0 (worked) unless told. */
	readonly fileLoad?: number | (() => number);
	readonly load?: number | (() => number);
}

const states: readonly State[] = ["whole", "cut", "timed-out", "refused", "unstable"];
const itemHead = struct("item", { errno: u32, state: u32, size: u64 });
const endLayout = struct("end", { errno: u32, state: u32 });

interface FakePart {
	readonly file: number;
	readonly offset: number;
	readonly size: number;
	received: number;
}

/** The fake: give `stream` to `HelperClient.open`, then look at what happened. Digests are not checked. */
export class FakeHelper {
	readonly stream: HelperStream;
	/** Bytes of the staged files by number. */
	readonly files: Map<number, Uint8Array> = new Map();
	sealed = false;
	/** Command line of the last load by kexec_file_load. */
	commandLine: string | undefined;
	/** What is loaded now. */
	loaded: "kexec_file_load" | "kexec_load" | undefined;
	/** How the conversation ended. */
	outcome: "open" | "aborted" | "gone" | "left" = "open";
	readonly #target: FakeTarget;
	readonly #out: Uint8Array[] = [];
	readonly #parts = new Map<number, FakePart>();
	readonly #sources: { tag: number; source: Source }[] = [];
	#wake: (() => void) | undefined;
	#over = false;

	constructor(target: FakeTarget = {}) {
		this.#target = target;
		const reader = new FrameReader();
		reader.push(preamble);
		let code: (value: number) => void = () => {};
		const exit = new Promise<number>((resolve) => {
			code = resolve;
		});
		const finish = () => {
			if (this.#over) return;
			this.#over = true;
			if (this.outcome !== "gone") this.loaded = undefined;
			code(this.outcome === "open" ? 4 : 0);
			if (this.outcome === "open") this.outcome = "left";
			this.#wake?.();
		};
		this.stream = {
			output: this.#output(),
			write: async (bytes) => {
				reader.push(bytes);
				for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
					this.#take(frame);
				}
				if (this.outcome === "aborted") finish();
			},
			end: finish,
			destroy: finish,
			exit,
		};
		this.#out.push(utf8(target.noise ?? ""), preamble);
		this.#json(frameType.hello, {
			contract: preamble.at(-1),
			arch: target.arch ?? "x86_64",
			command: "run",
			resumed: false,
			pid: 1,
			uid: target.uid ?? 0,
		});
	}

	async *#output(): AsyncGenerator<Uint8Array> {
		for (;;) {
			const chunk = this.#out.shift();
			if (chunk !== undefined) yield chunk;
			else if (this.#over) return;
			else {
				await new Promise<void>((resolve) => {
					this.#wake = resolve;
				});
			}
		}
	}

	#send(type: number, tag: number, payload: Uint8Array): void {
		this.#out.push(encodeFrame(type, tag, payload));
		this.#wake?.();
	}

	#json(type: number, value: object): void {
		this.#send(type, 0, utf8(`${JSON.stringify(value)}\n`));
	}

	#event(event: string, more: object = {}): void {
		this.#json(frameType.event, { event, ...more });
	}

	#error(code: string, at: string, errno: number, more: object = {}): void {
		this.#event("error", { code, at, errno, ...more });
	}

	#take({ type, tag, payload }: Frame): void {
		const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
		switch (type) {
			case frameType.source:
				this.#sources.push({ tag, source: sourceOf(payload) });
				break;
			case frameType.probe:
				this.#probe();
				break;
			case frameType.keep:
				this.#event("keeping", { seconds: view.getUint32(0, true), token: "0".repeat(64) });
				break;
			case frameType.file: {
				const size = Number(view.getBigUint64(0, true));
				this.files.set(tag, new Uint8Array(size));
				for (const [number, part] of this.#parts) if (part.file === tag) this.#parts.delete(number);
				this.#event("file", { file: tag, size, locked: true });
				break;
			}
			case frameType.part:
				this.#part(tag, payload, view);
				break;
			case frameType.data:
				this.#data(tag, payload);
				break;
			case frameType.seal:
				this.sealed = true;
				this.#event("sealed");
				break;
			case frameType.loadFile:
				this.commandLine = text(payload.subarray(4, -1));
				this.#load("kexec_file_load", this.#target.fileLoad ?? 0);
				break;
			case frameType.loadSegments:
				this.#load("kexec_load", this.#target.load ?? 0);
				break;
			case frameType.unload:
				this.loaded = undefined;
				this.#event("unloaded", { kexec_loaded: 0 });
				break;
			case frameType.go:
				if (this.loaded === undefined) this.#error("ORDER", "go", 0);
				else {
					this.outcome = "gone";
					this.#event("going");
				}
				break;
			case frameType.abort:
				this.loaded = undefined;
				this.outcome = "aborted";
				this.#event("aborted", { kexec_loaded: 0 });
				break;
			case frameType.alive:
				if (tag !== 0) this.#event("alive", { tag });
				break;
		}
	}

	#probe(): void {
		for (const { tag, source } of this.#sources.splice(0)) {
			const { items = [], errno = 0, state = "whole" } = this.#target.answer?.(source) ?? {};
			for (const item of items) {
				const path =
					typeof item.path === "string" ? utf8(item.path) : (item.path ?? new Uint8Array());
				const bytes = item.bytes ?? new Uint8Array();
				const head = itemHead.write({
					errno: item.errno ?? 0,
					state: states.indexOf(item.state ?? "whole"),
					size: BigInt(item.size ?? bytes.length),
				});
				this.#send(frameType.item, tag, concat([head, path]));
				for (let at = 0; at < bytes.length; at += 32_768) {
					this.#send(frameType.bytes, tag, bytes.subarray(at, at + 32_768));
				}
			}
			this.#send(frameType.end, tag, endLayout.write({ errno, state: states.indexOf(state) }));
		}
		this.#event("probed", { sources: 0, abandoned: 0 });
	}

	#part(number: number, payload: Uint8Array, view: DataView): void {
		const part = {
			file: view.getUint8(0),
			offset: Number(view.getBigUint64(8, true)),
			size: Number(view.getBigUint64(16, true)),
			received: 0,
		};
		const splice = view.getUint8(1) === 2;
		const content = splice
			? (this.#target.splice?.(text(payload.subarray(56))) ?? 2)
			: new Uint8Array();
		if (typeof content === "number") {
			this.#error("SPLICE", "splice", content, { part: number });
			return;
		}
		if (splice && content.length !== part.size) {
			const code = content.length < part.size ? "SPLICE_SHORTER" : "SPLICE_LONGER";
			this.#error(code, "splice", 0, { part: number });
			return;
		}
		this.#parts.set(number, part);
		if (splice) this.#data(number, content);
		else if (part.size === 0) this.#event("part", { part: number, size: 0 });
	}

	#data(number: number, bytes: Uint8Array): void {
		const part = this.#parts.get(number);
		const file = part === undefined ? undefined : this.files.get(part.file);
		if (part === undefined || file === undefined) {
			this.#error("ORDER", "data", 0, { part: number });
			return;
		}
		file.set(bytes, part.offset + part.received);
		part.received += bytes.length;
		if (part.received === part.size) this.#event("part", { part: number, size: part.size });
	}

	#load(method: "kexec_file_load" | "kexec_load", answer: number | (() => number)): void {
		const errno = typeof answer === "number" ? answer : answer();
		if (errno !== 0) this.#error("LOAD", method, errno);
		else {
			this.loaded = method;
			this.#event("loaded", { method, kexec_loaded: 1 });
		}
	}
}

function sourceOf(payload: Uint8Array): Source {
	const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
	return {
		op: operations[view.getUint8(0)] ?? "system",
		flags: view.getUint8(1),
		items: view.getUint16(2, true),
		deadline: view.getUint32(4, true),
		cap: view.getUint32(8, true),
		argument: payload.slice(12),
	};
}
