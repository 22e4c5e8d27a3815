// Which links are carried over, and why the others are not.

import type { Link, Network } from "./model.ts";

/** Whether a link is a network card rather than something made in software. */
export function isHardware(link: Link): boolean {
	return link.kind === undefined && (link.type === "ether" || link.type === "infiniband");
}

/** Answer for one link: carried, or the reason why not. */
export type Verdict =
	| { readonly carried: true }
	| { readonly carried: false; readonly reason: string };

const yes: Verdict = { carried: true };
const no = (reason: string): Verdict => ({ carried: false, reason });

/** What the operator asked for beyond the rules below. */
export interface Wishes {
	/** Links the login depends on: carried where they can be at all. */
	readonly needed: ReadonlySet<string>;
	/** Links to carry although they would be left out: tunnels without keys, dummies, empty bridges. */
	readonly keep: ReadonlySet<string>;
}

const tunnels = "gre gretap ipip sit ip6gre ip6gretap ip6tnl vti vti6 vxlan".split(" ");

/** Kinds that only mean something to the workload that made them, with the words for the plan. */
const workloads: Readonly<Record<string, string>> = {
	veth: "one end of a pair whose other end belongs to a container",
	tun: "made by a program (virtual machine or VPN) that will not run",
	macvtap: "belongs to a virtual machine",
	ipvtap: "belongs to a virtual machine",
	netkit: "belongs to a container",
	ifb: "used for traffic shaping only",
	nlmon: "used for capturing only",
	vcan: "no IP network",
	can: "no IP network",
	ppp: "its credentials stay on the host",
	wireguard: "its keys would have to leave the host",
	macsec: "its keys would have to leave the host",
	xfrm: "its keys would have to leave the host",
	team: "its settings lie with teamd, not in the kernel; a bond can replace it",
	ovs: "its settings lie with Open vSwitch",
	openvswitch: "its settings lie with Open vSwitch",
};

/** Dummies that container platforms make for themselves. */
const workloadDummies = /^(kube-|nodelocaldns|kube_|cilium|dummy\.?cni|lxc|cali)/;

/** Decides about every link of a network, lo excepted. */
export function selectLinks(network: Network, wishes: Wishes): ReadonlyMap<string, Verdict> {
	const byName = new Map(network.links.map((link) => [link.name, link]));
	const verdicts = new Map<string, Verdict>();
	const judge = (link: Link): Verdict => {
		const known = verdicts.get(link.name);
		if (known !== undefined) return known;
		// Against links that stand on one another in a circle, which the kernel does not make.
		verdicts.set(link.name, no("stands on itself"));
		const verdict = decide(link);
		verdicts.set(link.name, verdict);
		return verdict;
	};
	const ports = (master: Link) => network.links.filter((link) => link.master === master.name);
	const standsOnCarried = (link: Link): Verdict => {
		if (link.foreignParent === true) return no("stands on a link of another network namespace");
		const parent = link.parent === undefined ? undefined : byName.get(link.parent);
		if (parent === undefined) return no("what it stands on is not known");
		return judge(parent).carried ? yes : no(`stands on ${parent.name}, which is left out`);
	};
	const decide = (link: Link): Verdict => {
		const wanted = wishes.needed.has(link.name) || wishes.keep.has(link.name);
		const up = link.flags.includes("up");
		if (isHardware(link)) return hardware(link, byName, up || wanted);
		const kind = link.kind ?? link.type;
		const words = workloads[kind];
		if (words !== undefined) return no(words);
		if (!up && !wanted) return no("is down");
		if (tunnels.includes(kind)) {
			if (link.details === undefined) return no(`a ${kind} with settings that cannot be carried`);
			if (link.details.kind === "vxlan" && link.details.external === true)
				return no("steered by a program that will not run");
			return wanted ? yes : no(`a tunnel (${kind}): carried on request only`);
		}
		switch (kind) {
			case "vlan":
			case "macvlan":
			case "ipvlan":
				return link.details === undefined
					? no("its settings are not known")
					: standsOnCarried(link);
			case "bond":
			case "bridge":
			case "vrf":
				if (link.details === undefined) return no("its settings are not known");
				if (wanted || ports(link).some((port) => judge(port).carried)) return yes;
				return no("no network card, and nothing that stands on one, belongs to it");
			case "dummy":
				if (wanted) return yes;
				if (workloadDummies.test(link.name)) return no("belongs to a container platform");
				return network.addresses.some((each) => each.link === link.name && each.scope === "global")
					? yes
					: no("has no address");
			default:
				return no(`links of kind ${kind} are not supported`);
		}
	};
	for (const link of network.links) if (link.type !== "loopback") judge(link);
	return verdicts;
}

function hardware(link: Link, byName: ReadonlyMap<string, Link>, wanted: boolean): Verdict {
	const master = byName.get(link.master ?? "");
	if (master !== undefined && isHardware(master))
		return no(`the fast path of ${master.name}, which finds it again by itself`);
	if (link.virtualFunction === true)
		return no("a virtual function (SR-IOV) of a card of this host, which the rescue kernel ends");
	// By the name too: a network from a file may not tell more.
	if (link.wireless === true || /^(wl|(wifi|ath|ra)\d)/.test(link.name))
		return no("wireless: its credentials stay on the host");
	return wanted ? yes : no("is down");
}
