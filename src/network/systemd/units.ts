import { familyOf } from "../ip.ts";
import type { LinkMatch } from "../match.ts";
import type { Address, Link, Network } from "../model.ts";
import type { Plan } from "../plan.ts";
import { isHardware } from "../select.ts";
import { type Section, unitFile, type Value } from "./ini.ts";
import { renderNetdev } from "./netdev.ts";
import {
	addressSection,
	linkLines,
	neighbourSection,
	nexthopSection,
	portSections,
	routeSection,
	ruleSection,
	vlanSections,
} from "./network.ts";

type Line = readonly [string, Value];
type Lines = readonly Line[];

/** A unit file, for /etc/systemd/network or /run/systemd/network. */
export interface UnitFile {
	readonly name: string;
	readonly content: string;
}

/**
 * The files from which udev and systemd-networkd (252 or later) make the planned network. They need the plan's
 * `kernelParameters` too.
 *
 * networkd's own ideas are switched off (DHCP, router advertisements, made-up broadcast addresses), so that the
 * result is what was planned and not more; and it waits for no carrier, except on the links of the login.
 */
export function renderUnits(plan: Plan): readonly UnitFile[] {
	const { network } = plan;
	const files: UnitFile[] = [];
	const placed = placeRouting(network);
	for (const link of network.links) {
		const stem = fileStem(link);
		const match = plan.matches.find((each) => each.name === link.name);
		if (match !== undefined) {
			files.push({ name: `${stem}.link`, content: linkFile(match) });
		}
		const netdev =
			link.type === "loopback" ? undefined : renderNetdev(link, parentOf(network, link));
		if (netdev !== undefined) files.push({ name: `${stem}.netdev`, content: netdev });
		const text = networkFile(plan, link, match, placed.get(link.name) ?? []);
		if (text !== undefined) files.push({ name: `${stem}.network`, content: text });
	}
	return files;
}

/** resolv.conf(5). The caller writes it where the rescue system's resolver looks. */
export function renderResolvConf(network: Network): string {
	const { servers, search, options } = network.resolver;
	return [
		...servers.map((server) => `nameserver ${server}\n`),
		...(search.length === 0 ? [] : [`search ${search.join(" ")}\n`]),
		...(options.length === 0 ? [] : [`options ${options.join(" ")}\n`]),
	].join("");
}

/** The first file that matches a link counts: links made here go by name, before cards, which go by MAC. */
function fileStem(link: Link): string {
	return `${isHardware(link) ? "01" : "00"}-ekexec-${link.name}`;
}

function matchLines(match: LinkMatch): Lines {
	return [
		["PermanentMACAddress", match.permanentMac],
		["Path", match.path],
		["Driver", match.driver],
	];
}

function linkFile(match: LinkMatch): string {
	return unitFile([
		{ name: "Match", lines: [...matchLines(match), ["OriginalName", match.originalName]] },
		{ name: "Link", lines: [["Name", match.name]] },
	]);
}

function networkFile(
	plan: Plan,
	link: Link,
	match: LinkMatch | undefined,
	routing: readonly Section[],
): string | undefined {
	const { network } = plan;
	const addresses = network.addresses.filter((each) => each.link === link.name);
	const explicit = addresses.filter((each) => each.origin !== "link-local");
	const neighbours = network.neighbours.filter((each) => each.link === link.name);
	const configured = explicit.length + routing.length + neighbours.length > 0;
	if (link.type === "loopback" && !configured) return undefined;

	const master = network.links.find((each) => each.name === link.master);
	const byName = match === undefined || match.originalName !== undefined ? link.name : undefined;
	return unitFile([
		{
			name: "Match",
			lines: [...(match === undefined ? [] : matchLines(match)), ["Name", byName]],
		},
		{ name: "Link", lines: linkSection(plan, link, master, explicit.length > 0) },
		{ name: "Network", lines: networkSection(plan, link, master, addresses) },
		...explicit.map(addressSection),
		...neighbours.map(neighbourSection),
		...routing,
		...bridgeSections(link, master),
	]);
}

function linkSection(
	plan: Plan,
	link: Link,
	master: Link | undefined,
	hasAddresses: boolean,
): Lines {
	const { wayBack, wayBackLinks, network } = plan;
	const parent = parentOf(network, link);
	const loopback = link.type === "loopback";
	// Members of a bond take its address; virtual links have theirs from the .netdev; InfiniBand's cannot be set.
	const macIsItsOwn =
		master?.kind === "bond" ||
		!isHardware(link) ||
		link.type !== "ether" ||
		link.permanentMac === link.mac;
	// A dead card must not hold up the boot; only the login's own address is worth waiting for.
	const onWay =
		wayBackLinks.includes(link.name) && (hasAddresses || wayBack?.address === undefined);
	const family = wayBack === undefined ? 4 : familyOf(wayBack.connection.server);
	return [
		...linkLines(link, parent, macIsItsOwn),
		["RequiredForOnline", loopback ? undefined : onWay],
		["RequiredFamilyForOnline", onWay && !loopback ? `ipv${family}` : undefined],
	];
}

function networkSection(
	plan: Plan,
	link: Link,
	master: Link | undefined,
	addresses: readonly Address[],
): Lines {
	if (link.type === "loopback") return [];
	const { links, resolver } = plan.network;
	const stacked = (kind: string): Lines =>
		links
			.filter((each) => each.parent === link.name && each.kind === kind)
			.map((each) => [kind.toUpperCase(), each.name]);
	const under = (kind: string) => (master?.kind === kind ? master.name : undefined);
	const bonded = master?.kind === "bond";
	const resolving = link.name === resolvingLink(plan);
	const { servers, search } = resolving ? resolver : { servers: [], search: [] };
	return [
		["DHCP", false],
		["IPv6AcceptRA", false],
		[
			"LinkLocalAddressing",
			addresses.some((each) => each.origin === "link-local") ? "ipv6" : false,
		],
		["LLDP", false],
		["ConfigureWithoutCarrier", bonded ? undefined : true],
		["Bond", under("bond")],
		["PrimarySlave", bonded && isPrimary(link, master) ? true : undefined],
		["Bridge", under("bridge")],
		["VRF", under("vrf")],
		...stacked("vlan"),
		...stacked("macvlan"),
		...stacked("ipvlan"),
		...servers.map((each): Line => ["DNS", each]),
		["Domains", search.length > 0 ? search.join(" ") : undefined],
	];
}

function parentOf(network: Network, link: Link): Link | undefined {
	return network.links.find((each) => each.name === link.parent);
}

/** What a link is to a bridge: a port of one, or one itself. */
function bridgeSections(link: Link, master: Link | undefined): readonly Section[] {
	if (link.details?.kind === "bridge") {
		return vlanSections(filtering(link) ? link.details.vlans : []);
	}
	if (link.port?.kind !== "bridge" || master?.kind !== "bridge") return [];
	return portSections(filtering(master) ? link.port : { ...link.port, vlans: [] });
}

function isPrimary(link: Link, bond: Link): boolean {
	return bond.details?.kind === "bond" && bond.details.primary === link.name;
}

function filtering(bridge: Link): boolean {
	return bridge.details?.kind === "bridge" && bridge.details.vlanFiltering;
}

/** The link whose unit tells systemd-resolved the servers: the login's, else that of the first default route. */
function resolvingLink(plan: Plan): string | undefined {
	const { network } = plan;
	const toWorld = network.routes.find(
		(route) => /^(0\.0\.0\.0|::)\/0$/.test(route.destination) && route.link !== undefined,
	);
	return plan.wayBackLinks.find((name) => !isPort(network, name)) ?? toWorld?.link;
}

function isPort(network: Network, name: string): boolean {
	const link = network.links.find((each) => each.name === name);
	return link?.kind === "vrf" || link?.port !== undefined;
}

/**
 * Rules, routes and nexthops by the link whose file holds them. What belongs to no link stands with lo, which is
 * always there: rules first, so that no route is used before the rule that guards it.
 */
function placeRouting(network: Network): ReadonlyMap<string, readonly Section[]> {
	const placed = new Map<string, Section[]>();
	const place = (link: string | undefined, section: Section): void => {
		const at = link ?? "lo";
		const list = placed.get(at);
		if (list === undefined) placed.set(at, [section]);
		else list.push(section);
	};
	for (const rule of network.rules) place(undefined, ruleSection(rule));
	for (const hop of network.nexthops) place(hop.link, nexthopSection(hop));
	for (const route of network.routes) {
		place(
			route.link ?? route.hops?.find((hop) => hop.link !== undefined)?.link,
			routeSection(route),
		);
	}
	return placed;
}
