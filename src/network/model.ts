// The model of one network namespace. Plain JSON: links are referred to by name, never by index, since
// indexes do not survive a reboot; addresses are canonical text (RFC 5952); lists keep the kernel's order.

/** 4 for IPv4, 6 for IPv6. */
export type Family = 4 | 6;

/** Everything known about a host's network, or everything planned for it. */
export interface Network {
	/** Version of this shape. */
	readonly version: 1;
	readonly hostname?: string;
	readonly links: readonly Link[];
	readonly addresses: readonly Address[];
	readonly routes: readonly Route[];
	readonly rules: readonly Rule[];
	readonly nexthops: readonly Nexthop[];
	/** Entries set by hand (NUD_PERMANENT) only. */
	readonly neighbours: readonly Neighbour[];
	readonly resolver: Resolver;
	/** What was seen but is not understood, in words. Never dropped in silence. */
	readonly notes: readonly string[];
}

/** A network interface. MAC addresses are lower-case with colons. */
export interface Link {
	readonly name: string;
	readonly index: number;
	/** Hardware type as `ip` names it: ether, loopback, infiniband, none, ppp, … or the number. */
	readonly type: string;
	/** rtnetlink kind of a virtual link: vlan, bond, bridge, veth, …; absent on hardware. */
	readonly kind?: string;
	/** Current hardware address; on IP tunnels the IP address of the near end. */
	readonly mac?: string;
	/** Address burnt in, if the kernel knows it. */
	readonly permanentMac?: string;
	readonly mtu: number;
	/** Interface flags as `ip` names them, in lower case: up, lower_up, broadcast, noarp, … */
	readonly flags: readonly string[];
	/** RFC 2863 state in lower case: up, down, unknown, lowerlayerdown, … */
	readonly operState?: string;
	/** Interface group; absent for 0. */
	readonly group?: number;
	readonly txQueueLength?: number;
	readonly alternativeNames?: readonly string[];
	readonly alias?: string;
	/** How the kernel makes IPv6 link-local addresses: eui64, none, stable_secret, random. */
	readonly addressGeneration?: string;
	/** Bond, bridge or VRF this link belongs to. */
	readonly master?: string;
	/** Link below this one (of a VLAN, macvlan, …), in the same namespace. */
	readonly parent?: string;
	/** The link below lies in another network namespace. */
	readonly foreignParent?: true;
	/** Kernel driver, from sysfs. */
	readonly driver?: string;
	/** Place of the device in sysfs, below /sys/devices. */
	readonly devicePath?: string;
	readonly wireless?: true;
	/** A function that another card of this host makes (SR-IOV). */
	readonly virtualFunction?: true;
	/** What the kind needs to be made again. */
	readonly details?: LinkDetails;
	/** Settings of this link as a member of its master. */
	readonly port?: PortDetails;
}

export type LinkDetails =
	| VlanDetails
	| BondDetails
	| BridgeDetails
	| VrfDetails
	| MacvlanDetails
	| TunnelDetails
	| VxlanDetails;

export interface VlanDetails {
	readonly kind: "vlan";
	readonly id: number;
	readonly protocol: "802.1q" | "802.1ad";
	readonly gvrp: boolean;
	readonly mvrp: boolean;
	readonly looseBinding: boolean;
	readonly reorderHeader: boolean;
	readonly bridgeBinding: boolean;
	/** Pairs of VLAN priority and skb priority. */
	readonly ingress: readonly (readonly [number, number])[];
	/** Pairs of skb priority and VLAN priority. */
	readonly egress: readonly (readonly [number, number])[];
}

/** Options of a bond as the kernel reports them; times in ms. Absent: not reported by that kernel. */
export interface BondDetails {
	readonly kind: "bond";
	/** balance-rr, active-backup, balance-xor, broadcast, 802.3ad, balance-tlb, balance-alb. */
	readonly mode: string;
	readonly miimon?: number;
	readonly upDelay?: number;
	readonly downDelay?: number;
	readonly peerNotifyDelay?: number;
	readonly useCarrier?: boolean;
	readonly arpInterval?: number;
	readonly arpTargets?: readonly string[];
	/** IPv6 addresses that are asked for like `arpTargets`. */
	readonly neighbourTargets?: readonly string[];
	readonly arpValidate?: string;
	readonly arpAllTargets?: string;
	readonly arpMissedMax?: number;
	/** Port preferred by active-backup, tlb and alb. */
	readonly primary?: string;
	readonly primaryReselect?: string;
	readonly failOverMac?: string;
	readonly transmitHashPolicy?: string;
	readonly resendIgmp?: number;
	readonly gratuitousArp?: number;
	readonly allPortsActive?: boolean;
	readonly minLinks?: number;
	readonly learnInterval?: number;
	readonly packetsPerPort?: number;
	readonly lacpActive?: boolean;
	readonly lacpRate?: string;
	readonly adSelect?: string;
	readonly adActorSystemPriority?: number;
	readonly adUserPortKey?: number;
	readonly adActorSystem?: string;
	readonly dynamicLoadBalancing?: boolean;
	/** Port that carries the traffic now (active-backup, tlb, alb). A state, not a setting. */
	readonly activePort?: string;
}

/** Options of a bridge; times in centiseconds (USER_HZ), as the kernel counts them. */
export interface BridgeDetails {
	readonly kind: "bridge";
	readonly stp: boolean;
	readonly forwardDelay?: number;
	readonly helloTime?: number;
	readonly maxAge?: number;
	readonly ageingTime?: number;
	readonly priority?: number;
	readonly groupForwardMask?: number;
	readonly vlanFiltering: boolean;
	readonly vlanProtocol?: "802.1q" | "802.1ad";
	readonly vlanDefaultPvid?: number;
	readonly multicastSnooping?: boolean;
	readonly multicastQuerier?: boolean;
	readonly multicastIgmpVersion?: number;
	/** VLANs of the bridge device itself. */
	readonly vlans?: readonly PortVlan[];
}

export interface VrfDetails {
	readonly kind: "vrf";
	readonly table: number;
}

export interface MacvlanDetails {
	readonly kind: "macvlan" | "ipvlan";
	readonly mode: string;
}

/** A tunnel without keys of encryption: gre, gretap, ipip, sit, ip6gre, ip6gretap, ip6tnl, vti, vti6. */
export interface TunnelDetails {
	readonly kind: "tunnel";
	readonly local?: string;
	readonly remote?: string;
	readonly ttl?: number;
	readonly tos?: number;
	readonly inputKey?: number;
	readonly outputKey?: number;
	readonly pathMtuDiscovery?: boolean;
	readonly encapsulationLimit?: number;
	/** Encapsulated protocol of an ip6tnl: 4 (ipip6), 41 (ip6ip6), 0 (any). */
	readonly protocol?: number;
}

export interface VxlanDetails {
	readonly kind: "vxlan";
	readonly id: number;
	readonly local?: string;
	readonly remote?: string;
	readonly ttl?: number;
	readonly port?: number;
	readonly learning?: boolean;
	readonly external?: boolean;
}

export type PortDetails = BondPort | BridgePort;

export interface BondPort {
	readonly kind: "bond";
	readonly queueId?: number;
	/** active or backup. A state, not a setting. */
	readonly state?: string;
}

export interface BridgePort {
	readonly kind: "bridge";
	readonly cost?: number;
	readonly priority?: number;
	readonly hairpin?: boolean;
	readonly guard?: boolean;
	readonly protect?: boolean;
	readonly fastLeave?: boolean;
	readonly learning?: boolean;
	readonly unicastFlood?: boolean;
	readonly multicastFlood?: boolean;
	readonly multicastToUnicast?: boolean;
	readonly proxyArp?: boolean;
	readonly proxyArpWifi?: boolean;
	readonly neighbourSuppression?: boolean;
	readonly isolated?: boolean;
	readonly vlans?: readonly PortVlan[];
}

/** One VLAN, or a range, on a bridge port. */
export interface PortVlan {
	readonly id: number;
	/** Last id of a range. */
	readonly end?: number;
	readonly pvid?: true;
	readonly untagged?: true;
}

/** How an address or route came to be. */
export type Origin =
	/** Set by hand or by a configuration file. */
	| "static"
	/** Leased by DHCPv4 or DHCPv6. */
	| "lease"
	/** Made from a router advertisement. */
	| "slaac"
	/** RFC 8981 temporary address. */
	| "temporary"
	/** IPv6 link-local address that the kernel makes by itself. */
	| "link-local"
	/** Made by the kernel for lo. */
	| "loopback";

export interface Address {
	readonly link: string;
	readonly family: Family;
	readonly address: string;
	readonly prefix: number;
	/** Address of the other end of a point-to-point link. */
	readonly peer?: string;
	readonly broadcast?: string;
	/** global, site, link, host or the number. */
	readonly scope: string;
	/** IPv4 label, if other than the link's name. */
	readonly label?: string;
	/** Metric of the prefix route; absent for the kernel's default. */
	readonly metric?: number;
	/** As `ip` names them: noprefixroute, nodad, deprecated, dynamic, mngtmpaddr, … `secondary` excluded where temporary. */
	readonly flags: readonly string[];
	/** Seconds; absent for ever. */
	readonly validLifetime?: number;
	/** Seconds; absent for ever. */
	readonly preferredLifetime?: number;
	/** IFA_PROTO as the kernel names it or the number; absent if not reported. */
	readonly protocol?: string;
	readonly origin: Origin;
}

export interface Route {
	readonly family: Family;
	/** unicast, local, broadcast, multicast, blackhole, unreachable, prohibit, throw, anycast, nat or the number. */
	readonly type: string;
	/** `address/length`; 0.0.0.0/0 and ::/0 are the default routes. */
	readonly destination: string;
	/** Source the packet must have (IPv6 subtrees). */
	readonly from?: string;
	readonly tos?: number;
	readonly table: number;
	/** Protocol as in /etc/iproute2/rt_protos: kernel, boot, static, dhcp, ra, bird, … or the number. */
	readonly protocol: string;
	readonly scope: string;
	/** Absent: 0 for IPv4. IPv6 always has one. */
	readonly metric?: number;
	readonly link?: string;
	/** Of either family, whatever the family of the route. */
	readonly gateway?: string;
	readonly onlink?: true;
	readonly preferredSource?: string;
	/** Router preference of RFC 4191: low or high; absent for medium. */
	readonly preference?: string;
	/** Id of a nexthop object. */
	readonly nexthopId?: number;
	readonly hops?: readonly Hop[];
	readonly metrics?: RouteMetrics;
	/** Seconds until the kernel drops the route. */
	readonly expires?: number;
	/** Name of a lightweight tunnel encapsulation, which the plan cannot carry. */
	readonly encapsulation?: string;
	/** State flags beyond onlink: dead, linkdown, offload, … */
	readonly flags?: readonly string[];
}

/** One way of a multipath route. */
export interface Hop {
	readonly link?: string;
	readonly gateway?: string;
	readonly onlink?: true;
	/** From 1. */
	readonly weight: number;
	readonly encapsulation?: string;
	readonly flags?: readonly string[];
}

/** RTAX_*: route metrics. Times in ms. */
export interface RouteMetrics {
	readonly mtu?: number;
	readonly advmss?: number;
	readonly hopLimit?: number;
	readonly initialCongestionWindow?: number;
	readonly initialReceiveWindow?: number;
	readonly congestionWindow?: number;
	readonly window?: number;
	readonly rtt?: number;
	readonly rttVariance?: number;
	readonly minimumRto?: number;
	readonly slowStartThreshold?: number;
	readonly reordering?: number;
	readonly features?: number;
	readonly quickAck?: boolean;
	readonly fastOpenNoCookie?: boolean;
	readonly congestionControl?: string;
	/** Bit set of metrics the kernel may not change (mtu lock …). */
	readonly lock?: number;
}

export interface Rule {
	readonly family: Family;
	readonly priority: number;
	/** lookup, goto, nop, blackhole, unreachable, prohibit or the number. */
	readonly action: string;
	readonly invert?: true;
	readonly from?: string;
	readonly to?: string;
	readonly tos?: number;
	readonly mark?: number;
	readonly mask?: number;
	readonly incoming?: string;
	readonly outgoing?: string;
	readonly table?: number;
	readonly target?: number;
	readonly l3mdev?: true;
	readonly protocol?: string;
	/** Number of the IP protocol. */
	readonly ipProtocol?: number;
	readonly sourcePort?: readonly [number, number];
	readonly destinationPort?: readonly [number, number];
	readonly uids?: readonly [number, number];
	readonly suppressPrefix?: number;
	readonly suppressGroup?: number;
	readonly tunnelId?: string;
	readonly flow?: number;
	/** What else it selects by that the model does not hold: flow labels, parts of ports, … */
	readonly selectors?: readonly string[];
}

export interface Nexthop {
	readonly id: number;
	/** Absent on groups. */
	readonly family?: Family;
	readonly link?: string;
	readonly gateway?: string;
	readonly onlink?: true;
	readonly blackhole?: true;
	readonly fdb?: true;
	readonly group?: readonly { readonly id: number; readonly weight: number }[];
	/** hash-threshold (absent) or resilient. */
	readonly groupType?: string;
	readonly protocol: string;
	readonly scope?: string;
	readonly encapsulation?: string;
	readonly flags?: readonly string[];
}

export interface Neighbour {
	readonly link: string;
	readonly family: Family;
	readonly address: string;
	readonly mac?: string;
	readonly proxy?: true;
}

export interface Resolver {
	/** IP addresses, IPv6 link-local ones with `%link`; in order of use. */
	readonly servers: readonly string[];
	readonly search: readonly string[];
	/** `options` of resolv.conf. */
	readonly options: readonly string[];
	/** Where the servers were found: a path, or "public resolvers". */
	readonly source: string;
}

/** The empty network: what a namespace holds before anything happened. */
export const emptyNetwork: Network = {
	version: 1,
	links: [],
	addresses: [],
	routes: [],
	rules: [],
	nexthops: [],
	neighbours: [],
	resolver: { servers: [], search: [], options: [], source: "" },
	notes: [],
};
