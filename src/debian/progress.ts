import { debianError } from "./error.ts";

/** What is going on, for a progress display. `done` and `total` are bytes of all downloads of the step. */
export interface Progress {
	readonly step: "release" | "index" | "packages" | "unpack";
	/** What is being worked on. */
	readonly what: string;
	readonly done: number;
	readonly total: number;
	/** Bytes of `total` that the cache had. */
	readonly cached: number;
}

const hour = 3600_000;

/** Begins the count of one file: its bytes as they come, and whether the cache had them. */
export type Counter = (what: string) => (count: number, fromCache?: boolean) => void;

export function counter(
	step: Progress["step"],
	sizes: readonly number[],
	report: ((progress: Progress) => void) | undefined,
): Counter {
	const total = sizes.reduce((sum, size) => sum + size, 0);
	let done = 0;
	let cached = 0;
	return (what) =>
		(count, fromCache = false) => {
			done += count;
			if (fromCache) cached += count;
			report?.({ step, what, done, total, cached });
		};
}

/** Works with a signal that fires at the deadline as well, and tells of that as what it is. */
export async function withDeadline<T>(
	options: { readonly signal?: AbortSignal | undefined; readonly deadline?: number | undefined },
	work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
	const deadline = AbortSignal.timeout(options.deadline ?? hour);
	const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
	try {
		return await work(signal);
	} catch (error) {
		if (!deadline.aborted || options.signal?.aborted) throw error;
		throw debianError("failed", "DEBIAN_TIMEOUT", "the mirror took too long", {
			expected: `an end within ${options.deadline ?? hour} ms`,
			remedy: "What has arrived is kept: run it again, or set a nearer mirror.",
			cause: error,
		});
	}
}
