import { EkexecError } from "../bytes/index.ts";
import {
	complaintOf,
	explanationOf,
	type HelperClient,
	type Loaded,
	type LoadFacts,
	type LoadInput,
	type LoadPlan,
	planArm64,
	planX86,
} from "../kexec/index.ts";
import { rescueError } from "./error.ts";

/** The way by kexec_load, made ready beforehand since its extra file is staged with the others. */
export type Fallback =
	| { readonly plan: LoadPlan }
	/** Why there is none. */
	| { readonly missing: string };

/** Prepares kexec_load. What it lacks is told, not thrown: mostly it is not needed. */
export function prepareFallback(
	architecture: string,
	input: LoadInput,
	facts: LoadFacts,
): Fallback {
	try {
		return { plan: architecture === "arm64" ? planArm64(input, facts) : planX86(input, facts) };
	} catch (error) {
		if (error instanceof EkexecError) return { missing: error.message };
		throw error;
	}
}

/** What decides which call is made. */
export interface LoadChoice {
	readonly method: "kexec_file_load" | "kexec_load";
	readonly commandLine: string;
	readonly fallback: Fallback;
	/** Under lockdown or IMA kexec_load is refused as well: the first answer counts. */
	readonly locked: boolean;
}

/** What a target answers that will not have this kernel, whenever it is asked: EPERM, EACCES, and signatures. */
const refusals: ReadonlySet<number> = new Set([1, 13, 61, 65, 74, 126, 129]);

/**
 * Whether the target takes this kernel by kexec_file_load, found out with the kernel alone: `false` where only
 * kexec_load is left. Where neither can work, throws `RESCUE_REFUSED` if the target forbids it (nothing else was
 * sent yet), else what the helper says.
 */
export async function tryKernel(
	client: HelperClient,
	choice: LoadChoice,
	signal?: AbortSignal,
): Promise<boolean> {
	try {
		await client.tryKernel(choice.commandLine, signal ? { signal } : {});
		return true;
	} catch (error) {
		if (mayFallBack(error, choice)) return false;
		const complaint = complaintOf(error);
		if (!(error instanceof EkexecError) || !complaint || !refusals.has(complaint.errno))
			throw error;
		throw rescueError("refused", "RESCUE_REFUSED", `${error.summary}; nothing was changed`, {
			...error.details,
			field: "the signature, tried with the kernel alone",
		});
	}
}

/** Loads kernel and initrd by the first call that works, and insists on what the kernel says of it. */
export async function loadKernel(
	client: HelperClient,
	choice: LoadChoice,
	signal?: AbortSignal,
): Promise<Loaded> {
	const options = signal ? { signal } : {};
	const loaded = await loadByEither();
	// Some kernels have no such file: a negative errno then.
	if (loaded.kexecLoaded === 0) {
		throw rescueError("failed", "RESCUE_LOAD", "the kernel says that nothing is loaded", {
			expected: "1 in /sys/kernel/kexec_loaded",
			found: "0",
		});
	}
	return loaded;

	async function loadByEither(): Promise<Loaded> {
		if (choice.method === "kexec_file_load") {
			try {
				return await client.loadFile({ commandLine: choice.commandLine }, options);
			} catch (error) {
				if (!mayFallBack(error, choice)) throw error;
			}
		}
		if ("plan" in choice.fallback) return client.loadSegments(choice.fallback.plan.load, options);
		throw rescueError("failed", "RESCUE_LOAD", "kexec_load cannot be prepared for this target", {
			found: choice.fallback.missing,
		});
	}
}

function mayFallBack(error: unknown, { fallback, locked }: LoadChoice): boolean {
	const complaint = complaintOf(error);
	if (complaint === undefined || locked || !("plan" in fallback)) return false;
	return explanationOf(complaint)?.tryLoad === true;
}
