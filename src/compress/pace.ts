/** Bytes of work after which the event loop turns: some 30 ms of the own decoder. */
const STRIDE = 1024 * 1024;

/** Work of a stream beside its bytes. */
export const STREAM_WORK = 512;

/** Work since the last turn. Of all streams together, small frames one after the other included: the loop is one. */
let done = 0;

/**
 * Counts work that has been done, in bytes as the own decoder unpacks them, and lets the event loop turn every so
 * often: input that is at hand would never let it, and whoever gives up could not say so. Rejects once somebody has.
 */
export async function pace(work: number, signal: AbortSignal | undefined): Promise<void> {
	done += work;
	if (done >= STRIDE) {
		done = 0;
		await new Promise<void>((resolve) => setImmediate(resolve));
	}
	signal?.throwIfAborted();
}
