// Names by which the tables refer to one another. Tables are plain data, so that their types can be derived from them.
import * as address from "./tables/address.ts";
import * as kinds from "./tables/kinds.ts";
import * as link from "./tables/link.ts";
import * as neighbour from "./tables/neighbour.ts";
import * as nexthop from "./tables/nexthop.ts";
import * as route from "./tables/route.ts";
import * as rule from "./tables/rule.ts";

/** Fixed layouts that occur as payload of attributes. */
export interface Structs {
	readonly addressCacheinfo: typeof address.addressCacheinfo;
	readonly routeCacheinfo: typeof route.routeCacheinfo;
	readonly uidRange: typeof rule.uidRange;
	readonly portRange: typeof rule.portRange;
	readonly nexthopGroupEntry: typeof nexthop.nexthopGroupEntry;
	readonly neighbourCacheinfo: typeof neighbour.neighbourCacheinfo;
	readonly inet6Cacheinfo: typeof link.inet6Cacheinfo;
	readonly bridgeVlanInfo: typeof link.bridgeVlanInfo;
	readonly vlanFlags: typeof kinds.vlanFlags;
	readonly vlanQosMapping: typeof kinds.vlanQosMapping;
	readonly bridgeId: typeof kinds.bridgeId;
	readonly bridgeBoolopts: typeof kinds.bridgeBoolopts;
	readonly portRangeBe: typeof kinds.portRangeBe;
}

export const structs: Structs = {
	...address,
	...route,
	...rule,
	...nexthop,
	...neighbour,
	...link,
	...kinds,
};

/** Sets of attributes that occur nested in others. */
export interface Sets {
	readonly routeMetrics: typeof route.routeMetrics;
	readonly resilientGroup: typeof nexthop.resilientGroup;
	readonly linkInfo: typeof link.linkInfo;
	readonly propList: typeof link.propList;
	readonly afSpec: typeof link.afSpec;
	readonly inetSpec: typeof link.inetSpec;
	readonly inet6Spec: typeof link.inet6Spec;
	readonly xdp: typeof link.xdp;
	readonly bridgeAfSpec: typeof link.bridgeAfSpec;
	readonly bridgeVlanTunnel: typeof link.bridgeVlanTunnel;
	readonly bridgePort: typeof kinds.bridgePort;
	readonly vlanQos: typeof kinds.vlanQos;
	readonly bondAdInfo: typeof kinds.bondAdInfo;
	readonly macaddrData: typeof kinds.macaddrData;
}

export const sets: Sets = { ...route, ...nexthop, ...link, ...kinds };

/** What `linkInfo.data` holds: decoded, it stands beside `kind` under the name of its table. */
export interface KindSets {
	readonly vlan: typeof kinds.vlan;
	readonly bond: typeof kinds.bond;
	readonly bridge: typeof kinds.bridge;
	readonly vrf: typeof kinds.vrf;
	readonly macvlan: typeof kinds.macvlan;
	readonly ipvlan: typeof kinds.ipvlan;
	readonly tun: typeof kinds.tun;
	readonly gre: typeof kinds.gre;
	readonly iptun: typeof kinds.iptun;
	readonly ip6tnl: typeof kinds.ip6tnl;
	readonly vti: typeof kinds.vti;
	readonly vxlan: typeof kinds.vxlan;
	readonly geneve: typeof kinds.geneve;
	readonly xfrm: typeof kinds.xfrm;
	readonly netkit: typeof kinds.netkit;
}

/** What `linkInfo.slaveData` holds. */
export interface SlaveSets {
	readonly bondSlave: typeof kinds.bondSlave;
	readonly bridgePort: typeof kinds.bridgePort;
	readonly vrfPort: typeof kinds.vrfPort;
}

export const kindSets: KindSets = kinds;
export const slaveSets: SlaveSets = kinds;

/** IFLA_INFO_KIND to table. Kinds without data (dummy, veth, ifb, wireguard, …) and unknown ones have none. */
export const tableOfKind: Readonly<Record<string, keyof KindSets>> = {
	vlan: "vlan",
	bond: "bond",
	bridge: "bridge",
	vrf: "vrf",
	macvlan: "macvlan",
	macvtap: "macvlan",
	ipvlan: "ipvlan",
	ipvtap: "ipvlan",
	tun: "tun",
	gre: "gre",
	gretap: "gre",
	erspan: "gre",
	ip6gre: "gre",
	ip6gretap: "gre",
	ip6erspan: "gre",
	ipip: "iptun",
	sit: "iptun",
	ip6tnl: "ip6tnl",
	vti: "vti",
	vti6: "vti",
	vxlan: "vxlan",
	geneve: "geneve",
	xfrm: "xfrm",
	netkit: "netkit",
};

/** IFLA_INFO_SLAVE_KIND to table. */
export const tableOfSlave: Readonly<Record<string, keyof SlaveSets>> = {
	bond: "bondSlave",
	bridge: "bridgePort",
	vrf: "vrfPort",
};
