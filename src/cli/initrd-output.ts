import type { Change, Problem } from "../initrd/index.ts";

/** One finding as a line: how bad, where, what. */
export function showProblem(problem: Problem): string {
	const place = [
		problem.segment === undefined ? undefined : `segment ${problem.segment}`,
		problem.segment === undefined || problem.offset === undefined
			? undefined
			: `${problem.unpacked === true ? "unpacked, " : ""}offset ${problem.offset}`,
		problem.path,
	].filter((part) => part !== undefined);
	return `${problem.level}: ${place.length > 0 ? `${place.join(", ")}: ` : ""}${problem.message}`;
}

/** One difference as a line: `+` added, `-` removed, `~` changed and how. */
export function showChange(change: Change): string {
	if (change.change === "added") return `+ ${change.path}`;
	if (change.change === "removed") return `- ${change.path}`;
	const fields = (change.fields ?? []).map(({ field, from, to }) =>
		field === "sha256" ? "content" : `${field} ${String(from)} → ${String(to)}`,
	);
	return `~ ${change.path}: ${fields.join(", ")}`;
}
