// For people: tables of a network and of a plan.

import { isKernelRule, isOwnLoopback, kernelRoutes } from "./kernel-made.ts";
import type { Network } from "./model.ts";
import type { Plan } from "./plan.ts";
import { showAddress, showNexthop, showRoute, showRule } from "./show.ts";

/** Longest list printed in full; the JSON has all. */
const longest = 60;

/** The network as text: links with their addresses, then routes, rules and nexthops that somebody set. */
export function renderTable(network: Network): string {
	const rows = network.links.map((link) => {
		const addresses = network.addresses
			.filter((each) => each.link === link.name && !isOwnLoopback(each))
			.map((each) =>
				showAddress({ ...each, link: "" })
					.replace(" dev ", "")
					.trim(),
			);
		const below = link.master ?? (link.parent === undefined ? "" : `on ${link.parent}`);
		return [
			link.name,
			link.kind ?? (link.type === "loopback" ? "loopback" : (link.driver ?? link.type)),
			link.flags.includes("up") ? "up" : "down",
			String(link.mtu),
			link.permanentMac ?? link.mac ?? "",
			below,
			shorten(addresses).join(", "),
		];
	});
	const isKernelMade = kernelRoutes(network);
	const lists: readonly (readonly [string, readonly string[]])[] = [
		["routes", network.routes.filter((each) => !isKernelMade(each)).map(showRoute)],
		["rules", network.rules.filter((each) => !isKernelRule(each)).map(showRule)],
		["nexthops", network.nexthops.map(showNexthop)],
		[
			"neighbours",
			network.neighbours.map((each) => `${each.address} ${each.mac ?? ""} dev ${each.link}`),
		],
		[
			"nameservers",
			network.resolver.servers.length === 0
				? []
				: [`${network.resolver.servers.join(" ")} (${network.resolver.source})`],
		],
		["notes", network.notes],
	];
	const header = ["link", "kind", "state", "mtu", "mac", "part of", "addresses"];
	return columns([header, ...rows]) + lists.map(([title, list]) => section(title, list)).join("");
}

/** What will be, what will not and why. */
export function renderPlanTable(plan: Plan): string {
	const leftOut = plan.leftOut.map(({ what, reason, count, examples }) => {
		const more = count > examples.length ? `, … (${count})` : "";
		return `${what} ${examples.join(", ")}${more}: ${reason}`;
	});
	const matches = plan.matches.map((match) => {
		const by = [match.permanentMac, match.path, match.driver, match.originalName];
		return `${match.name} by ${by.filter((each) => each !== undefined).join(", ")}`;
	});
	return [
		renderTable(plan.network),
		section("cards are recognised", matches),
		section(
			"renamed",
			plan.renames.map(({ from, to, reason }) => `${from} to ${to}: ${reason}`),
		),
		section("changed", plan.changed),
		section("left out", leftOut),
		section("way back", plan.wayBackLinks.length === 0 ? [] : [plan.wayBackLinks.join(" on ")]),
		section("warnings", plan.warnings),
		section("refused", plan.refusal === undefined ? [] : [plan.refusal.message]),
	].join("");
}

function section(title: string, lines: readonly string[]): string {
	if (lines.length === 0) return "";
	return `\n${title}\n${shorten(lines)
		.map((line) => `  ${line}\n`)
		.join("")}`;
}

function shorten(lines: readonly string[]): readonly string[] {
	if (lines.length <= longest) return lines;
	return [...lines.slice(0, longest), `… and ${lines.length - longest} more`];
}

function columns(rows: readonly (readonly string[])[]): string {
	const widths = (rows[0] ?? []).map((_, at) =>
		Math.max(...rows.map((row) => row[at]?.length ?? 0)),
	);
	return rows
		.map(
			(row) =>
				`${row
					.map((cell, at) => cell.padEnd(widths[at] ?? 0))
					.join("  ")
					.trimEnd()}\n`,
		)
		.join("");
}
