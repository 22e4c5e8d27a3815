// The JSON that a kexec tarball of nix-community/nixos-images reads: shapes of `ip -json addr` and `ip -json route`.

import { EkexecError } from "../bytes/index.ts";
import { shortTarget } from "./emergency.ts";
import type { NetworkCode } from "./error.ts";
import { holds } from "./ip.ts";
import { mainTable } from "./kernel-made.ts";
import { waysOf } from "./lookup.ts";
import type { Address, Family, Link, Network, Route } from "./model.ts";
import type { Plan } from "./plan.ts";
import { isHardware } from "./select.ts";
import { showAddress, showRoute, showRule } from "./show.ts";
import type { UnitFile } from "./systemd/units.ts";

/** The files, and what of the plan they cannot say. */
export interface NixosFiles {
	readonly files: readonly UnitFile[];
	readonly leftOut: readonly string[];
}

/**
 * Normalises a plan for that project's restore script, which knows network cards by their permanent MAC, addresses
 * and plain routes: a bridge or active-backup bond becomes its port, a multipath route several routes, a gateway
 * outside the subnet onlink. VLANs, other bonds, VRFs, MTUs, metrics, tables, rules and nameservers cannot be said:
 * throws `NETWORK_UNSAYABLE` (refused) where the login depends on one, else tells them in `leftOut`.
 */
export function renderNixosImages(plan: Plan): NixosFiles {
	const { network } = plan;
	const leftOut: string[] = [];
	const cards = new Map<string, Link>();
	for (const link of network.links) {
		if (link.type === "loopback") continue;
		const card = cardOf(network, link);
		if (card?.permanentMac === undefined)
			leftOut.push(`link ${link.name} (${link.kind ?? "no MAC"})`);
		else cards.set(link.name, card);
		if (link.mtu !== 1500 && isHardware(link)) leftOut.push(`MTU ${link.mtu} of ${link.name}`);
	}
	refuseIfLost(plan, cards);
	const addresses = network.addresses.filter((each) => {
		const kept = cards.has(each.link) && each.origin !== "link-local";
		if (!kept && each.origin !== "link-local") leftOut.push(`address ${showAddress(each)}`);
		return kept;
	});
	const reachable = (card: Link, gateway: string) =>
		addresses.some(
			(each) =>
				cards.get(each.link) === card &&
				holds(`${each.peer ?? each.address}/${each.prefix}`, gateway),
		);
	const routes = (family: Family) =>
		network.routes
			.filter((route) => route.family === family)
			.flatMap((route) => {
				const told = toldRoutes(network, route, cards, reachable);
				if (told.length === 0) leftOut.push(`route ${showRoute(route)}`);
				else if (route.metric !== undefined && family === 4)
					leftOut.push(`metric of route ${showRoute(route)}`);
				return told;
			});
	for (const rule of network.rules) leftOut.push(`rule ${showRule(rule)}`);
	if (network.resolver.servers.length > 0) leftOut.push("nameservers");
	const distinct = [...new Set(cards.values())];
	const json = (value: unknown) => `${JSON.stringify(value)}\n`;
	return {
		files: [
			{
				name: "addrs.json",
				content: json(
					distinct.map((card) => ({
						link_type: card.type,
						address: card.permanentMac,
						ifname: card.name,
						addr_info: addresses.filter((each) => cards.get(each.link) === card).map(toldAddress),
					})),
				),
			},
			{ name: "routes-v4.json", content: json([...peerRoutes(addresses, cards, 4), ...routes(4)]) },
			{ name: "routes-v6.json", content: json([...peerRoutes(addresses, cards, 6), ...routes(6)]) },
		],
		leftOut: [...new Set(leftOut)],
	};
}

/** The card that stands in for a link: itself, or the port of a bridge or active-backup bond. */
function cardOf(network: Network, link: Link): Link | undefined {
	if (isHardware(link)) return link;
	const details = link.details;
	const stands =
		(details?.kind === "bridge" && !details.vlanFiltering) ||
		(details?.kind === "bond" && details.mode === "active-backup");
	if (!stands) return undefined;
	const ports = network.links.filter((each) => each.master === link.name);
	const primary = details.kind === "bond" ? details.primary : undefined;
	const port =
		ports.find((each) => each.name === primary) ??
		ports.find((each) => each.flags.includes("lower_up")) ??
		ports[0];
	return port === undefined ? undefined : cardOf(network, port);
}

/** IFA_F_PERMANENT in seconds. */
const forever = 0xffff_ffff;

function toldAddress(address: Address): object {
	return {
		family: address.family === 4 ? "inet" : "inet6",
		local: address.address,
		prefixlen: address.prefix,
		scope: address.scope,
		valid_life_time: forever,
		preferred_life_time: address.preferredLifetime ?? forever,
	};
}

interface ToldRoute {
	readonly dst: string;
	readonly gateway?: string;
	readonly via?: { readonly family: string; readonly host: string };
	readonly dev: string;
	readonly protocol: "static";
	readonly flags: readonly string[];
}

function toldRoutes(
	network: Network,
	route: Route,
	cards: ReadonlyMap<string, Link>,
	reachable: (card: Link, gateway: string) => boolean,
): readonly ToldRoute[] {
	if (route.table !== mainTable || route.type !== "unicast" || route.from !== undefined) return [];
	return waysOf(network, route).flatMap(({ link, gateway }): ToldRoute[] => {
		const card = cards.get(link);
		if (card === undefined) return [];
		const family = gateway?.includes(":") === true ? 6 : 4;
		const foreign = gateway !== undefined && family !== route.family;
		const onlink =
			gateway !== undefined && !holds("fe80::/10", gateway) && !reachable(card, gateway);
		return [
			{
				dst: shortTarget(route.destination),
				...(gateway === undefined
					? {}
					: foreign
						? { via: { family: family === 6 ? "inet6" : "inet", host: gateway } }
						: { gateway }),
				dev: card.name,
				protocol: "static",
				flags: onlink ? ["onlink"] : [],
			},
		];
	});
}

/** The other end of a point-to-point address, which that format has no word for, as a route of its own. */
function peerRoutes(
	addresses: readonly Address[],
	cards: ReadonlyMap<string, Link>,
	family: Family,
): readonly ToldRoute[] {
	return addresses.flatMap((each) => {
		const card = cards.get(each.link);
		if (each.peer === undefined || each.family !== family || card === undefined) return [];
		const dst = shortTarget(`${each.peer}/${each.prefix}`);
		return [{ dst, dev: card.name, protocol: "static" as const, flags: [] }];
	});
}

function refuseIfLost(plan: Plan, cards: ReadonlyMap<string, Link>): void {
	const { wayBack, wayBackLinks, network } = plan;
	if (wayBack === undefined) return;
	const lost = wayBackLinks.find((name) => {
		const link = network.links.find((each) => each.name === name);
		const port = link?.port !== undefined || cards.has(name);
		return !port;
	});
	const reason =
		lost !== undefined
			? `it comes in through ${lost}`
			: wayBack.route.table !== mainTable && wayBack.route.protocol !== "kernel"
				? `its answers follow table ${wayBack.route.table}`
				: undefined;
	if (reason === undefined) return;
	throw new EkexecError<NetworkCode>(
		"refused",
		"NETWORK_UNSAYABLE",
		`the network files of a nixos-images tarball cannot carry this login: ${reason}`,
		{ remedy: "Use an image of ekexec's own, which configures systemd-networkd." },
	);
}
