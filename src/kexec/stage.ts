// Sending files to the target, and again from where a lost connection left them.
import type { EkexecError } from "../bytes/index.ts";
import { type Connection, fault, type StepOptions, unexpected } from "./connection.ts";
import { decodeEvent, encodeFrame, frameType, type HelperCode, maxFrame } from "./contract.ts";
import { explain } from "./explain.ts";
import { encodePart, type StagedFile, type StagedPart } from "./staging.ts";

/** Where staging stands, told while it goes on. */
export interface StageProgress {
	/** Number of the part that is being sent. */
	readonly part: number;
	/** Bytes sent so far over all parts, those of an earlier connection included. */
	readonly sent: number;
	/** Bytes that will have been sent in the end; splices are none. */
	readonly total: number;
}

export interface StageOptions extends StepOptions {
	readonly progress?: (progress: StageProgress) => void;
	/** What an earlier connection left, as {@link HelperClient.resumed} told it. */
	readonly resume?: Resumed;
	/** Number of the first part; unless told, numbers go on from the last part that this client staged. */
	readonly firstPart?: number;
}

/** What a keeper still holds. */
export interface Resumed {
	/** Size by number of each file that is there. */
	readonly files: ReadonlyMap<number, number>;
	/** Bytes received by part number. */
	readonly parts: ReadonlyMap<number, { readonly received: number; readonly whole: boolean }>;
	readonly sealed: boolean;
	readonly loaded: boolean;
}

/** Sends all files; `first` is the number of the first part. Resolves when the helper has confirmed every part. */
export async function stageFiles(
	connection: Connection,
	files: readonly StagedFile[],
	first: number,
	options: StageOptions & { readonly timeout: number },
): Promise<void> {
	const held = options.resume;
	const parts = files
		.flatMap((file) => file.parts.map((part) => ({ file, part })))
		.map((entry, index) => ({ ...entry, number: first + index }));
	const total = parts.reduce((sum, { part }) => sum + ("splice" in part ? 0 : part.size), 0);
	const unopened = new Set(
		files.filter((f) => held?.files.get(f.file) !== f.size).map((f) => f.file),
	);
	const known = (file: StagedFile, number: number) =>
		unopened.has(file.file) ? undefined : held?.parts.get(number);
	const before = new Map(parts.map(({ file, number }) => [number, known(file, number)]));
	const missing = new Set(
		parts.filter(({ number }) => before.get(number)?.whole !== true).map(({ number }) => number),
	);
	const open = new Set(unopened);
	if (open.size === 0 && missing.size === 0) return;

	const done = connection.wait("stage", options, (frame) => {
		if (frame.type !== frameType.event) throw unexpected(frame);
		const event = decodeEvent(frame.payload);
		if (event.event === "error") throw explain(event);
		if (event.event === "file") open.delete(event.file);
		else if (event.event === "part") missing.delete(event.part);
		else throw unexpected(frame);
		return open.size === 0 && missing.size === 0 ? true : undefined;
	});
	// The sending stops as soon as the helper complains: the rest would only be thrown away.
	let failed = false;
	done.catch(() => {
		failed = true;
	});
	const send = async (type: number, tag: number, payload: Uint8Array): Promise<void> => {
		await connection.sendOr(done, encodeFrame(type, tag, payload));
		connection.touch();
		if (failed) await done;
	};
	try {
		for (const file of files) {
			if (!unopened.has(file.file)) continue;
			const size = new Uint8Array(8);
			new DataView(size.buffer).setBigUint64(0, BigInt(file.size), true);
			await send(frameType.file, file.file, size);
		}
		let sent = 0;
		for (const { file, part, number } of parts) {
			const state = before.get(number);
			if (state === undefined) await send(frameType.part, number, encodePart(file.file, part));
			if ("splice" in part) continue;
			let at = state?.whole === true ? part.size : (state?.received ?? 0);
			sent += at;
			const pieces = piecesOf(part, at);
			try {
				// A source of content that hangs must not hide what the helper, or the connection, has to say.
				for (;;) {
					const next = await Promise.race([pieces.next(), done.then(() => ended)]);
					if (next.done === true) break;
					await send(frameType.data, number, next.value);
					at += next.value.length;
					sent += next.value.length;
					options.progress?.({ part: number, sent, total });
				}
			} finally {
				pieces.return(undefined).catch(() => {});
			}
			if (at !== part.size) throw otherSize(number, part.size, at);
		}
	} catch (error) {
		connection.fail(error);
	}
	await done;
}

const ended: IteratorReturnResult<undefined> = { done: true, value: undefined };

/** What is to be sent of a part from an offset on, in pieces that fit a frame. */
async function* piecesOf(
	part: Exclude<StagedPart, { splice: Uint8Array }>,
	from: number,
): AsyncGenerator<Uint8Array> {
	if (from === part.size) return;
	const chunks = "bytes" in part ? [part.bytes.subarray(from)] : part.open(from);
	for await (const chunk of chunks) {
		for (let at = 0; at < chunk.length; at += maxFrame) yield chunk.subarray(at, at + maxFrame);
	}
}

function otherSize(part: number, expected: number, found: number): EkexecError<HelperCode> {
	return fault("HELPER_RANGE", "what is to be staged has another size than was said", {
		field: `part ${part}`,
		expected: `${expected} bytes`,
		found: `${found}`,
	});
}
