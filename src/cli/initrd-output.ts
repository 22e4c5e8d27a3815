import type { Change, Problem } from "../initrd/index.ts";

/** One finding as a line: how bad, where, what. */
export function showProblem(problem: Problem): string {
	const place = showPlace(problem);
	return `${problem.level}: ${place === "" ? "" : `${place}: `}${problem.message}`;
}

/** As much as is known of where in an initrd something is. */
export function showPlace(
	place: Pick<Problem, "segment" | "offset" | "unpacked" | "path">,
): string {
	const { segment, offset, unpacked, path = "" } = place;
	const parts = segment === undefined ? [] : [`segment ${segment}`];
	if (segment !== undefined && offset !== undefined)
		parts.push(`${unpacked === true ? "unpacked, " : ""}offset ${offset}`);
	if (path !== "") parts.push(path);
	return parts.join(", ");
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
