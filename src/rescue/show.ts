import { printable, wrap } from "../bytes/index.ts";
import type { Check, Verdict } from "./check.ts";
import type { RescuePlan } from "./plan.ts";

/** How verdicts look; colours by SGR parameters (ECMA-48), left out where nobody can see them. */
const looks: Readonly<Record<Verdict, { mark: string; colour: number }>> = {
	ok: { mark: "✔", colour: 32 },
	note: { mark: "·", colour: 36 },
	warning: { mark: "!", colour: 33 },
	refusal: { mark: "✖", colour: 31 },
};

const weights: Readonly<Record<Verdict, number>> = { ok: 0, note: 0, warning: 1, refusal: 2 };

/**
 * The plan as text: every check with its remedy, then what will be there afterwards. Lines end in `\n`. Fit for a
 * terminal, whatever the target's users gave as names.
 */
export function showPlan(
	plan: RescuePlan,
	options: {
		readonly colour: boolean;
		/** Columns to break lines at; without it, none is broken. */
		readonly columns?: number | undefined;
	},
): string {
	const { columns } = options;
	const paint = (text: string, colour: number): string =>
		options.colour ? `\u001b[${colour}m${text}\u001b[0m` : text;
	const width = Math.max(...plan.checks.map(({ id }) => id.length));
	const lines: string[] = [];
	// What has to be read comes last, where the eye is when the question comes.
	const weighed = [...plan.checks].sort((a, b) => weights[a.verdict] - weights[b.verdict]);
	const told = (value: string, indent: number): string => wrap(printable(value), columns, indent);
	const table = (name: string, value: string): string =>
		`${name.padEnd(width + 2)}  ${told(value, width + 4)}`;
	const after: string[] = [];
	for (const { id, verdict, found, remedy } of weighed) {
		const { mark, colour } = looks[verdict];
		const to = weights[verdict] > 0 ? after : lines;
		to.push(`${paint(mark, colour)} ${id.padEnd(width)}  ${told(found, width + 4)}`);
		if (remedy !== undefined) {
			to.push(`  ${" ".repeat(width)}  → ${told(remedy, width + 6)}`);
		}
	}
	const { network } = plan;
	lines.push(
		"",
		table("image", `${plan.image.name} (${plan.image.layers.join(", ")})`),
		table("command line", plan.commandLine),
		table("host keys", plan.hostKeys.join(", ") || "a new one, made by the rescue system"),
		table("login", plan.keys.count === 1 ? "1 key" : `${plan.keys.count} keys`),
		table("system call", plan.method),
	);
	const leftOut = network.leftOut.map(({ what, reason, count, examples }) => {
		const more = count > examples.length ? ` and ${count - examples.length} more` : "";
		return `${what} ${examples.join(", ")}${more}: ${reason}`;
	});
	lines.push(table("not carried", leftOut.length === 0 ? "everything is" : leftOut.join("\n")));
	if (after.length > 0) lines.push("", ...after);
	return `${lines.join("\n")}\n`;
}

/** The checks that a person has to read before saying yes. */
export function needsReading(plan: RescuePlan): readonly Check[] {
	return plan.checks.filter(({ verdict }) => verdict === "warning" || verdict === "refusal");
}
