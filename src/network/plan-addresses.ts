import { networkOf, widthOf } from "./ip.ts";
import { isOwnLinkLocal, isOwnLoopback } from "./kernel-made.ts";
import type { Leavings } from "./left-out.ts";
import type { Address, Network } from "./model.ts";
import { showAddress } from "./show.ts";

/** Flags that are settings; the others are states or follow from lifetimes. */
const settings = new Set(["noprefixroute", "nodad", "home", "autojoin", "deprecated", "secondary"]);

/** Addresses that are carried, over links already decided. */
export function planAddresses(
	network: Network,
	carried: ReadonlySet<string>,
	wayBack: Address | undefined,
	leavings: Leavings,
	changed: string[],
): readonly Address[] {
	const kept: Address[] = [];
	const links = new Map(network.links.map((link) => [link.name, link]));
	for (const address of network.addresses) {
		if (isOwnLoopback(address)) continue;
		const reason = whyNot(address, carried, address === wayBack);
		if (reason !== undefined) {
			leavings.add("address", showAddress(address), reason);
			continue;
		}
		const { validLifetime, preferredLifetime, protocol: _protocol, ...rest } = address;
		const flags = address.flags.filter((flag) => settings.has(flag));
		const lasting = validLifetime === undefined;
		if (!lasting) changed.push(`${showAddress(address)}: ${pinned[address.origin]}`);
		else if (address.origin === "lease") changed.push(`${showAddress(address)}: ${pinned.lease}`);
		const own = isOwnLinkLocal(address, links.get(address.link));
		kept.push({
			...rest,
			// Deprecation of an address that lasts is a setting; of a leased one it was a phase.
			flags: lasting ? flags : flags.filter((flag) => flag !== "deprecated"),
			...(lasting && preferredLifetime === 0 ? { preferredLifetime } : {}),
			origin: own ? "link-local" : "static",
		});
	}
	const sources = new Set(network.routes.map((route) => route.preferredSource));
	const isNeeded = (each: Address) =>
		each.address === wayBack?.address || sources.has(each.address);
	return markSecondary(fewEnough(kept, isNeeded, leavings));
}

/** systemd-networkd (252) takes no more for one link, and leaves out what comes last (STATIC_ADDRESSES_PER_NETWORK_MAX). */
const maxAddresses = 1024;

/** Of each link first what is needed, then what makes gateways reachable, then the rest. */
function fewEnough(
	addresses: readonly Address[],
	isNeeded: (address: Address) => boolean,
	leavings: Leavings,
): readonly Address[] {
	if (addresses.length <= maxAddresses) return addresses;
	const lost = new Set<Address>();
	for (const link of new Set(addresses.map((each) => each.link))) {
		const all = addresses.filter((each) => each.link === link);
		const networks = new Set<string>();
		const rank = (each: Address): number => {
			if (isNeeded(each)) return 0;
			const isHost = each.peer === undefined && each.prefix === widthOf(each.family);
			const net = networkOf(each.peer ?? each.address, each.prefix);
			const isFirst = !isHost && !networks.has(net);
			networks.add(net);
			return isFirst ? 1 : 2;
		};
		const ranked = all.map((each) => ({ each, rank: rank(each) }));
		ranked.sort((a, b) => a.rank - b.rank);
		for (const { each } of ranked.slice(maxAddresses)) lost.add(each);
	}
	for (const each of lost) {
		const reason = `more than ${maxAddresses} addresses of a link cannot be carried`;
		leavings.add("address", showAddress(each), reason);
	}
	return addresses.filter((each) => !lost.has(each));
}

const pinned = {
	lease: "leased, will be set for good",
	slaac: "from a router advertisement, will be set for good",
	temporary: "temporary, will be set for good since this login came in on it",
	static: "of limited lifetime, will be set for good",
	"link-local": "of limited lifetime, will be set for good",
	loopback: "of limited lifetime, will be set for good",
} as const;

function whyNot(
	address: Address,
	carried: ReadonlySet<string>,
	isOfLogin: boolean,
): string | undefined {
	if (!carried.has(address.link)) return `its link ${address.link} is left out`;
	if (isOfLogin) return undefined;
	if (address.flags.includes("dadfailed")) return "another host has the same address";
	if (address.origin === "temporary") return "a temporary address, made for outgoing connections";
	if (address.validLifetime !== undefined && address.flags.includes("deprecated"))
		return "deprecated by the network that gave it";
	return undefined;
}

/** The kernel calls an IPv4 address secondary that came after another of the same prefix (net/ipv4/devinet.c). */
function markSecondary(addresses: readonly Address[]): readonly Address[] {
	const primaries = new Set<string>();
	return addresses.map((address) => {
		if (address.family !== 4) return address;
		const flags = address.flags.filter((flag) => flag !== "secondary");
		const net = `${address.link} ${networkOf(address.peer ?? address.address, address.prefix)}`;
		if (primaries.has(net)) return { ...address, flags: [...flags, "secondary"] };
		primaries.add(net);
		return { ...address, flags };
	});
}
