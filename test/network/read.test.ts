import { describe, expect, test } from "vitest";
import { utf8 } from "../../src/bytes/index.ts";
import type { Link, RawSnapshot } from "../../src/netlink/index.ts";
import { type RawNetwork, snapshot } from "../../src/network/index.ts";
import { dumpOf } from "../netlink/build.ts";

const mac = "52:54:00:00:00:01";
const wire = (more: Partial<Link> = {}): Link => ({
	...{ family: 0, type: 1, index: 2, flags: 1, change: 0, ifname: "eth0", mtu: 1500, address: mac },
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
