// The objects of this room. Every type is derived from the tables; see there for members, units and kernel headers.
import type { MessageValue } from "./layout.ts";
import type { addressAttributes, addressHeader } from "./tables/address.ts";
import type { bridgeLinkAttributes, linkAttributes, linkHeader } from "./tables/link.ts";
import type { neighbourAttributes, neighbourHeader } from "./tables/neighbour.ts";
import type { nexthopAttributes, nexthopHeader } from "./tables/nexthop.ts";
import type { routeAttributes, routeHeader } from "./tables/route.ts";
import type { ruleAttributes, ruleHeader } from "./tables/rule.ts";

/** RTM_NEWLINK: a network interface. */
export interface Link extends MessageValue<typeof linkHeader, typeof linkAttributes> {}
/** RTM_NEWLINK of family AF_BRIDGE: a port of a bridge (or the bridge itself) and its VLANs. */
export interface BridgeLink extends MessageValue<typeof linkHeader, typeof bridgeLinkAttributes> {}
/** RTM_NEWADDR */
export interface Address extends MessageValue<typeof addressHeader, typeof addressAttributes> {}
/** RTM_NEWROUTE */
export interface Route extends MessageValue<typeof routeHeader, typeof routeAttributes> {}
/** RTM_NEWRULE */
export interface Rule extends MessageValue<typeof ruleHeader, typeof ruleAttributes> {}
/** RTM_NEWNEXTHOP: a nexthop object or a group of such. */
export interface Nexthop extends MessageValue<typeof nexthopHeader, typeof nexthopAttributes> {}
/** RTM_NEWNEIGH: a neighbour, or (family AF_BRIDGE) an entry of a forwarding database. */
export interface Neighbour
	extends MessageValue<typeof neighbourHeader, typeof neighbourAttributes> {}
