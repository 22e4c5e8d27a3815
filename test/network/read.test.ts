import { describe, expect, test } from "vitest";
import { utf8 } from "../../src/bytes/index.ts";
import type { Link, RawSnapshot, Rule } from "../../src/netlink/index.ts";
import { type RawNetwork, snapshot } from "../../src/network/index.ts";
import { dumpOf } from "../netlink/build.ts";

const mac = "52:54:00:00:00:01";
const wire = (more: Partial<Link> = {}): Link => ({
	family: 0,
	type: 1,
	index: 2,
	flags: 1,
	change: 0,
	ifname: "eth0",
	mtu: 1500,
	address: mac,
	...more,
});
const stable = (bytes: Uint8Array) => ({ bytes, stable: true });

/** The model of a host with these links. */
function read(
	links: readonly Link[],
	more: Partial<RawNetwork> & { readonly also?: RawSnapshot } = {},
) {
	const { also, ...rest } = more;
	const dumps = { links: stable(dumpOf("link", links)), ...also };
	return snapshot({ dumps, files: new Map(), symlinks: new Map(), ...rest });
}

describe("what the target chooses, and what is printed", () => {
	test("a driver with a name that no driver has is none", () => {
		const driver = (target: string) =>
			read([wire()], { symlinks: new Map([["/sys/class/net/eth0/device/driver", target]]) })
				.links[0]?.driver;
		expect(driver("../../../bus/virtio/drivers/virtio_net")).toBe("virtio_net");
		expect(driver("/drivers/\u001b]0;owned\u0007")).toBeUndefined();
	});

	test("a host's name drives no terminal", () => {
		const files = new Map([["/etc/hostname", utf8("web\u001b[2J1\n")]]);
		expect(read([wire()], { files }).hostname).toBe("web\\x1b[2J1");
	});
});

test("a dump that failed is noted", () => {
	expect(read([wire()], { failures: ["rules (ENOMEM)"] }).notes).toEqual([
		"could not be read: rules (ENOMEM)",
	]);
});

describe("a card's own address", () => {
	const random = "02:00:00:00:00:99";
	const linkinfo = (permHwaddr: string) => ({ slaveKind: "bond", bondSlave: { permHwaddr } });
	const port = wire({ index: 3, ifname: "eth1", linkinfo: linkinfo(random) });

	test("is not what a bond knows, where the kernel tells those that are", () => {
		const { links } = read([wire({ permAddress: mac }), port]);
		expect(links.map(({ permanentMac }) => permanentMac)).toEqual([mac, undefined]);
	});

	test("is what a bond knows, before Linux 5.6", () => {
		const { links } = read([wire(), port]);
		expect(links.map(({ permanentMac }) => permanentMac)).toEqual([undefined, random]);
	});
});

test("a virtual function is told by its physical one", () => {
	const symlinks = new Map([["/sys/class/net/eth0/device/physfn", "../0000:03:00.0"]]);
	const { links } = read([wire(), wire({ index: 3, ifname: "eth1" })], { symlinks });
	expect(links.map(({ virtualFunction }) => virtualFunction)).toEqual([true, undefined]);
});

test("a wireless card is told by its driver, whatever it is called", () => {
	const symlinks = new Map([["/sys/class/net/eth0/phy80211", "../../ieee80211/phy0"]]);
	expect(read([wire()], { symlinks }).links[0]?.wireless).toBe(true);
});

test("a bridge port of which the kernel tells no VLAN has none; a card's own message does not count", () => {
	const port = (index: number): Link =>
		wire({ index, ifname: `eth${index}`, linkinfo: { slaveKind: "bridge", bridgePort: {} } });
	const told = { family: 7, type: 1, flags: 1, change: 0 };
	const bridgeLinks = stable(
		dumpOf("bridgeLink", [
			{ ...told, index: 3, afSpec: { vlanInfo: [{ flags: 6, vid: 5 }] } },
			{ ...told, index: 3 },
			{ ...told, index: 4 },
		]),
	);
	const { links } = read([port(3), port(4)], { also: { bridgeLinks } });
	expect(links.map((each) => each.port)).toEqual([
		{ kind: "bridge", vlans: [{ id: 5, pvid: true, untagged: true }] },
		{ kind: "bridge", vlans: [] },
	]);
});

test("a tunnel with settings that the model does not hold has no details", () => {
	const details = (linkinfo: NonNullable<Link["linkinfo"]>) =>
		read([wire({ type: 778, linkinfo })]).links[0]?.details?.kind;
	const gre = { iflags: 0x2000, oflags: 0x2000, ikey: 5, okey: 5, encapType: 0 };
	expect(details({ kind: "gre", gre })).toBe("tunnel");
	expect(details({ kind: "gre", gre: { ...gre, encapType: 1 } })).toBeUndefined();
	expect(details({ kind: "gre", gre: { ...gre, oflags: 0xa000 } })).toBeUndefined();
	expect(details({ kind: "ipip", iptun: { encapType: 2 } })).toBeUndefined();
});

test("a rule that selects by more than the model holds says so", () => {
	const rule: Rule = {
		family: 2,
		dstLen: 0,
		srcLen: 0,
		tos: 0,
		table: 100,
		action: 1,
		flags: 0,
		sportRange: { start: 22, end: 22 },
	};
	const selectors = (more: Partial<Rule>) =>
		read([wire()], { also: { rules: stable(dumpOf("rule", [{ ...rule, ...more }])) } }).rules[0]
			?.selectors;
	expect(selectors({ sportMask: 0xffff, dscp: 8, dscpMask: 0x3f })).toBeUndefined();
	expect(selectors({ sportMask: 0xff, flowlabel: 1, flowlabelMask: 0xfffff })).toEqual([
		"flowlabel",
		"sport mask",
	]);
});
