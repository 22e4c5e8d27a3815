// The operator's end of the conversation with the helper.
import { setTimeout as sleep } from "node:timers/promises";
import { EkexecError } from "../bytes/index.ts";
import { Connection, type StepOptions, unexpected } from "./connection.ts";
import {
	type Answer,
	badFrame,
	decodeEvent,
	decodeHello,
	type Event,
	encodeFrame,
	frameType,
	type Hello,
	type HelperCode,
	type LoadMethod,
	type Source,
} from "./contract.ts";
import { complaintOf, explain } from "./explain.ts";
import { encodeGo, type GoOptions } from "./go.ts";
import { encodeLoadFile, encodeSegments, type LoadFile, type LoadSegments } from "./load.ts";
import { batches, probeSources } from "./probe.ts";
import { type Resumed, type StageOptions, stageFiles } from "./stage.ts";
import type { StagedFile } from "./staging.ts";
import type { HelperStream } from "./stream.ts";

/** Defaults of the deadlines, in milliseconds. */
const defaults = {
	/** A slow login shell, sudo, a loaded machine. */
	greeting: 30_000,
	/** All sources together; each has its own, shorter one on the target. */
	probe: 180_000,
	/** Without any sign from the helper while bytes are sent. */
	stage: 120_000,
	/** Copying and checking signatures of a large initrd on a small machine. */
	load: 180_000,
	step: 30_000,
} as const;

const ebusy = 16;
/** How often a load is tried while another one is going on, and milliseconds between. */
const busyAttempts = 5;
const busyPause = 500;

/**
 * One conversation with a helper. Steps run one after another. Any error ends the conversation:
 * the helper then unloads, drops what was staged and leaves, unless it was told to keep it.
 */
export class HelperClient {
	readonly hello: Hello;
	/** What the login shell printed before the helper's first word. */
	readonly noise: string;
	readonly #stream: HelperStream;
	readonly #connection: Connection;
	/** Parts numbered so far. */
	#parts = 0;
	#tag = 0;

	private constructor(stream: HelperStream, connection: Connection, hello: Hello) {
		this.#stream = stream;
		this.#connection = connection;
		this.hello = hello;
		this.noise = connection.reader.noise;
	}

	/** Waits for the helper's greeting. Throws `HELPER_SILENT`, `HELPER_VERSION`, `HELPER_ENDED`, `HELPER_TIMEOUT`. */
	static async open(
		stream: HelperStream,
		options: StepOptions & { readonly token?: string } = {},
	): Promise<HelperClient> {
		const connection = new Connection(stream);
		if (options.token !== undefined) {
			await connection.send(encodeFrame(frameType.token, 0, parseToken(options.token)));
		}
		const frame = await connection.wait(
			"greeting",
			{ timeout: defaults.greeting, ...options },
			(candidate) => (candidate.type === frameType.hello ? candidate : undefined),
		);
		const client = new HelperClient(stream, connection, decodeHello(frame.payload));
		if (options.token !== undefined && !client.hello.resumed) {
			// Nobody keeps anything under this token: the helper says so next.
			await client.#event("resume", options, defaults.step, () => undefined);
		}
		return client;
	}

	/** After `open` with a token: what the keeper still holds. */
	async resumed(options: StepOptions = {}): Promise<Resumed> {
		const parts = new Map<number, { received: number; whole: boolean }>();
		const files = new Map<number, number>();
		return await this.#event("resume", options, defaults.step, (event) => {
			if (event.event === "held") files.set(event.file, event.size);
			if (event.event === "state")
				parts.set(event.part, { received: event.received, whole: event.whole });
			return event.event === "resumed"
				? { files, parts, sealed: event.sealed, loaded: event.loaded }
				: undefined;
		});
	}

	/** Reads all sources on the target, in one round trip. Answers come in the order of the sources. */
	async probe(sources: readonly Source[], options: StepOptions = {}): Promise<Answer[]> {
		const answers: Answer[] = [];
		for (const batch of batches(sources)) {
			const step = { timeout: defaults.probe, ...options };
			for (const answer of await probeSources(this.#connection, batch, step)) answers.push(answer);
		}
		return answers;
	}

	/** From now on the helper waits `seconds` for another connection where this one is lost. Answers the token for it. */
	async keep(seconds: number, options: StepOptions = {}): Promise<string> {
		const payload = new Uint8Array(4);
		new DataView(payload.buffer).setUint32(0, seconds, true);
		return await this.#ask(
			encodeFrame(frameType.keep, 0, payload),
			"keep",
			options,
			defaults.step,
			(event) => {
				if (event.event !== "keeping") return undefined;
				if (!tokenPattern.test(event.token)) {
					throw badFrame("token", "64 hex digits", event.token);
				}
				return event.token;
			},
		);
	}

	/**
	 * Brings files into the target's memory. Parts are numbered over all
	 * files in their order. Throws `HELPER_DIGEST`, `HELPER_SPLICE`, `HELPER_SYSTEM` (no memory, for example).
	 */
	async stage(files: readonly StagedFile[], options: StageOptions = {}): Promise<void> {
		const first = options.firstPart ?? this.#parts;
		this.#parts = first + files.reduce((sum, file) => sum + file.parts.length, 0);
		try {
			await stageFiles(this.#connection, files, first, { timeout: defaults.stage, ...options });
		} catch (error) {
			// What was already on its way is still answered; the next step must not take that for its own.
			await this.#settle().catch(() => {});
			throw error;
		}
	}

	/** Waits until the helper has answered all that was sent so far, whatever the answers are. */
	async #settle(): Promise<void> {
		this.#tag += 1;
		const answer = this.#connection.wait("settling", { timeout: defaults.step }, (frame) => {
			if (frame.type !== frameType.event) return undefined;
			const event = decodeEvent(frame.payload);
			return event.event === "alive" && event.tag === this.#tag ? true : undefined;
		});
		await this.#connection.during(answer, encodeFrame(frameType.alive, this.#tag));
	}

	/** Makes what was staged unchangeable; only then can it be loaded. */
	async seal(options: StepOptions = {}): Promise<void> {
		await this.#ask(encodeFrame(frameType.seal), "seal", options, defaults.step, (event) =>
			event.event === "sealed" ? true : undefined,
		);
	}

	/** kexec_file_load of file 0 and, unless told otherwise, of file 1 as initrd. Throws `HELPER_LOAD` with the reason. */
	async loadFile(load: LoadFile, options: StepOptions = {}): Promise<Loaded> {
		return await this.#load(encodeFrame(frameType.loadFile, 0, encodeLoadFile(load)), options);
	}

	/** kexec_load of segments made by `planX86` or `planArm64`. Throws `HELPER_LOAD` with the reason. */
	async loadSegments(load: LoadSegments, options: StepOptions = {}): Promise<Loaded> {
		return await this.#load(encodeFrame(frameType.loadSegments, 0, encodeSegments(load)), options);
	}

	/** Loads the kernel alone and unloads it: whether the target takes its signature is known before the initrd is sent. */
	async tryKernel(commandLine: string, options: StepOptions = {}): Promise<void> {
		await this.loadFile({ commandLine, initrd: false }, options);
		await this.unload(options);
	}

	/** Unloads what this conversation loaded. Answers `/sys/kernel/kexec_loaded`, or a negative errno. */
	async unload(options: StepOptions = {}): Promise<number> {
		return await this.#ask(
			encodeFrame(frameType.unload),
			"unload",
			options,
			defaults.step,
			(event) => (event.event === "unloaded" ? event.kexec_loaded : undefined),
		);
	}

	/** Ends the conversation: unloads, drops what was staged. Answers `/sys/kernel/kexec_loaded`, or a negative errno. */
	async abort(options: StepOptions = {}): Promise<number> {
		const loaded = await this.#ask(
			encodeFrame(frameType.abort),
			"abort",
			options,
			defaults.step,
			(event) => (event.event === "aborted" ? event.kexec_loaded : undefined),
		);
		this.close();
		return loaded;
	}

	/**
	 * Jumps. Resolves when the helper has answered that it goes; from then on nothing can stop it.
	 * What remains is to reconnect.
	 */
	async go(options: GoOptions & StepOptions = {}): Promise<void> {
		await this.#ask(
			encodeFrame(frameType.go, 0, encodeGo(options)),
			"go",
			options,
			defaults.step,
			(event) => (event.event === "going" ? true : undefined),
		);
		await this.#connection.send(encodeFrame(frameType.received)).catch(() => {});
		this.close();
	}

	/** Ends the input. Before `go` this means: abort (or keep, where that was asked for). */
	close(): void {
		this.#connection.close();
	}

	/** Cuts the connection without a word, as a broken network would. */
	destroy(): void {
		this.#connection.close();
		this.#stream.destroy();
	}

	/** Another load that is going on (EBUSY) is waited out: it takes a moment, and nobody is at fault. */
	async #load(request: Uint8Array, options: StepOptions): Promise<Loaded> {
		for (let attempt = 1; ; attempt++) {
			try {
				return await this.#ask(request, "load", options, defaults.load, (event) =>
					event.event === "loaded"
						? { method: event.method, kexecLoaded: event.kexec_loaded }
						: undefined,
				);
			} catch (error) {
				const busy = complaintOf(error)?.errno === ebusy;
				if (!busy || attempt === busyAttempts) throw error;
				await sleep(busyPause, undefined, options.signal ? { signal: options.signal } : {});
			}
		}
	}

	async #ask<T>(
		request: Uint8Array,
		step: string,
		options: StepOptions,
		timeout: number,
		take: (event: Event) => T | undefined,
	): Promise<T> {
		const answer = this.#event(step, options, timeout, take);
		await this.#connection.during(answer, request);
		return await answer;
	}

	#event<T>(
		step: string,
		options: StepOptions,
		timeout: number,
		take: (event: Event) => T | undefined,
	): Promise<T> {
		return this.#connection.wait(step, { timeout, ...options }, (frame) => {
			if (frame.type !== frameType.event) throw unexpected(frame);
			const event = decodeEvent(frame.payload);
			if (event.event === "error") throw explain(event);
			return take(event);
		});
	}
}

/** What a load left. */
export interface Loaded {
	readonly method: LoadMethod;
	/** `/sys/kernel/kexec_loaded` after it: 1, or a negative errno where it cannot be read. */
	readonly kexecLoaded: number;
}

const tokenPattern = /^[0-9a-f]{64}$/;

function parseToken(token: string): Uint8Array {
	const digits = tokenPattern.test(token) ? (token.match(/../g) ?? []) : [];
	if (digits.length !== 32) {
		throw new EkexecError<HelperCode>(
			"usage",
			"HELPER_NOT_KEPT",
			"this is no token of a kept staging",
			{
				expected: "64 hex digits",
			},
		);
	}
	return Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16));
}
