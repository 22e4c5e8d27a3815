import { EkexecError } from "../bytes/index.ts";
import type { NetworkCode } from "./error.ts";
import { familyOf, widthOf } from "./ip.ts";
import { Leavings, type LeftOut } from "./left-out.ts";
import { withinLimits } from "./limits.ts";
import { lookUp } from "./lookup.ts";
import { type LinkMatch, matchesOf } from "./match.ts";
import type { Link, Network, Rule } from "./model.ts";
import { type Rename, renames } from "./names.ts";
import { planAddresses } from "./plan-addresses.ts";
import { planRouting } from "./plan-routing.ts";
import { publicResolvers } from "./read/resolver.ts";
import { renameLinks } from "./rename.ts";
import { isHardware, selectLinks } from "./select.ts";
import { showRule } from "./show.ts";
import { carries, findWayBack, type SshConnection, type WayBack } from "./way-back.ts";

export interface PlanOptions {
	/** The login that must work again. Without it no way back is checked. */
	readonly connection?: SshConnection;
	/** Links to carry although they would be left out: tunnels without keys, dummies, empty bridges. */
	readonly keep?: readonly string[];
}

/** What the rescue system's network will be, and why anything of the host's is not in it. A value: printable, serialisable. */
export interface Plan {
	/** Only what is carried, under the names of the rescue system, nothing the kernel makes by itself. */
	readonly network: Network;
	readonly leftOut: readonly LeftOut[];
	/** Carried, but not as it was: leases pinned, modes approximated. In words. */
	readonly changed: readonly string[];
	readonly renames: readonly Rename[];
	/** How hardware is recognised, by its name in the rescue system. */
	readonly matches: readonly LinkMatch[];
	/** Names in the rescue system of the links below the login; empty without one. */
	readonly wayBackLinks: readonly string[];
	/** The way back in the network as it was. */
	readonly wayBack?: WayBack;
	/** Words for the rescue kernel's command line without which the plan does not work. */
	readonly kernelParameters: readonly string[];
	readonly warnings: readonly string[];
	/** Why the login would not work again. */
	readonly refusal?: EkexecError<NetworkCode>;
}

/** Decides what of a network is carried over. Pure; a login that cannot be carried is told in `refusal`, not thrown. */
export function planNetwork(network: Network, options: PlanOptions = {}): Plan {
	const leavings = new Leavings();
	const changed: string[] = [];
	const warnings: string[] = [...network.notes];
	const { wayBack, refusal } = lookForWayBack(network, options.connection);
	const needed = new Set(wayBack?.links ?? []);
	const verdicts = selectLinks(network, { needed, keep: new Set(options.keep ?? []) });
	/** Why a link is not carried; undefined if it is. lo always is. */
	const reasonOf = (name: string): string | undefined => {
		const verdict = verdicts.get(name);
		return verdict === undefined || verdict.carried ? undefined : verdict.reason;
	};
	const carried = new Set<string>();
	for (const { name } of network.links) {
		const reason = reasonOf(name);
		if (reason === undefined) carried.add(name);
		else leavings.add("link", name, reason);
	}
	for (const name of (options.keep ?? []).filter((each) => !carried.has(each))) {
		const reason = reasonOf(name) ?? "there is no such link";
		warnings.push(`${name} was to be kept but cannot be: ${reason}`);
	}

	const links = network.links
		.filter((link) => carried.has(link.name))
		.map((link) => planLink(link, network, carried, leavings));
	const addresses = planAddresses(network, carried, wayBack?.address, leavings, changed);
	const routing = planRouting(network, {
		carried,
		addresses,
		needed: wayBack === undefined ? [] : [wayBack.route, wayBack.localRoute],
		leavings,
		changed,
		warnings,
	});
	if (wayBack !== undefined) warnings.push(...announced(wayBack, network));
	const found = renames(
		links.filter((link) => link.type !== "loopback"),
		network.links,
	);
	const names = new Map(found.map((each) => [each.from, each.to]));
	const to = (name: string): string => names.get(name) ?? name;
	const resolver = {
		...network.resolver,
		servers: network.resolver.servers.filter((server) => {
			const zone = server.split("%", 2)[1];
			return zone === undefined || carried.has(zone);
		}),
	};
	const rules = [...routing.rules, ...withoutMark(wayBack, changed)];
	const wanted = { ...network, links, addresses, ...routing, rules, resolver, notes: [] };
	const planned = renameLinks(withinLimits(wanted, leavings, changed), names);

	if (network.resolver.source === publicResolvers) {
		warnings.push(
			`no nameserver of this host could be found; ${network.resolver.servers.join(" and ")} will be asked instead`,
		);
	}
	const matches = matchesOf(
		planned.links.filter(isHardware),
		network.links.filter(isHardware),
		new Map(found.map((each) => [each.to, each.from])),
	);
	for (const { name, originalName } of matches) {
		if (originalName === undefined) continue;
		warnings.push(
			`nothing but its name tells ${originalName} from other network cards${name === originalName ? "" : ` (it will be ${name})`}: the rescue system may take another one for it`,
		);
	}
	for (const server of resolver.servers) {
		const links = linksTo(network, server);
		if (links.length > 0 && !links.some((name) => carried.has(name)))
			warnings.push(
				`the way to nameserver ${server} is ${links.join(" or ")}, which is left out: it may not answer`,
			);
	}
	leavings.add("setting", "nftables, iptables", "firewalls are not carried over");
	const lost = wayBack !== undefined && !carries(planned, wayBack, network, to);
	return {
		network: planned,
		leftOut: leavings.list(),
		changed,
		renames: found,
		matches,
		wayBackLinks: wayBack?.links.map(to) ?? [],
		...(wayBack === undefined ? {} : { wayBack }),
		kernelParameters: kernelParameters(planned.links),
		warnings,
		...(refusal === undefined ? {} : { refusal }),
		...(lost ? { refusal: cannotCarry(wayBack, reasonOf) } : {}),
	};
}

function lookForWayBack(
	network: Network,
	connection: SshConnection | undefined,
): { readonly wayBack?: WayBack; readonly refusal?: EkexecError<NetworkCode> } {
	if (connection === undefined) return {};
	try {
		return { wayBack: findWayBack(network, connection) };
	} catch (error) {
		if (error instanceof EkexecError && error.kind === "refused") return { refusal: error };
		throw error;
	}
}

/** Links by which a packet to this address may leave. */
function linksTo(network: Network, destination: string): readonly string[] {
	const [address = "", zone] = destination.split("%", 2);
	const source = familyOf(address) === 4 ? "0.0.0.0" : "::";
	const flow = { source, destination: address, ipProtocol: 17, destinationPort: 53, uid: 0 };
	const found = lookUp(network, zone === undefined ? flow : { ...flow, zone });
	return found?.ways.map(({ link }) => link) ?? [];
}

/** An address on no card is found by those only who are told the way to it. */
function announced({ address, connection }: WayBack, network: Network): readonly string[] {
	const link = network.links.find((each) => each.name === address?.link);
	if (link !== undefined && link.type !== "loopback" && link.kind !== "dummy") return [];
	return [
		`this login's address ${connection.server} is on no network card: if a routing daemon of this host announces it, the rescue system will not be found there; log in by another address then`,
	];
}

/** The rule that leads the answers by their source address to where a firewall's mark led them. */
function withoutMark(wayBack: WayBack | undefined, changed: string[]): readonly Rule[] {
	if (wayBack?.address === undefined || (wayBack.rule.mark ?? 0) === 0) return [];
	const { mark: _mark, mask: _mask, ...rest } = wayBack.rule;
	const { address, family } = wayBack.address;
	const rule: Rule = { ...rest, from: `${address}/${widthOf(family)}`, protocol: "static" };
	changed.push(
		`answers of this login seem to follow a firewall's mark ("${showRule(wayBack.rule)}"), which nothing sets in the rescue system: "${showRule(rule)}" leads them there`,
	);
	return [rule];
}

function kernelParameters(links: readonly Link[]): readonly string[] {
	const has = (kind: string) => links.some((link) => link.kind === kind);
	return [
		// sshd listens once for all VRFs (Documentation/networking/vrf.rst).
		...(has("vrf") ? ["sysctl.net.ipv4.tcp_l3mdev_accept=1"] : []),
		// Loaded without these, the modules make a bond0 and a dummy0 of their own, which get in the way.
		...(has("bond") ? ["bonding.max_bonds=0"] : []),
		...(has("dummy") ? ["dummy.numdummies=0"] : []),
	];
}

function cannotCarry(
	wayBack: WayBack,
	reason: (link: string) => string | undefined,
): EkexecError<NetworkCode> {
	const { client, server } = wayBack.connection;
	const lost = wayBack.links.find((name) => reason(name) !== undefined);
	return new EkexecError(
		"refused",
		"NETWORK_WAY_BACK",
		lost === undefined
			? `this login (${client} to ${server}) would not reach the rescue system: it does not come in through a network card`
			: `this login (${client} to ${server}) would not reach the rescue system: it comes in through ${lost}, which is left out (${reason(lost)})`,
		{ remedy: "Log in to an address of a network card, bond, VLAN or bridge of this host." },
	);
}

function planLink(
	link: Link,
	network: Network,
	carried: ReadonlySet<string>,
	leavings: Leavings,
): Link {
	const { master, ...rest } = link;
	if (master !== undefined && !carried.has(master)) {
		leavings.add("setting", `${link.name} in ${master}`, "the bond, bridge or VRF is left out");
		const { port: _port, ...alone } = rest;
		return alone;
	}
	if (link.details?.kind === "bridge") {
		const ports = network.links.filter((each) => each.master === link.name);
		for (const port of ports.filter((each) => !carried.has(each.name))) {
			leavings.add("setting", `port ${port.name} of ${link.name}`, "the port is left out");
		}
	}
	return link;
}
