import { EkexecError, text } from "../bytes/index.ts";
import { decodeSnapshot, type Snapshot as Wire } from "../netlink/index.ts";
import type { NetworkCode } from "./error.ts";
import type { Family, Network, Route } from "./model.ts";
import { isDefault } from "./plan-routing.ts";
import type { RawNetwork } from "./raw.ts";
import { readAddress } from "./read/address.ts";
import { readLeases } from "./read/lease.ts";
import { linkNames, readBridgeVlans, readLink } from "./read/link.ts";
import { readResolver } from "./read/resolver.ts";
import { readNexthop, readRoute } from "./read/route.ts";
import { readNeighbour, readRule } from "./read/rule.ts";

/**
 * The model of a host's network from what was read there. Throws what the netlink decoder throws, and
 * `NETWORK_SNAPSHOT` without links. `where` names the host in errors.
 */
export function snapshot(raw: RawNetwork, where?: string): Network {
	const wire = decodeSnapshot(raw.dumps, where === undefined ? {} : { where });
	if (wire.absent.includes("links")) {
		throw new EkexecError<NetworkCode>("check", "NETWORK_SNAPSHOT", "no dump of the links", {
			where,
		});
	}
	const names = linkNames(wire.links);
	const vlans = readBridgeVlans(wire.bridgeLinks);
	const leases = readLeases(raw);
	const leased = new Set(leases.flatMap((lease) => lease.addresses));
	const present = <T>(value: T | undefined): T[] => (value === undefined ? [] : [value]);
	const routes: Route[] = [];
	for (const each of wire.routes) {
		const route = readRoute(each, names);
		if (route !== undefined) routes.push(route);
	}
	const addresses = wire.addresses.flatMap((each) => present(readAddress(each, names, leased)));
	const families = new Set<Family>(routes.filter(isDefault).map((route) => route.family));
	const hostname = hostnameOf(raw);
	return {
		version: 1,
		...(hostname === "" ? {} : { hostname }),
		links: wire.links.map((link) => readLink(link, names, vlans, raw)),
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
		notes: notesOf(wire),
	};
}

function hostnameOf(raw: RawNetwork): string {
	const bytes = raw.files.get("/proc/sys/kernel/hostname") ?? raw.files.get("/etc/hostname");
	return bytes === undefined ? "" : text(bytes).trim();
}

/** What the decoder met and has no table for, counted by kind and number. */
function notesOf(wire: Wire): readonly string[] {
	const counts = new Map<string, number>();
	const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
	const lists = {
		link: wire.links,
		address: wire.addresses,
		route: wire.routes,
		rule: wire.rules,
		nexthop: wire.nexthops,
		neighbour: wire.neighbours,
	};
	for (const [kind, list] of Object.entries(lists)) {
		for (const object of list) {
			for (const attribute of object.unknown ?? []) count(`${kind} attribute ${attribute.type}`);
		}
	}
	for (const message of wire.others) count(`message of type ${message.type}`);
	for (const route of wire.routes) {
		if (route.family !== 2 && route.family !== 10) count(`route of family ${route.family}`);
	}
	const notes = [...counts].map(([what, times]) => `not understood: ${what} (${times} times)`);
	return wire.unstable.length === 0
		? notes
		: [
				...notes,
				`went on changing while it was read, and may be incomplete: ${wire.unstable.join(", ")}`,
			];
}
