// Sources out, answers in: one round trip.
import { concat } from "../bytes/index.ts";
import { type Connection, fault, type StepOptions, unexpected } from "./connection.ts";
import {
	type Answer,
	decodeEnd,
	decodeEvent,
	decodeItem,
	encodeFrame,
	encodeSource,
	type Frame,
	frameType,
	type Item,
	type Source,
	type State,
} from "./contract.ts";
import { explain } from "./explain.ts";

/** What one probe may bring: dumps of some ten million routes. A target must not fill the operator's memory. */
const maxAnswers = 2 ** 30;
/** Links, states of files and addresses are no longer than this, whatever cap was asked for. */
const smallItem = 4096;

/** The answer to one source while it comes in. */
class Collector {
	readonly source: Source;
	readonly items: Item[] = [];
	end: { errno: number; state: State } | undefined;
	#head: Omit<Item, "bytes"> | undefined;
	#parts: Uint8Array[] = [];
	#length = 0;

	constructor(source: Source) {
		this.source = source;
	}

	take(frame: Frame): void {
		const { type, payload } = frame;
		if (this.end !== undefined) throw unexpected(frame);
		if (type === frameType.item) {
			this.#close();
			this.#head = decodeItem(payload);
		} else if (type === frameType.bytes && this.#head !== undefined) {
			this.#length += payload.length;
			const limit =
				this.source.op === "netlink" ? maxAnswers : Math.max(this.source.cap, smallItem);
			if (this.#length > limit) throw unexpected(frame);
			this.#parts.push(payload);
		} else if (type === frameType.end) {
			this.#close();
			this.end = decodeEnd(payload);
		} else {
			throw unexpected(frame);
		}
	}

	#close(): void {
		if (this.#head !== undefined) {
			// Of a dump that was taken again only the last pass is kept.
			if (this.source.op === "netlink") this.items.length = 0;
			this.items.push({ ...this.#head, bytes: concat(this.#parts) });
		}
		this.#head = undefined;
		this.#parts = [];
		this.#length = 0;
	}
}

/** What the helper holds at a time is 2048 sources with 256 kB of arguments (probe.c); a host with many users asks for more. */
const batchSources = 1024;
const batchBytes = 128 * 1024;

/** The sources in their order, in parts that the helper takes. */
export function* batches(sources: readonly Source[]): Generator<readonly Source[], void, void> {
	let start = 0;
	let bytes = 0;
	for (const [at, { argument }] of sources.entries()) {
		bytes += argument.length + 1;
		if (at - start === batchSources || (bytes > batchBytes && at > start)) {
			yield sources.slice(start, at);
			start = at;
			bytes = argument.length + 1;
		}
	}
	yield sources.slice(start);
}

/** Sends all sources and gathers what comes back, in their order. */
export async function probeSources(
	connection: Connection,
	sources: readonly Source[],
	options: StepOptions & { readonly timeout: number },
): Promise<Answer[]> {
	const answers = sources.map((from) => new Collector(from));
	let brought = 0;
	const done = connection.wait("probe", options, (frame) => {
		if (frame.type === frameType.event) {
			const event = decodeEvent(frame.payload);
			if (event.event === "error") throw explain(event);
			return event.event === "probed" ? true : undefined;
		}
		const answer = answers[frame.tag];
		brought += frame.payload.length;
		if (answer === undefined || brought > maxAnswers) throw unexpected(frame);
		answer.take(frame);
		return undefined;
	});
	const requests = sources.map((from, tag) =>
		encodeFrame(frameType.source, tag, encodeSource(from)),
	);
	await connection.during(done, concat([...requests, encodeFrame(frameType.probe)]));
	return answers.map(({ source, items, end }) => {
		if (end === undefined)
			throw fault("HELPER_FRAMES", "the helper left a source without an answer");
		return { source, items, ...end };
	});
}
