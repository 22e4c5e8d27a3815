import {
	addrGenModes,
	type BridgeLink,
	bridgeVlanFlags,
	hardwareTypes,
	linkFlags,
	operStates,
	type Link as WireLink,
} from "../../netlink/index.ts";
import { showIp } from "../ip.ts";
import type { Link, LinkDetails, PortDetails, PortVlan } from "../model.ts";
import type { RawNetwork } from "../raw.ts";
import { readDetails, readPort } from "./details.ts";
import { bitNames, defined, nameOf, positive, snake } from "./names.ts";

/** Names that `ip` gives to hardware types where the kernel's differ. */
const typeNames: Readonly<Record<string, string>> = {
	tunnel: "ipip",
	ipgre: "gre",
	ip6gre: "gre6",
};

export type LinkNames = (index: number | undefined) => string | undefined;

/** Name of a link by its index, for one dump. */
export function linkNames(links: readonly WireLink[]): LinkNames {
	const names = new Map(links.map((link) => [link.index, link.ifname ?? `if${link.index}`]));
	return (index) => (index === undefined ? undefined : names.get(index));
}

export function readLink(
	link: WireLink,
	names: LinkNames,
	vlans: ReadonlyMap<number, readonly PortVlan[]>,
	raw: RawNetwork,
	/** Whether this kernel tells permanent MACs by itself (5.6 and later): a card without one has none then. */
	tellsPermanent: boolean,
): Link {
	const name = names(link.index) ?? "";
	const kind = link.linkinfo?.kind;
	const foreign = link.linkNetnsid !== undefined && (link.link ?? 0) !== 0 && kind !== "veth";
	const below = foreign || kind === "veth" || link.link === link.index ? undefined : link.link;
	const generation = link.afSpec?.inet6?.addrGenMode;
	const own = vlans.get(link.index);
	const type = nameOf(hardwareTypes, link.type);
	return defined({
		name,
		index: link.index,
		type: typeNames[type] ?? type,
		kind,
		mac: hardwareAddress(link),
		permanentMac: permanentMac(link, name, raw, tellsPermanent),
		mtu: link.mtu ?? 0,
		flags: bitNames(linkFlags, link.flags).map(snake),
		operState: nameOf(operStates, link.operstate ?? 0),
		group: positive(link.group),
		txQueueLength: link.txqlen,
		alternativeNames: link.propList?.altIfname,
		alias: link.ifalias,
		addressGeneration:
			generation === undefined ? undefined : snake(nameOf(addrGenModes, generation)),
		master: names(positive(link.master)),
		parent: names(positive(below)),
		foreignParent: foreign ? (true as const) : undefined,
		...sysfs(name, raw),
		details: withVlans(readDetails(link, names), own),
		port: withPortVlans(readPort(link), own),
	});
}

/** Types whose hardware address is the IP address of their near end. */
const overIp: ReadonlySet<number> = new Set([
	hardwareTypes.tunnel,
	hardwareTypes.tunnel6,
	hardwareTypes.sit,
	hardwareTypes.ipgre,
	hardwareTypes.ip6gre,
]);

function hardwareAddress(link: WireLink): string | undefined {
	if (link.address === undefined || link.address === "") return undefined;
	const bytes = link.address.split(":").map((digits) => Number.parseInt(digits, 16));
	const isIp = overIp.has(link.type) && (bytes.length === 4 || bytes.length === 16);
	return isIp ? showIp(Uint8Array.from(bytes)) : link.address;
}

function permanentMac(
	link: WireLink,
	name: string,
	raw: RawNetwork,
	tellsPermanent: boolean,
): string | undefined {
	// What a bond knows is the address that its port came with: burnt in for the most part, but also a random one.
	const told =
		link.permAddress ?? (tellsPermanent ? undefined : link.linkinfo?.bondSlave?.permHwaddr);
	if (told !== undefined) return /^[0:]*$/.test(told) ? undefined : told;
	if (link.type === hardwareTypes.loopback) return undefined;
	// NET_ADDR_PERM of linux/netdevice.h: the address of now is the one burnt in.
	const assigned = raw.files.get(`/sys/class/net/${name}/addr_assign_type`);
	const permanent = link.linkinfo?.kind === undefined && assigned?.[0] === 0x30;
	return permanent ? link.address : undefined;
}

function sysfs(
	name: string,
	raw: RawNetwork,
): Pick<Link, "driver" | "devicePath" | "wireless" | "virtualFunction"> {
	const folder = `/sys/class/net/${name}`;
	const has = (link: string) =>
		raw.symlinks.has(`${folder}/${link}`) ? (true as const) : undefined;
	return defined({
		// What a link in sysfs says is the target's to choose, and this is printed.
		driver: raw.symlinks.get(`${folder}/device/driver`)?.match(/\/drivers\/([\w.-]+)$/)?.[1],
		devicePath: raw.symlinks.get(folder)?.match(/\/devices\/(?!virtual\/)(.+)\/net\/[^/]+$/)?.[1],
		wireless: has("phy80211"),
		// In a virtual machine that was given one, there is no physical function beside it.
		virtualFunction: has("device/physfn"),
	});
}

function withVlans(
	details: LinkDetails | undefined,
	vlans: readonly PortVlan[] | undefined,
): LinkDetails | undefined {
	return details?.kind === "bridge" && vlans !== undefined ? { ...details, vlans } : details;
}

function withPortVlans(
	port: PortDetails | undefined,
	vlans: readonly PortVlan[] | undefined,
): PortDetails | undefined {
	return port?.kind === "bridge" && vlans !== undefined ? { ...port, vlans } : port;
}

/** VLANs of bridge ports and bridges by index. Ranges come as two entries, begin and end. */
export function readBridgeVlans(
	links: readonly BridgeLink[],
): ReadonlyMap<number, readonly PortVlan[]> {
	const found = new Map<number, readonly PortVlan[]>();
	for (const link of links) {
		const vlans: PortVlan[] = [];
		let begin: number | undefined;
		for (const { flags, vid } of link.afSpec?.vlanInfo ?? []) {
			const names = bitNames(bridgeVlanFlags, flags);
			if (names.includes("rangeBegin")) {
				begin = vid;
				continue;
			}
			const first = names.includes("rangeEnd") ? (begin ?? vid) : vid;
			vlans.push(
				defined({
					id: first,
					end: first === vid ? undefined : vid,
					pvid: names.includes("pvid") ? (true as const) : undefined,
					untagged: names.includes("untagged") ? (true as const) : undefined,
				}),
			);
			begin = undefined;
		}
		// The kernel is silent of a port without any, and so are cards that tell of themselves beside their bridge.
		if (vlans.length > 0 || !found.has(link.index)) found.set(link.index, vlans);
	}
	return found;
}
