import { EkexecError, showBytes, text, utf8 } from "../bytes/index.ts";
import {
	decodeSnapshot,
	type Snapshot as Wire,
	type Route as WireRoute,
} from "../netlink/index.ts";
import type { NetworkCode } from "./error.ts";
import type { Family, Network, Route } from "./model.ts";
import { isDefault } from "./plan-routing.ts";
import type { RawNetwork } from "./raw.ts";
import { familyOfMessage, readAddress } from "./read/address.ts";
import { readLeases } from "./read/lease.ts";
import { type LinkNames, linkNames, readBridgeVlans, readLink } from "./read/link.ts";
import { readResolver } from "./read/resolver.ts";
import { readNexthop, readRoute } from "./read/route.ts";
import { readNeighbour, readRule } from "./read/rule.ts";

/**
 * The model of a host's network from what was read there. Throws what the netlink decoder throws, and
 * `NETWORK_SNAPSHOT` without links. `where` names the host in errors.
 */
export function snapshot(raw: RawNetwork, where?: string): Network {
	const routes: Route[] = [];
	const strange = new Tally();
	let known: LinkNames | undefined;
	const wire = decodeSnapshot(raw.dumps, {
		...(where === undefined ? {} : { where }),
		onRoute(each, links) {
			known ??= linkNames(links);
			const route = readRoute(each, known);
			if (route !== undefined) routes.push(route);
			strange.route(each);
		},
	});
	if (wire.absent.includes("links")) {
		throw new EkexecError<NetworkCode>("check", "NETWORK_SNAPSHOT", "no dump of the links", {
			where,
		});
	}
	const names = known ?? linkNames(wire.links);
	const vlans = readBridgeVlans(wire.bridgeLinks);
	const leases = readLeases(raw);
	const leased = new Set(leases.flatMap((lease) => lease.addresses));
	const present = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);
	const addresses = wire.addresses.flatMap((each) => present(readAddress(each, names, leased)));
	const families = new Set<Family>(routes.filter(isDefault).map((route) => route.family));
	const hostname = hostnameOf(raw);
	const tellsPermanent = wire.links.some((link) => link.permAddress !== undefined);
	return {
		version: 1,
		...(hostname === "" ? {} : { hostname }),
		links: wire.links.map((link) => readLink(link, names, vlans, raw, tellsPermanent)),
		addresses,
		routes,
		rules: wire.rules.flatMap((each) => present(readRule(each))),
		nexthops: wire.nexthops.map((each) => readNexthop(each, names)),
		neighbours: wire.neighbours.flatMap((each) => present(readNeighbour(each, names))),
		resolver: readResolver(raw, {
			leases,
			own: new Set(addresses.map((each) => each.address)),
			names,
			families: [...families],
		}),
		notes: [
			...(raw.failures ?? []).map((what) => `could not be read: ${what}`),
			...notesOf(wire, strange),
		],
	};
}

function hostnameOf(raw: RawNetwork): string {
	const bytes = raw.files.get("/proc/sys/kernel/hostname") ?? raw.files.get("/etc/hostname");
	// The target's to choose, and printed.
	return bytes === undefined ? "" : showBytes(utf8(text(bytes).trim()));
}

/** What the decoder met and has no table for, counted by kind and number. */
class Tally {
	readonly #counts = new Map<string, number>();

	add(what: string): void {
		this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
	}

	object(
		kind: string,
		{ unknown }: { readonly unknown?: readonly { readonly type: number }[] },
	): void {
		if (unknown !== undefined)
			for (const { type } of unknown) this.add(`${kind} attribute ${type}`);
	}

	route(route: WireRoute): void {
		this.object("route", route);
		if (familyOfMessage(route.family) === undefined) this.add(`route of family ${route.family}`);
	}

	get notes(): readonly string[] {
		return [...this.#counts].map(([what, times]) => `not understood: ${what} (${times} times)`);
	}
}

function notesOf(wire: Wire, strange: Tally): readonly string[] {
	const lists = {
		link: wire.links,
		address: wire.addresses,
		rule: wire.rules,
		nexthop: wire.nexthops,
		neighbour: wire.neighbours,
	};
	for (const [kind, list] of Object.entries(lists)) {
		for (const object of list) strange.object(kind, object);
	}
	for (const message of wire.others) strange.add(`message of type ${message.type}`);
	return wire.unstable.length === 0
		? strange.notes
		: [
				...strange.notes,
				`went on changing while it was read, and may be incomplete: ${wire.unstable.join(", ")}`,
			];
}
