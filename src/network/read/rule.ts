import {
	neighbourFlags,
	neighbourStates,
	routeProtocols,
	ruleActions,
	ruleFlags,
	type Neighbour as WireNeighbour,
	type Rule as WireRule,
} from "../../netlink/index.ts";
import type { Neighbour, Rule } from "../model.ts";
import { familyOfMessage } from "./address.ts";
import type { LinkNames } from "./link.ts";
import { bitNames, defined, nameOf, positive } from "./names.ts";

/** FRA_SUPPRESS_*: −1 for none. */
const none = 0xffff_ffff;

export function readRule(rule: WireRule): Rule | undefined {
	const family = familyOfMessage(rule.family);
	if (family === undefined) return undefined;
	const any = family === 4 ? "0.0.0.0" : "::";
	const prefix = (address: string | undefined, length: number) =>
		address === undefined && length === 0 ? undefined : `${address ?? any}/${length}`;
	const pair = (range: { start: number; end: number } | undefined) =>
		range === undefined ? undefined : ([range.start, range.end] as const);
	const action = nameOf(ruleActions, rule.action);
	const suppress = (value: number | undefined) => (value === none ? undefined : value);
	const l3mdev = rule.l3mdev === 1;
	const marked = rule.fwmark !== undefined || (rule.fwmask ?? 0) !== 0;
	return defined({
		family,
		priority: rule.priority ?? 0,
		action: action === "toTable" ? "lookup" : action,
		invert: bitNames(ruleFlags, rule.flags).includes("invert") ? (true as const) : undefined,
		from: prefix(rule.src, rule.srcLen),
		to: prefix(rule.dst, rule.dstLen),
		tos: positive(rule.tos) ?? (rule.dscp === undefined ? undefined : rule.dscp * 4),
		mark: marked ? (rule.fwmark ?? 0) : undefined,
		// The mask of all ones is what a mark without one means.
		mask: marked && rule.fwmask !== none ? rule.fwmask : undefined,
		incoming: rule.iifname,
		outgoing: rule.oifname,
		table: action === "toTable" && !l3mdev ? rule.table : undefined,
		target: rule.goto,
		l3mdev: l3mdev ? (true as const) : undefined,
		protocol: rule.protocol === undefined ? undefined : nameOf(routeProtocols, rule.protocol),
		ipProtocol: rule.ipProto,
		sourcePort: pair(rule.sportRange),
		destinationPort: pair(rule.dportRange),
		uids: pair(rule.uidRange),
		suppressPrefix: suppress(rule.suppressPrefixlen),
		suppressGroup: suppress(rule.suppressIfgroup),
		tunnelId: rule.tunId === undefined ? undefined : String(rule.tunId),
		flow: rule.flow,
		selectors: selectorsBeyond(rule),
	});
}

/** Masks of all ones are what a value without one means (net/core/fib_rules.c, net/ipv4/fib_rules.c). */
function selectorsBeyond(rule: WireRule): readonly string[] | undefined {
	const { flowlabel, sportMask = 0xffff, dportMask = 0xffff, dscpMask = 0x3f } = rule;
	const found = [
		...(flowlabel === undefined ? [] : ["flowlabel"]),
		...(sportMask === 0xffff || sportMask === 0 ? [] : ["sport mask"]),
		...(dportMask === 0xffff || dportMask === 0 ? [] : ["dport mask"]),
		...(dscpMask === 0x3f ? [] : ["dscp mask"]),
	];
	return found.length === 0 ? undefined : found;
}

/** Only entries set by hand; the rest the kernel finds again. */
export function readNeighbour(neighbour: WireNeighbour, names: LinkNames): Neighbour | undefined {
	const family = familyOfMessage(neighbour.family);
	const link = names(neighbour.ifindex);
	if (family === undefined || link === undefined || neighbour.dst === undefined) return undefined;
	const proxy = bitNames(neighbourFlags, neighbour.flags).includes("proxy");
	if (!proxy && !bitNames(neighbourStates, neighbour.state).includes("permanent")) return undefined;
	return defined({
		link,
		family,
		address: neighbour.dst,
		mac: neighbour.lladdr === "" ? undefined : neighbour.lladdr,
		proxy: proxy ? (true as const) : undefined,
	});
}
