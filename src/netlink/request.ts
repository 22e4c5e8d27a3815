import type { Endian } from "../bytes/index.ts";
import { frame, messageFlags, messageTypes } from "./message.ts";
import { families } from "./tables/link.ts";
import { neighbourFlags } from "./tables/neighbour.ts";

/** The dumps that together say what a host's network is. */
export type DumpName =
	| "links"
	| "bridgeLinks"
	| "addresses"
	| "routes"
	| "rules"
	| "nexthops"
	| "neighbours"
	| "proxies";

/** Order in which they are asked for: what refers comes after what it refers to. */
export const dumpNames: readonly DumpName[] = [
	"links",
	"bridgeLinks",
	"addresses",
	"nexthops",
	"routes",
	"rules",
	"neighbours",
	"proxies",
];

/** RTNLGRP_* of linux/rtnetlink.h: multicast groups that tell of changes. */
export const multicastGroups = {
	link: 1,
	neighbour: 3,
	ipv4Address: 5,
	ipv4Route: 7,
	ipv4Rule: 8,
	ipv6Address: 9,
	ipv6Route: 11,
	ipv6Rule: 19,
	nexthop: 32,
} as const;

interface Request {
	readonly type: number;
	/** Size of the fixed header: struct ifinfomsg, ifaddrmsg, rtmsg, … All but the family is zero. */
	readonly headerSize: number;
	readonly family: number;
	/** ndm_flags of struct ndmsg. */
	readonly flagged?: number;
	/** RTEXT_FILTER_*, told in IFLA_EXT_MASK. */
	readonly extMask?: number;
	/** Groups that tell of changes to what is dumped. None for neighbours, which change with every packet. */
	readonly groups: readonly number[];
}

/** RTEXT_FILTER_* of linux/rtnetlink.h: VLANs of bridge ports, in ranges; counters, which nobody here needs, left out. */
const brvlanCompressed = 0x4;
const skipStats = 0x8;
/** Offset of ndm_flags in struct ndmsg of linux/neighbour.h. */
const ndmFlags = 10;
/** IFLA_EXT_MASK of linux/if_link.h */
const extMaskAttribute = 29;

const group = multicastGroups;
const requests: Readonly<Record<DumpName, Request>> = {
	links: {
		type: messageTypes.getLink,
		headerSize: 16,
		family: families.unspec,
		extMask: skipStats,
		groups: [group.link],
	},
	bridgeLinks: {
		type: messageTypes.getLink,
		headerSize: 16,
		family: families.bridge,
		extMask: brvlanCompressed,
		groups: [group.link],
	},
	addresses: {
		type: messageTypes.getAddress,
		headerSize: 8,
		family: families.unspec,
		groups: [group.ipv4Address, group.ipv6Address],
	},
	routes: {
		type: messageTypes.getRoute,
		headerSize: 12,
		family: families.unspec,
		groups: [group.ipv4Route, group.ipv6Route],
	},
	rules: {
		type: messageTypes.getRule,
		headerSize: 12,
		family: families.unspec,
		groups: [group.ipv4Rule, group.ipv6Rule],
	},
	nexthops: {
		type: messageTypes.getNexthop,
		headerSize: 8,
		family: families.unspec,
		groups: [group.nexthop],
	},
	neighbours: {
		type: messageTypes.getNeighbour,
		headerSize: 12,
		family: families.unspec,
		groups: [],
	},
	proxies: {
		type: messageTypes.getNeighbour,
		headerSize: 12,
		family: families.unspec,
		flagged: neighbourFlags.proxy,
		groups: [],
	},
};

/**
 * The message that asks for one dump, of all families and all tables. It satisfies kernels that check requests
 * strictly (NETLINK_GET_STRICT_CHK) and those that do not.
 */
export function dumpRequest(
	name: DumpName,
	options: { readonly sequence?: number; readonly endian?: Endian } = {},
): Uint8Array<ArrayBuffer> {
	const { type, headerSize, family, extMask, flagged } = requests[name];
	const flags = messageFlags.request + messageFlags.dump;
	return frame(type, { ...options, flags }, (writer) => {
		const start = writer.reserve(headerSize);
		writer.view.setUint8(start, family);
		if (flagged !== undefined) writer.view.setUint8(start + ndmFlags, flagged);
		if (extMask === undefined) return;
		const at = writer.reserve(8);
		writer.view.setUint16(at, 8, writer.little);
		writer.view.setUint16(at + 2, extMaskAttribute, writer.little);
		writer.view.setUint32(at + 4, extMask, writer.little);
	});
}

/** The groups to watch while a dump is taken: a message from one of them means that it may be torn. */
export function groupsOf(name: DumpName): readonly number[] {
	return requests[name].groups;
}

/** The same as nl_groups of struct sockaddr_nl: bit n − 1 for group n. */
export function groupMask(name: DumpName): number {
	return groupsOf(name).reduce((mask, number) => mask + 2 ** (number - 1), 0);
}
