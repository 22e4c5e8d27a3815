import { EkexecError } from "../bytes/index.ts";
import type { NetworkCode } from "./error.ts";
import { canonicalIp, familyOf, holds, isLinkLocal, parseIp, unmapped } from "./ip.ts";
import { asRunning } from "./kernel-made.ts";
import { type Flow, type Found, lookUp, waysOf } from "./lookup.ts";
import type { Address, Link, Network, Route, Rule } from "./model.ts";
import { isHardware } from "./select.ts";

/** The two ends of an SSH connection as the target sees them. */
export interface SshConnection {
	/** Address of the client, canonical, without zone. */
	readonly client: string;
	readonly clientPort: number;
	/** Address of the target that the client reached; private behind NAT, which is fine. */
	readonly server: string;
	readonly serverPort: number;
	/** Link of a link-local client address. */
	readonly zone?: string;
}

/** What has to survive so that the same login works again. Links by their names in the network it was made from. */
export interface WayBack {
	readonly connection: SshConnection;
	/** The address that the client reached. Absent: a local route (AnyIP) answers for it. */
	readonly address?: Address;
	/** The route by which the host takes the address for its own, where no interface holds it. */
	readonly localRoute?: Route;
	/** Rule and route that the answers follow. The rule has a mark where a firewall seems to lead them there. */
	readonly rule: Rule;
	readonly route: Route;
	/** Links that carry it, from the top of the stack down to hardware. */
	readonly links: readonly string[];
}

/** Reads the value of SSH_CONNECTION (sshd(8)): client address and port, server address and port. */
export function parseSshConnection(value: string): SshConnection {
	const [client = "", clientPort = "", server = "", serverPort = "", ...rest] = value
		.trim()
		.split(/\s+/);
	const [plain = "", zone] = client.split("%", 2);
	const [own = ""] = server.split("%", 1);
	const ports = [clientPort, serverPort].map(Number);
	if (
		rest.length > 0 ||
		parseIp(plain) === undefined ||
		parseIp(own) === undefined ||
		ports.some((port) => !Number.isInteger(port) || port < 1 || port > 65535)
	) {
		throw new EkexecError<NetworkCode>(
			"check",
			"NETWORK_SSH_CONNECTION",
			"SSH_CONNECTION cannot be read",
			{ expected: "client address, port, server address, port", found: JSON.stringify(value) },
		);
	}
	return {
		client: unmapped(canonicalIp(plain)),
		clientPort: Number(clientPort),
		server: unmapped(canonicalIp(own)),
		serverPort: Number(serverPort),
		...(zone === undefined ? {} : { zone }),
	};
}

/**
 * Finds what carries a login: the address it reached, the rule and route of the answers, and the links below
 * them. Throws `NETWORK_WAY_BACK` (refused) where the network as it stands does not explain the connection.
 */
export function findWayBack(network: Network, connection: SshConnection): WayBack {
	const { client, server, zone } = connection;
	const address = network.addresses.find(
		(each) =>
			each.address === server && (zone === undefined || !isLinkLocal(server) || each.link === zone),
	);
	const localRoute =
		address === undefined
			? network.routes.find((route) => route.type === "local" && holds(route.destination, server))
			: undefined;
	if (address === undefined && localRoute === undefined) {
		throw refuse(
			`SSH came in on ${server}, which no interface here holds`,
			"If the login ends in a container or another network namespace, log in to the host itself.",
		);
	}
	const vrf = masterOfKind(network, address?.link, "vrf");
	const found = answersOf(network, address, {
		source: server,
		destination: client,
		ipProtocol: 6,
		sourcePort: connection.serverPort,
		destinationPort: connection.clientPort,
		uid: 0,
		...(vrf === undefined ? {} : { vrf }),
		...(zone === undefined ? {} : { zone }),
	});
	if (found === undefined) {
		throw refuse(
			`no route of the model leads from ${server} to ${client}`,
			"The answers probably follow a firewall's mark. Log in by another address, or from a host that an unmarked route reaches.",
		);
	}
	const tops = new Set<string>();
	if (address !== undefined) tops.add(address.link);
	for (const way of found.ways) tops.add(way.link);
	const links = new Set<string>();
	for (const top of tops) for (const name of stackOf(network, top)) links.add(name);
	return {
		connection,
		...(address === undefined ? {} : { address }),
		...(localRoute === undefined ? {} : { localRoute }),
		rule: found.rule,
		route: found.route,
		links: [...links],
	};
}

/**
 * Where the answers go. Mostly where the routes lead; but if that is not the link with their address, and a firewall's
 * mark would lead them to that link, then a firewall remembers by marks where a connection came in.
 */
function answersOf(network: Network, address: Address | undefined, flow: Flow): Found | undefined {
	const found = lookUp(network, flow);
	const isHome = (each: Found | undefined): boolean =>
		each?.ways.some(({ link }) => link === address?.link) === true;
	if (isHome(found) || address === undefined) return found;
	const marked = network.rules
		.filter(({ mark, invert }) => mark !== undefined && mark !== 0 && invert !== true)
		.map((rule) => lookUp(network, { ...flow, markedFor: rule }));
	return marked.find((each) => each?.rule.mark !== undefined && isHome(each)) ?? found;
}

/** A link, its master if that is a VRF, and all links below it, from the top down. */
export function stackOf(network: Network, name: string): readonly string[] {
	const stack: string[] = [];
	const visit = (each: string): void => {
		const link = network.links.find((other) => other.name === each);
		if (link === undefined || stack.includes(each)) return;
		stack.push(each);
		for (const lower of lowersOf(network, link)) visit(lower.name);
	};
	const vrf = masterOfKind(network, name, "vrf");
	if (vrf !== undefined) stack.push(vrf);
	visit(name);
	return stack;
}

/**
 * Links directly below this one: ports of a bond or bridge, the parent of a VLAN. Ports of a VRF lie beside it, not
 * below; the fast path of a card is the card's own affair.
 */
export function lowersOf(network: Network, link: Link): readonly Link[] {
	const hasPorts = link.kind !== "vrf" && !isHardware(link);
	return network.links.filter(
		(other) => other.name === link.parent || (other.master === link.name && hasPorts),
	);
}

function masterOfKind(
	network: Network,
	name: string | undefined,
	kind: string,
): string | undefined {
	const seen = new Set<string>();
	for (let at = name; at !== undefined && !seen.has(at); ) {
		seen.add(at);
		const link = network.links.find((each) => each.name === at);
		const master = network.links.find((each) => each.name === link?.master);
		if (master?.kind === kind) return master.name;
		at = master?.name;
	}
	return undefined;
}

/**
 * Whether a planned network carries the same login: the address is there, and the answers leave by a route
 * with the same ways. `rename` maps names of the old network to the planned ones.
 */
export function carries(
	planned: Network,
	wayBack: WayBack,
	original: Network,
	rename: (name: string) => string,
): boolean {
	const zone = wayBack.connection.zone;
	const running = asRunning(planned);
	let now: WayBack;
	try {
		now = findWayBack(running, {
			...wayBack.connection,
			...(zone === undefined ? {} : { zone: rename(zone) }),
		});
	} catch {
		return false;
	}
	const ways = (network: Network, route: Route) =>
		waysOf(network, route).map((way) => `${way.link} ${way.gateway ?? ""}`);
	const before = waysOf(original, wayBack.route).map(
		(way) => `${rename(way.link)} ${way.gateway ?? ""}`,
	);
	const after = ways(running, now.route);
	return (
		after.length > 0 &&
		// Nothing marks packets there.
		(now.rule.mark ?? 0) === 0 &&
		after.every((way) => before.includes(way)) &&
		now.links.some((name) => planned.links.some((l) => l.name === name && isHardware(l))) &&
		familyOf(now.connection.server) === familyOf(wayBack.connection.server)
	);
}

function refuse(summary: string, remedy: string): EkexecError<NetworkCode> {
	return new EkexecError("refused", "NETWORK_WAY_BACK", summary, { remedy });
}
