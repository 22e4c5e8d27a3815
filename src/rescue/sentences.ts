import type { EkexecError } from "../bytes/index.ts";
import { several } from "./check.ts";
import { rescueError } from "./error.ts";
import type { RescuePlan } from "./plan.ts";
import type { Probed } from "./probe.ts";

/** Who the target says it is. */
export function describeFacts({ facts }: Probed): string {
	return `${facts.hostname}, ${facts.system ?? "Linux"}, kernel ${facts.kernelRelease}`;
}

/** What the checks come to. */
export function describePlan(plan: RescuePlan): string {
	const count = (verdict: string): number =>
		plan.checks.filter((check) => check.verdict === verdict).length;
	const refusals = count("refusal");
	const warnings = count("warning");
	if (refusals > 0)
		return `refused: ${refusals === 1 ? "one of the checks says" : `${refusals} of the checks say`} no`;
	return warnings > 0 ? `possible, ${several(warnings, "warning")}` : "possible";
}

/** One error for all refusals of a plan. */
export function refusedError(target: string, plan: Pick<RescuePlan, "checks">): EkexecError {
	const refusals = plan.checks.filter(({ verdict }) => verdict === "refusal");
	const found = refusals.map(({ id, found: what }) => `${id}: ${what}`).join("; ");
	const remedy =
		refusals.length === 1
			? refusals[0]?.remedy
			: refusals.map((check) => `${check.id}: ${check.remedy}`).join("\n");
	return rescueError("refused", "RESCUE_REFUSED", "the rescue is refused; nothing was changed", {
		where: target,
		found,
		remedy,
	});
}
