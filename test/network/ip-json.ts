// What `ip -json -details` and the model both say, field by field. The field lists are the claim: what is named here agrees.

import type { Address, Hop, Link, Network, Nexthop, Route, Rule } from "../../src/network/index.ts";

type Json = Readonly<Record<string, unknown>>;

/** Output of `ip -json -details` for the six things. */
export interface IpJson {
	readonly links: readonly Json[];
	readonly addresses: readonly Json[];
	readonly routes: readonly Json[];
	readonly rules: readonly Json[];
	readonly nexthops: readonly Json[];
}

/** Arguments of `ip`, by what they print. Rules and routes of both families are put one after another. */
export const ipCommands: readonly (readonly [keyof IpJson, string])[] = [
	["links", "-json -details link show"],
	["addresses", "-json -details address show"],
	["routes", "-json -details -4 route show table all"],
	["routes", "-json -details -6 route show table all"],
	["rules", "-json -details -4 rule show"],
	["rules", "-json -details -6 rule show"],
	["nexthops", "-json -details nexthop show"],
];

type Fields<T> = Readonly<Record<string, (each: T) => unknown>>;

const forever = 0xffff_ffff;
const shortDestination = (prefix: string) =>
	prefix === "0.0.0.0/0" || prefix === "::/0"
		? "default"
		: prefix.replace(prefix.includes(":") ? /\/128$/ : /\/32$/, "");
const tableName = (table: number | undefined) =>
	({ 253: "default", 254: "main", 255: "local" })[table ?? 0] ?? String(table);
/** A lease runs down between two readings: only whether it does is compared. */
const life = (seconds: unknown) => (seconds === forever || seconds === 0 ? seconds : "limited");
const flagged = (flags: readonly string[], name: string) =>
	flags.includes(name) ? true : undefined;

export const linkFields: Fields<Link> = {
	ifindex: (each) => each.index,
	ifname: (each) => each.name,
	// ip shows RUNNING only by its absence (NO-CARRIER).
	flags: (each) =>
		each.flags
			.filter((flag) => flag !== "running")
			.map((flag) => flag.toUpperCase())
			.sort(),
	mtu: (each) => each.mtu,
	operstate: (each) => each.operState?.toUpperCase(),
	group: (each) => (each.group === undefined ? "default" : String(each.group)),
	txqlen: (each) => each.txQueueLength,
	link_type: (each) => each.type,
	address: (each) => each.mac,
	master: (each) => each.master,
	ifalias: (each) => each.alias,
	inet6_addr_gen_mode: (each) => each.addressGeneration,
	"linkinfo.info_kind": (each) => each.kind,
	"linkinfo.info_data.id": (each) => (each.details?.kind === "vlan" ? each.details.id : undefined),
	"linkinfo.info_data.protocol": (each) =>
		each.details?.kind === "vlan"
			? each.details.protocol.toUpperCase().replace("AD", "ad")
			: undefined,
	"linkinfo.info_data.mode": (each) =>
		each.details?.kind === "bond" ||
		each.details?.kind === "macvlan" ||
		each.details?.kind === "ipvlan"
			? each.details.mode
			: undefined,
	"linkinfo.info_data.miimon": (each) => detail(each, "miimon"),
	"linkinfo.info_data.updelay": (each) => detail(each, "upDelay"),
	"linkinfo.info_data.downdelay": (each) => detail(each, "downDelay"),
	"linkinfo.info_data.xmit_hash_policy": (each) => detail(each, "transmitHashPolicy"),
	"linkinfo.info_data.resend_igmp": (each) => detail(each, "resendIgmp"),
	"linkinfo.info_data.num_peer_notif": (each) => detail(each, "gratuitousArp"),
	"linkinfo.info_data.min_links": (each) => detail(each, "minLinks"),
	"linkinfo.info_data.lp_interval": (each) => detail(each, "learnInterval"),
	"linkinfo.info_data.packets_per_slave": (each) => detail(each, "packetsPerPort"),
	"linkinfo.info_data.ad_lacp_rate": (each) => detail(each, "lacpRate"),
	"linkinfo.info_data.ad_select": (each) => detail(each, "adSelect"),
	"linkinfo.info_data.ad_actor_sys_prio": (each) => detail(each, "adActorSystemPriority"),
	"linkinfo.info_data.ad_user_port_key": (each) => detail(each, "adUserPortKey"),
	"linkinfo.info_data.primary": (each) => detail(each, "primary"),
	"linkinfo.info_data.active_slave": (each) => detail(each, "activePort"),
	"linkinfo.info_data.primary_reselect": (each) => detail(each, "primaryReselect"),
	"linkinfo.info_data.fail_over_mac": (each) => detail(each, "failOverMac"),
	"linkinfo.info_data.forward_delay": (each) => detail(each, "forwardDelay"),
	"linkinfo.info_data.hello_time": (each) => detail(each, "helloTime"),
	"linkinfo.info_data.max_age": (each) => detail(each, "maxAge"),
	"linkinfo.info_data.ageing_time": (each) => detail(each, "ageingTime"),
	"linkinfo.info_data.stp_state": (each) =>
		each.details?.kind === "bridge" ? Number(each.details.stp) : undefined,
	"linkinfo.info_data.priority": (each) => detail(each, "priority"),
	"linkinfo.info_data.vlan_filtering": (each) =>
		each.details?.kind === "bridge" ? Number(each.details.vlanFiltering) : undefined,
	"linkinfo.info_data.vlan_default_pvid": (each) => detail(each, "vlanDefaultPvid"),
	"linkinfo.info_data.group_fwd_mask": (each) =>
		each.details?.kind === "bridge" ? (each.details.groupForwardMask ?? 0) : undefined,
	"linkinfo.info_data.table": (each) => detail(each, "table"),
	"linkinfo.info_slave_data.priority": (each) => port(each, "priority"),
	"linkinfo.info_slave_data.cost": (each) => port(each, "cost"),
	"linkinfo.info_slave_data.hairpin": (each) => port(each, "hairpin"),
	"linkinfo.info_slave_data.guard": (each) => port(each, "guard"),
	"linkinfo.info_slave_data.learning": (each) => port(each, "learning"),
	"linkinfo.info_slave_data.flood": (each) => port(each, "unicastFlood"),
	"linkinfo.info_slave_data.mcast_flood": (each) => port(each, "multicastFlood"),
	"linkinfo.info_slave_data.isolated": (each) => port(each, "isolated"),
	"linkinfo.info_slave_data.state": (each) =>
		each.port?.kind === "bond" ? each.port.state?.toUpperCase() : undefined,
};

function detail(link: Link, name: string): unknown {
	return (link.details as Json | undefined)?.[name];
}
function port(link: Link, name: string): unknown {
	return (link.port as Json | undefined)?.[name];
}

export const addressFields: Fields<Address> = {
	family: (each) => (each.family === 4 ? "inet" : "inet6"),
	local: (each) => each.address,
	address: (each) => each.peer,
	prefixlen: (each) => each.prefix,
	metric: (each) => each.metric,
	broadcast: (each) => each.broadcast,
	scope: (each) => each.scope,
	label: (each) => (each.family === 4 ? (each.label ?? each.link) : undefined),
	valid_life_time: (each) => life(each.validLifetime ?? forever),
	preferred_life_time: (each) => life(each.preferredLifetime ?? forever),
	secondary: (each) => flagged(each.flags, "secondary"),
	dynamic: (each) => flagged(each.flags, "dynamic"),
	noprefixroute: (each) => flagged(each.flags, "noprefixroute"),
	nodad: (each) => flagged(each.flags, "nodad"),
	home: (each) => flagged(each.flags, "home"),
	deprecated: (each) => flagged(each.flags, "deprecated"),
	tentative: (each) => flagged(each.flags, "tentative"),
	dadfailed: (each) => flagged(each.flags, "dadfailed"),
	temporary: (each) => flagged(each.flags, "temporary"),
	mngtmpaddr: (each) => flagged(each.flags, "mngtmpaddr"),
};

const way = (each: Pick<Hop, "gateway">, family: number) => {
	if (each.gateway === undefined) return undefined;
	const own = each.gateway.includes(":") ? 6 : 4;
	return own === family
		? each.gateway
		: { family: own === 6 ? "inet6" : "inet", host: each.gateway };
};
const routeFlags = (each: Pick<Route, "onlink" | "flags">) =>
	[...(each.flags ?? []), ...(each.onlink === true ? ["onlink"] : [])].sort();

export const routeFields: Fields<Route> = {
	type: (each) => each.type,
	dst: (each) => shortDestination(each.destination),
	from: (each) => (each.from === undefined ? undefined : shortDestination(each.from)),
	via: (each) => (each.nexthopId === undefined ? way(each, each.family) : "nhid"),
	dev: (each) => (each.nexthopId === undefined ? each.link : "nhid"),
	table: (each) => tableName(each.table),
	protocol: (each) => each.protocol,
	scope: (each) => each.scope,
	metric: (each) => each.metric,
	prefsrc: (each) => each.preferredSource,
	flags: (each) => (each.nexthopId === undefined ? routeFlags(each) : "nhid"),
	pref: (each) => (each.family === 6 ? (each.preference ?? "medium") : undefined),
	nhid: (each) => each.nexthopId,
	"metrics.mtu": (each) => each.metrics?.mtu,
	"metrics.advmss": (each) => each.metrics?.advmss,
	"metrics.initcwnd": (each) => each.metrics?.initialCongestionWindow,
	"metrics.initrwnd": (each) => each.metrics?.initialReceiveWindow,
	nexthops: (each) =>
		each.hops?.map((hop) => ({
			via: way(hop, each.family),
			dev: hop.link,
			weight: hop.weight,
			flags: routeFlags(hop),
		})),
};

export const ruleFields: Fields<Rule> = {
	priority: (each) => each.priority,
	not: (each) => each.invert === true,
	src: (each) => each.from ?? "all",
	dst: (each) => each.to,
	fwmark: (each) => (each.mark === undefined ? undefined : `0x${each.mark.toString(16)}`),
	fwmask: (each) => (each.mask === undefined ? undefined : `0x${each.mask.toString(16)}`),
	iif: (each) => each.incoming,
	oif: (each) => each.outgoing,
	l3mdev: (each) => each.l3mdev === true,
	table: (each) => (each.table === undefined ? undefined : tableName(each.table)),
	uid_start: (each) => each.uids?.[0],
	uid_end: (each) => each.uids?.[1],
	sport: (each) => each.sourcePort?.join("-"),
	dport: (each) => each.destinationPort?.join("-"),
	suppress_prefixlen: (each) => each.suppressPrefix,
};

export const nexthopFields: Fields<Nexthop> = {
	id: (each) => each.id,
	gateway: (each) => each.gateway,
	dev: (each) => each.link,
	onlink: (each) => each.onlink === true,
	blackhole: (each) => each.blackhole === true,
	group: (each) => each.group,
	protocol: (each) => each.protocol,
};

/** `bridge -json vlan show`: one object a port. */
export interface VlanJson {
	readonly ifname: string;
	readonly vlans: readonly {
		readonly vlan: number;
		readonly vlanEnd?: number;
		readonly flags?: readonly string[];
	}[];
}

/** VLANs of bridges and their ports, against `bridge -json vlan show`. */
export function vlanDisagreements(network: Network, theirs: readonly VlanJson[]): string[] {
	type Row = readonly [number, number | undefined, boolean, boolean];
	// The one tells ranges, the other each VLAN.
	const tell = (name: string, rows: readonly Row[]) => {
		const words = rows.flatMap(([id, end = id, pvid, untagged]) =>
			Array.from(
				{ length: end - id + 1 },
				(_, at) => `${id + at}${pvid ? " pvid" : ""}${untagged ? " untagged" : ""}`,
			),
		);
		return `${name}: ${words.join(", ")}`;
	};
	const own = network.links.flatMap((link) => {
		const holder = link.details?.kind === "bridge" ? link.details : link.port;
		if (holder?.kind !== "bridge" || holder.vlans === undefined) return [];
		const rows = holder.vlans.map(
			({ id, end, pvid, untagged }): Row => [id, end, pvid === true, untagged === true],
		);
		return [tell(link.name, rows)];
	});
	const others = theirs.map(({ ifname, vlans }) => {
		const rows = vlans.map(
			({ vlan, vlanEnd, flags = [] }): Row => [
				vlan,
				vlanEnd,
				flags.includes("PVID"),
				flags.includes("Egress Untagged"),
			],
		);
		return tell(ifname, rows);
	});
	return [
		...own.filter((each) => !others.includes(each)).map((each) => `vlan: only here: ${each}`),
		...others.filter((each) => !own.includes(each)).map((each) => `vlan: only by bridge: ${each}`),
	];
}

/** Everything in which the two disagree, in words; empty is what is wanted. */
export function disagreements(network: Network, ip: IpJson): string[] {
	const found: string[] = [];
	const check = <T>(
		what: string,
		ours: readonly T[],
		theirs: readonly Json[],
		fields: Fields<T>,
		read: (each: Json, field: string) => unknown,
	): void => {
		if (ours.length !== theirs.length) {
			found.push(`${what}: ${ours.length} here, ${theirs.length} by ip`);
		}
		const rows = <U>(list: readonly U[], value: (each: U, field: string) => unknown) =>
			list.map((each) =>
				Object.keys(fields).map((field) => JSON.stringify(value(each, field)) ?? "-"),
			);
		const own = rows(ours, (each, field) => fields[field]?.(each));
		const other = rows(theirs, read);
		// Compared as bags, so that one missing thing does not shift all others.
		const names = Object.keys(fields);
		const tell = (row: readonly string[]) =>
			names.flatMap((name, at) => (row[at] === "-" ? [] : [`${name}=${row[at]}`])).join(" ");
		const left = other.map(tell);
		for (const row of own.map(tell)) {
			const at = left.indexOf(row);
			if (at < 0) found.push(`${what}: only here: ${row}`);
			else left.splice(at, 1);
		}
		for (const row of left) found.push(`${what}: only by ip: ${row}`);
	};

	check("link", network.links, ip.links, linkFields, readLink);
	const flat = ip.addresses.flatMap((link) =>
		(link.addr_info as Json[]).filter((a) => a.local !== undefined),
	);
	check("address", network.addresses, flat, addressFields, (each, field) =>
		/life_time/.test(field) ? life(each[field]) : each[field],
	);
	check("route", network.routes, ip.routes, routeFields, readRoute);
	check("rule", network.rules, ip.rules, ruleFields, readRule);
	check("nexthop", network.nexthops, ip.nexthops, nexthopFields, readNexthop);
	return found;
}

function readLink(each: Json, field: string): unknown {
	if (field === "flags") {
		// NO-CARRIER and M-DOWN are ip's own words, made from others.
		return (each.flags as string[]).filter((flag) => !/^(NO-CARRIER|M-DOWN)$/.test(flag)).sort();
	}
	if (field.includes("info_data.")) {
		const kind = (each.linkinfo as Json | undefined)?.info_kind;
		const known = ["vlan", "bond", "bridge", "vrf", "macvlan", "ipvlan"].includes(String(kind));
		const value = at(each, field);
		if (!known) return undefined;
		if (field.endsWith(".protocol") && kind !== "vlan") return undefined;
		// In hex, but 0 without its 0x.
		if (field.endsWith(".group_fwd_mask") && value !== undefined) return Number(value);
		return value;
	}
	if (
		field === "linkinfo.info_slave_data.state" &&
		(each.linkinfo as Json | undefined)?.info_slave_kind !== "bond"
	)
		return undefined;
	return at(each, field);
}

function readRoute(each: Json, field: string): unknown {
	const family = routeFamily(each);
	if (["via", "dev", "flags"].includes(field) && each.nhid !== undefined) return "nhid";
	if (field === "nexthops" && each.nhid !== undefined) return undefined;
	if (field === "via") return each.gateway ?? each.via;
	if (field === "flags") return ownFlags(each.flags);
	if (field.startsWith("metrics."))
		return (each.metrics as Json[] | undefined)?.[0]?.[field.slice(8)];
	if (field === "from") return each.from ?? each.src;
	if (field === "nexthops") {
		return (each.nexthops as Json[] | undefined)?.map((hop) => ({
			via: hop.gateway ?? hop.via,
			dev: hop.dev,
			weight: hop.weight,
			flags: ownFlags(hop.flags),
		}));
	}
	if (field === "metric") return each.metric ?? (family === 6 ? 0 : undefined);
	return each[field];
}

/** Flags as the model keeps them; `rt_offload` and the like never occur here. */
function ownFlags(flags: unknown): string[] {
	return [...(flags as string[])].sort();
}

function routeFamily(each: Json): 4 | 6 {
	return each.pref !== undefined ? 6 : 4;
}

function readRule(each: Json, field: string): unknown {
	if (field === "not") return "not" in each;
	if (field === "l3mdev") return "l3mdev" in each;
	if (field === "src" || field === "dst") {
		const length = each[`${field}len`] ?? (String(each[field]).includes(":") ? 128 : 32);
		const value = each[field];
		return value === undefined || value === "all" ? value : `${value}/${length}`;
	}
	if (field === "sport" || field === "dport") {
		const single = each[field];
		if (single !== undefined) return `${single}-${single}`;
		const start = each[`${field}_start`];
		return start === undefined ? undefined : `${start}-${each[`${field}_end`]}`;
	}
	return each[field];
}

function readNexthop(each: Json, field: string): unknown {
	if (field === "onlink") return (each.flags as string[]).includes("onlink");
	if (field === "blackhole") return "blackhole" in each;
	if (field === "group") {
		return (each.group as Json[] | undefined)?.map(({ id, weight }) => ({
			id,
			weight: weight ?? 1,
		}));
	}
	return each[field];
}

function at(each: Json, path: string): unknown {
	return path
		.split(".")
		.reduce<unknown>((value, name) => (value as Json | undefined)?.[name], each);
}
