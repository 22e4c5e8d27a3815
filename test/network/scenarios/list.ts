// Networks as hosts have them: how to make each with `ip`, from which login it is seen, and what of it is left out.

/** One host's network. Cards are `enp1s0`, `enp2s0`, `enp3s0`: real (emulated) ones where the test has them. */
export interface Scenario {
	readonly name: string;
	/** Lines for `ip -batch`. */
	readonly build: readonly string[];
	/** Further lines, for `ip -6 -batch`, where the words alone do not tell the family. */
	readonly build6?: readonly string[];
	/** Lines for `bridge -batch`, after those. */
	readonly bridge?: readonly string[];
	/** SSH_CONNECTION of the login. */
	readonly login: string;
	/** Links that the operator asks to keep. */
	readonly keep?: readonly string[];
	/** Links that the plan leaves out. */
	readonly leftOut?: readonly string[];
	/** Addresses come from a real DHCP server and a real router on the other end of enp1s0, which stay there. */
	readonly lease?: true;
	/** What emergency-kexec (EK) and nixos-images / nixos-anywhere (NI) do with it. */
	readonly peers: string;
}

const card = (name: string, ...rest: string[]): string[] => [
	`link set dev ${name} up`,
	...rest.map((line) => line.replaceAll("@", name)),
];
const client = "198.51.100.7 50000";

export const scenarios: readonly Scenario[] = [
	{
		name: "plain static",
		build: card(
			"enp1s0",
			"address add 192.0.2.10/24 broadcast 192.0.2.255 dev @",
			"address add 2001:db8:1::10/64 dev @",
			"route add default via 192.0.2.1",
			"route add default via 2001:db8:1::1",
			"neighbour add 192.0.2.77 lladdr 02:00:00:00:00:77 dev @ nud permanent",
		),
		login: `${client} 192.0.2.10 22`,
		peers: "EK, NI: carried, by interface name or current MAC; neighbour lost",
	},
	{
		name: "DHCP lease and router advertisement",
		build: [],
		lease: true,
		login: "10.77.0.1 50000 10.77.0.50 22",
		peers: "EK: copied beside a running DHCP client; NI: DHCP again, old address only a hint",
	},
	{
		name: "as NetworkManager sets it",
		build: [
			"link set dev enp1s0 addrgenmode none",
			...card(
				"enp1s0",
				"address add 192.0.2.10/24 broadcast 192.0.2.255 dev @ noprefixroute",
				"route add 192.0.2.0/24 dev @ proto kernel scope link src 192.0.2.10 metric 100",
				"route add default via 192.0.2.1 dev @ proto dhcp src 192.0.2.10 metric 100",
				"address add fe80::1234:5678:9abc:def0/64 dev @ noprefixroute",
				"route add fe80::/64 dev @ proto kernel metric 1024",
			),
		],
		login: `${client} 192.0.2.10 22`,
		peers: "EK: carried, metrics and link-local address lost; NI: DHCP again",
	},
	{
		name: "Hetzner-like /32 with onlink gateway and /64 with fe80::1",
		build: card(
			"enp1s0",
			"address add 203.0.113.5/32 dev @",
			"address add 2001:db8:2::2/64 dev @",
			"route add default via 172.31.1.1 dev @ onlink",
			"route add default via fe80::1 dev @",
		),
		login: `${client} 203.0.113.5 22`,
		peers: "EK: default route lost (no onlink); NI: kept",
	},
	{
		name: "gateway outside the subnet, by a route of its own",
		build: card(
			"enp1s0",
			"address add 203.0.113.6/32 dev @",
			"route add 172.31.1.1 dev @",
			"route add default via 172.31.1.1 dev @",
		),
		login: `${client} 203.0.113.6 22`,
		peers: "EK: kept; NI: lost",
	},
	{
		name: "point-to-point peer",
		build: card(
			"enp1s0",
			"address add 203.0.113.5 peer 203.0.113.1/32 dev @",
			"route add default via 203.0.113.1 dev @ src 203.0.113.5",
			"address add 2001:db8:9::2 peer 2001:db8:9::1/128 dev @",
		),
		login: `${client} 203.0.113.5 22`,
		peers: "EK, NI: peer lost, and the default route with it",
	},
	{
		name: "two cards with policy routing by source",
		build: [
			...card("enp1s0", "address add 192.0.2.10/24 dev @", "route add default via 192.0.2.1"),
			...card(
				"enp2s0",
				"address add 198.18.0.10/24 dev @",
				"route add default via 198.18.0.1 dev @ table 100",
				"route add 198.18.0.0/24 dev @ src 198.18.0.10 table 100",
			),
			"rule add from 198.18.0.10 lookup 100 priority 1000",
			"rule add to 10.9.0.0/16 ipproto 6 dport 1000-2000 lookup 100 priority 1001",
			"rule add not from 192.0.2.0/24 fwmark 0x10/0xf0 iif enp2s0 lookup 100 priority 1002",
			"rule add uidrange 100-200 lookup main suppress_prefixlength 0 priority 1003",
			"rule add from 10.66.0.0/16 prohibit priority 1004",
		],
		build6: [
			"rule add from 2001:db8::/32 lookup 100 priority 1005",
			"route add unreachable 2001:db8:dead::/48 table 100",
		],
		login: `${client} 198.18.0.10 22`,
		peers: "EK, NI: tables and rules lost; the second address does not answer",
	},
	{
		name: "bond 802.3ad",
		build: [
			"link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast xmit_hash_policy layer3+4 ad_select bandwidth min_links 1 ad_actor_sys_prio 1000",
			"link set dev enp1s0 master bond0",
			"link set dev enp2s0 master bond0",
			"link set dev enp1s0 up",
			"link set dev enp2s0 up",
			...card("bond0", "address add 192.0.2.10/24 dev @", "route add default via 192.0.2.1"),
		],
		login: `${client} 192.0.2.10 22`,
		peers: "EK: fails; NI: address lost",
	},
	{
		name: "bond active-backup with primary",
		build: [
			"link add bond0 type bond mode active-backup miimon 50 updelay 100 downdelay 200 fail_over_mac none num_grat_arp 3",
			"link set dev enp1s0 master bond0",
			"link set dev enp2s0 master bond0",
			"link set dev bond0 type bond primary enp2s0 primary_reselect better",
			"link set dev enp1s0 up",
			"link set dev enp2s0 up",
			...card("bond0", "address add 192.0.2.10/24 dev @", "route add default via 192.0.2.1"),
		],
		login: `${client} 192.0.2.10 22`,
		peers: "EK: fails; NI: lands on whichever card has the bond's MAC",
	},
	{
		name: "VLAN on bond",
		build: [
			"link add bond0 type bond mode balance-xor miimon 100 xmit_hash_policy layer2+3",
			"link set dev enp1s0 master bond0",
			"link set dev enp2s0 master bond0",
			"link set dev enp1s0 up",
			"link set dev enp2s0 up",
			"link set dev bond0 up",
			"link add link bond0 name bond0.100 type vlan id 100 egress-qos-map 0:3 1:4 ingress-qos-map 5:6",
			"link add link bond0 name storage type vlan id 200 reorder_hdr off gvrp on loose_binding on",
			"link set dev storage mtu 1400",
			...card("bond0.100", "address add 192.0.2.10/24 dev @", "route add default via 192.0.2.1"),
			...card("storage", "address add 10.20.0.10/16 dev @"),
		],
		login: `${client} 192.0.2.10 22`,
		peers: "EK: fails; NI: VLAN address lands untagged on the parent, or is lost",
	},
	{
		name: "bridge over a card with VLAN filtering",
		build: [
			"link add br0 type bridge vlan_filtering 1 stp_state 1 forward_delay 400 hello_time 100 priority 8192",
			"link set dev enp1s0 master br0",
			"link set dev enp2s0 master br0",
			"link set dev enp1s0 up",
			"link set dev enp2s0 type bridge_slave cost 50 priority 8 isolated on learning off",
			"link set dev enp2s0 up",
			...card("br0", "address add 192.0.2.10/24 dev @", "route add default via 192.0.2.1"),
		],
		bridge: [
			"vlan add dev enp1s0 vid 2-4094",
			"vlan del dev enp2s0 vid 1",
			"vlan add dev enp2s0 vid 20 pvid untagged",
			"vlan add dev enp2s0 vid 21 untagged",
			"vlan add dev br0 vid 30 self",
		],
		login: `${client} 192.0.2.10 22`,
		peers: "EK: fails; NI: bridge can lose its address",
	},
	{
		name: "VRF",
		build: [
			"link add mgmt type vrf table 1001",
			"link set dev mgmt up",
			"link set dev enp1s0 master mgmt",
			...card(
				"enp1s0",
				"address add 192.0.2.10/24 dev @",
				"route add default via 192.0.2.1 table 1001",
				"route add unreachable default metric 4278198272 table 1001",
			),
			...card("enp2s0", "address add 198.18.0.10/24 dev @"),
		],
		login: `${client} 192.0.2.10 22`,
		peers: "EK, NI: table lost, no way back",
	},
	{
		name: "multipath and nexthop groups",
		build: [
			...card(
				"enp1s0",
				"address add 192.0.2.10/24 dev @",
				"address add 2001:db8:1::10/64 nodad dev @",
			),
			...card("enp2s0", "address add 198.18.0.10/24 dev @"),
			"route add default nexthop via 192.0.2.1 dev enp1s0 weight 3 nexthop via 198.18.0.1 dev enp2s0 weight 1",
			"route add 2001:db8:77::/48 nexthop via 2001:db8:1::1 dev enp1s0 nexthop via 2001:db8:1::2 dev enp1s0",
			"nexthop add id 10 via 192.0.2.2 dev enp1s0",
			"nexthop add id 11 via 198.18.0.2 dev enp2s0",
			"nexthop add id 12 group 10,2/11,1",
			"nexthop add id 13 blackhole",
			"nexthop add id 14 via fe80::2 dev enp1s0",
			"route add 10.40.0.0/16 nhid 12",
			"route add 10.41.0.0/16 nhid 10",
			"route add 10.42.0.0/16 nhid 13",
			"route add 2001:db8:78::/48 nhid 14",
			"route add 10.43.0.0/16 nexthop dev enp1s0 nexthop via 172.31.9.9 dev enp2s0 onlink",
		],
		login: `${client} 192.0.2.10 22`,
		peers: "EK: writes `nexthop` for a target; NI: lost",
	},
	{
		name: "MTU 9000 and per-route MTU",
		build: [
			"link set dev enp1s0 mtu 9000",
			...card(
				"enp1s0",
				"address add 192.0.2.10/24 dev @ metric 50",
				"route add default via 192.0.2.1 mtu 1500 advmss 1400 metric 100",
				"route add 10.50.0.0/16 via 192.0.2.2 initcwnd 20 initrwnd 30",
				"link add link enp1s0 name enp1s0.9 type vlan id 9",
			),
			...card("enp1s0.9", "address add 10.60.0.10/24 dev @"),
		],
		login: `${client} 192.0.2.10 22`,
		peers: "EK, NI: MTU and metrics lost",
	},
	{
		name: "IPv6 only",
		build: card(
			"enp1s0",
			"address add 2001:db8:1::10/64 dev @ nodad",
			"address add 2001:db8:1::11/64 dev @ preferred_lft 0",
			"address add 2001:db8:3::1/64 dev @ noprefixroute",
			"address add fe80::53/64 dev @",
			"route add default via fe80::1 dev @ metric 512",
			"route add 2001:db8:5::/48 from 2001:db8:1::/64 via fe80::5 dev @",
		),
		login: "2001:db8:ffff::7 50000 2001:db8:1::10 22",
		peers: "EK, NI: carried; metrics, flags and source routes lost",
	},
	{
		name: "IPv4 via IPv6",
		build: card(
			"enp1s0",
			"address add 203.0.113.5/32 dev @",
			"address add 2001:db8:1::10/64 dev @ nodad",
			"route add 0.0.0.0/0 via inet6 fe80::1 dev @",
			"route add 10.70.0.0/16 via inet6 2001:db8:1::1 dev @",
		),
		login: `${client} 203.0.113.5 22`,
		peers: "EK: writes `inet6` for the gateway; NI: kept",
	},
	{
		name: "Proxmox-like vmbr0",
		build: [
			"link add vmbr0 type bridge forward_delay 0 stp_state 0",
			"link set dev enp1s0 master vmbr0",
			"link set dev enp1s0 up",
			"link add tap100i0 type veth peer name inside",
			"link set dev tap100i0 master vmbr0",
			"link set dev tap100i0 up",
			...card(
				"vmbr0",
				"address add 192.0.2.10/24 dev @",
				"route add default via 192.0.2.1 dev @ proto kernel onlink",
			),
			"link add vmbr1 type bridge",
			...card("vmbr1", "address add 10.99.0.1/24 dev @"),
		],
		leftOut: ["tap100i0", "inside", "vmbr1"],
		login: `${client} 192.0.2.10 22`,
		peers: "EK: fails; NI: carried if the bridge kept the card's MAC",
	},
	{
		name: "docker host",
		build: [
			...card("enp1s0", "address add 192.0.2.10/24 dev @", "route add default via 192.0.2.1"),
			"link add docker0 type bridge",
			"link add veth0 type veth peer name eth0c",
			"link set dev veth0 master docker0",
			"link set dev veth0 up",
			...card("docker0", "address add 172.17.0.1/16 broadcast 172.17.255.255 dev @"),
			"route add 10.244.0.0/16 via 172.17.0.2",
			"rule add from 172.17.0.0/16 lookup 500 priority 900",
			"route add default dev docker0 table 500",
		],
		leftOut: ["docker0", "veth0", "eth0c"],
		login: `${client} 192.0.2.10 22`,
		peers: "EK, NI: the dead bridge's address and routes come along",
	},
	{
		name: "blackhole and unreachable",
		build: card(
			"enp1s0",
			"address add 192.0.2.10/24 dev @",
			"route add default via 192.0.2.1",
			"route add blackhole 10.80.0.0/16",
			"route add unreachable 10.81.0.0/16 metric 7",
			"route add prohibit 10.82.0.0/16",
			"route add throw 10.83.0.0/16 table 200",
			"rule add from all lookup 200 priority 800",
			"route add blackhole 2001:db8:80::/48",
			"route add unreachable 2001:db8:81::/48 metric 2048",
		),
		login: `${client} 192.0.2.10 22`,
		peers: "EK: unreachable left out, blackhole broken; NI: lost",
	},
	{
		name: "secondary addresses and labels",
		build: card(
			"enp1s0",
			"address add 192.0.2.10/24 broadcast 192.0.2.255 dev @",
			"address add 192.0.2.11/24 dev @ label @:1",
			"address add 192.0.2.12/24 dev @ label @:web",
			"address add 198.18.0.1/32 dev @ scope host",
			"address add 10.3.0.1/30 dev @ scope link noprefixroute",
			"route add default via 192.0.2.1 src 192.0.2.12",
			"address add 10.255.0.1/32 dev lo",
			"address add 2001:db8:255::1/128 dev lo",
		),
		login: `${client} 192.0.2.12 22`,
		peers: "EK, NI: labels and prefsrc lost, addresses kept",
	},
	{
		name: "500 addresses",
		build: card(
			"enp1s0",
			"address add 192.0.2.10/24 dev @",
			"route add default via 192.0.2.1",
			...Array.from(
				{ length: 250 },
				(_, i) => `address add 10.90.${Math.floor(i / 200)}.${(i % 200) + 1}/32 dev @`,
			),
			...Array.from(
				{ length: 250 },
				(_, i) => `address add 2001:db8:90::${(i + 1).toString(16)}/128 nodad dev @`,
			),
		),
		login: `${client} 10.90.0.77 22`,
		peers: "EK, NI: carried",
	},
	{
		name: "anycast addresses on a dummy, macvlan beside",
		build: [
			...card("enp1s0", "address add 192.0.2.10/24 dev @", "route add default via 192.0.2.1"),
			"link add anycast0 type dummy",
			...card("anycast0", "address add 203.0.113.53/32 dev @"),
			"link add link enp1s0 name shim type macvlan mode bridge",
			...card("shim", "address add 10.91.0.1/24 dev @"),
		],
		login: `${client} 203.0.113.53 22`,
		peers: "EK, NI: fails, the dummy is not there",
	},
	{
		name: "static tunnels on request",
		build: [
			...card("enp1s0", "address add 192.0.2.10/24 dev @", "route add default via 192.0.2.1"),
			"link add gre1 type gre local 192.0.2.10 remote 192.0.2.20 ttl 64 key 5",
			...card("gre1", "address add 10.92.0.1/30 dev @"),
			"link add ipip1 type ipip local 192.0.2.10 remote 192.0.2.21 ttl 32",
			...card("ipip1", "address add 10.92.1.1 peer 10.92.1.2/32 dev @"),
			"link add six1 type sit local 192.0.2.10 remote 192.0.2.22 ttl 64",
			...card("six1", "address add 2001:db8:92::1/64 dev @"),
			"link add vx1 type vxlan id 42 local 192.0.2.10 remote 192.0.2.23 dstport 4789 ttl 5",
			...card("vx1", "address add 10.92.3.1/24 dev @"),
			"link add gre2 type gre local 192.0.2.10 remote 192.0.2.24",
			"link set dev gre2 up",
		],
		keep: ["gre1", "ipip1", "six1", "vx1"],
		leftOut: ["gre2"],
		login: `${client} 192.0.2.10 22`,
		peers: "EK: fails; NI: lost",
	},
];
