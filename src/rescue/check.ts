/** How a check came out: `refusal` stops the rescue before anything of the target changes. */
export type Verdict = "ok" | "note" | "warning" | "refusal";

/** Subjects of the checks, in the order in which they are shown. */
export const checkIds = [
	"same-machine",
	"rescue-system",
	"architecture",
	"environment",
	"root",
	"kexec",
	"signature",
	"loaded",
	"staging",
	"memory",
	"way-back",
	"network",
	"login-keys",
	"host-keys",
	"identity",
	"drivers",
	"disks",
	"terminals",
	"watchdog",
	"console",
	"clock",
	"command-line",
	"unreadable",
] as const;
export type CheckId = (typeof checkIds)[number];

/** One finding of the plan. */
export interface Check {
	readonly id: CheckId;
	readonly verdict: Verdict;
	/** What was found, as a sentence. */
	readonly found: string;
	/** What to do about it. Every refusal has one. */
	readonly remedy?: string;
}

export function ok(id: CheckId, found: string): Check {
	return { id, verdict: "ok", found };
}

/** Worth knowing, nothing to do. */
export function note(id: CheckId, found: string): Check {
	return { id, verdict: "note", found };
}

export function warning(id: CheckId, found: string, remedy?: string): Check {
	return { id, verdict: "warning", found, ...(remedy === undefined ? {} : { remedy }) };
}

export function refusal(id: CheckId, found: string, remedy: string): Check {
	return { id, verdict: "refusal", found, remedy };
}

/** Whether the rescue is not to be. */
export function refusesAny(checks: readonly Check[]): boolean {
	return checks.some(({ verdict }) => verdict === "refusal");
}

/** A number with its noun, as people say it. */
export function several(count: number, one: string, more: string = `${one}s`): string {
	return `${count} ${count === 1 ? one : more}`;
}
