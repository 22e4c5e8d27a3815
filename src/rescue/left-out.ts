/** A key, or a name of a certificate, that does not come along, and why. */
export interface KeyLeftOut {
	readonly user: string;
	readonly path: string;
	readonly lineNumber: number;
	/** The key's comment, or the name. */
	readonly comment: string;
	readonly reason: string;
}

export const forcedCommand = "it has a forced command, whose program the rescue system lacks";

/** As many as somebody reads, each once. */
export function some(items: readonly string[]): string {
	const each = [...new Set(items)];
	const more = each.length > 5 ? `, and ${each.length - 5} more` : "";
	return each.slice(0, 5).join(", ") + more;
}
