import type { Check, Verdict } from "./check.ts";
import type { RescuePlan } from "./plan.ts";

/** How verdicts look; colours by SGR parameters (ECMA-48), left out where nobody can see them. */
const looks: Readonly<Record<Verdict, { mark: string; colour: number }>> = {
	ok: { mark: "✔", colour: 32 },
	note: { mark: "·", colour: 36 },
	warning: { mark: "!", colour: 33 },
	refusal: { mark: "✖", colour: 31 },
};

/** The plan as text: every check with its remedy, then what will be there afterwards. Lines end in `\n`. */
export function showPlan(plan: RescuePlan, options: { readonly colour: boolean }): string {
	const paint = (text: string, colour: number): string =>
		options.colour ? `\u001b[${colour}m${text}\u001b[0m` : text;
	const width = Math.max(...plan.checks.map(({ id }) => id.length));
	const lines: string[] = [];
	for (const { id, verdict, found, remedy } of plan.checks) {
		const { mark, colour } = looks[verdict];
		lines.push(`${paint(mark, colour)} ${id.padEnd(width)}  ${found}`);
		if (remedy !== undefined) lines.push(`  ${" ".repeat(width)}  → ${remedy}`);
	}
	const { network } = plan;
	lines.push("", "Left out of the network:");
	if (network.leftOut.length === 0) lines.push("  nothing");
	for (const { what, reason, count, examples } of network.leftOut) {
		const more = count > examples.length ? ` and ${count - examples.length} more` : "";
		lines.push(`  ${what} ${examples.join(", ")}${more}: ${reason}`);
	}
	lines.push(
		"",
		`image         ${plan.image.name} (${plan.image.layers.join(", ")})`,
		`command line  ${plan.commandLine}`,
		`host keys     ${plan.hostKeys.join(", ")}`,
		`login         ${plan.keys.count} keys`,
		`system call   ${plan.method}`,
	);
	return `${lines.join("\n")}\n`;
}

/** The checks that a person has to read before saying yes. */
export function needsReading(plan: RescuePlan): readonly Check[] {
	return plan.checks.filter(({ verdict }) => verdict === "warning" || verdict === "refusal");
}
