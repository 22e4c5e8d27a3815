// A machine that never left its initramfs, where a dropbear waits for somebody to unlock a disk: no sshd, no systemd, no libc
// but the server's own, busybox for everything else.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CpioEntry, packCpio } from "../../src/cpio/index.ts";
import { host } from "../../src/rescue/index.ts";
import { startVm, type Vm } from "../../src/vm/index.ts";
import { keygen, operator, scratch } from "../ssh/sshd.ts";
import { debianKernel } from "../support/kernels.ts";
import { missing } from "../support/programs.ts";
import { noVictim, rescueOptions } from "./lab.ts";

const lacking =
	(await noVictim()) || missing("dropbear", "busybox", "ssh-keygen", "qemu-system-x86_64");
const address = "192.0.2.15";

/** What initramfs-tools' own /init does before it asks for a passphrase, and no more. */
const init = (modules: number): string => `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
mount -t tmpfs -o nodev,noexec,nosuid run /run
for i in $(seq 0 ${modules - 1}); do insmod /modules/$i.ko; done
ip link set lo up
ip link set eth0 up
ip address add ${address}/24 dev eth0
ip route add default via 192.0.2.2
echo READY
exec dropbear -F -E -s -j -k -r /etc/dropbear/host -P /run/dropbear.pid
`;

const file = (name: string, content: string | Uint8Array, mode = 0o644): CpioEntry<never> => ({
	kind: "file",
	name,
	mode,
	content: typeof content === "string" ? Buffer.from(content) : content,
});

/** A program of this machine with the libraries that it is linked with. */
function program(path: string): CpioEntry<never>[] {
	const linked = execFileSync("ldd", [path], { encoding: "utf8" });
	const libraries = [...linked.matchAll(/(\/\S+) \(0x/g)].map(([, library = ""]) => library);
	return [path, ...libraries].map((each) =>
		file(each.slice(1), new Uint8Array(readFileSync(each)), 0o755),
	);
}

describe.skipIf(lacking)(`a machine that never left its initramfs ${lacking}`, () => {
	const place = scratch();
	const path = (name: string) => join(place.path, name);
	let vm: Vm;

	beforeAll(async () => {
		const key = keygen(path("key"), "-t", "ed25519");
		const made = execFileSync("dropbearkey", ["-t", "ed25519", "-f", path("host")], {
			encoding: "utf8",
			stdio: ["ignore", "pipe", "ignore"],
		});
		const kernel = await debianKernel("amd64", ["e1000"]);
		const entries: CpioEntry<never>[] = [
			file("init", init(kernel.modules.length), 0o755),
			...program("/usr/sbin/dropbear"),
			file("bin/busybox", new Uint8Array(readFileSync("/bin/busybox")), 0o755),
			...["proc", "sys", "dev", "run", "tmp"].map(
				(name): CpioEntry<never> => ({ kind: "directory", name }),
			),
			{ kind: "character", name: "dev/console", mode: 0o600, major: 5, minor: 1 },
			file("etc/passwd", "root:*:0:0::/root-x:/bin/sh\n"),
			file("etc/group", "root:x:0:\n"),
			file("etc/dropbear/host", new Uint8Array(readFileSync(path("host"))), 0o600),
			{ kind: "directory", name: "root-x", mode: 0o700 },
			{ kind: "directory", name: "root-x/.ssh", mode: 0o700 },
			file("root-x/.ssh/authorized_keys", readFileSync(`${key}.pub`, "utf8"), 0o600),
			...kernel.modules.map((module, index) =>
				file(`modules/${index}.ko`, new Uint8Array(readFileSync(module))),
			),
		];
		writeFileSync(path("initrd"), packCpio(entries));
		vm = await startVm({
			memory: 1024,
			kernel: kernel.file,
			initrd: path("initrd"),
			cmdline: "console=ttyS0 net.ifnames=0",
			nics: [
				{
					model: "e1000",
					backend: { forward: [{ port: 22, address }], options: "net=192.0.2.0/24,host=192.0.2.2" },
				},
			],
		});
		await vm.console.waitFor("READY", { timeout: 240_000 });
		const port = await vm.forwarded(22);
		const [type = "", blob = ""] = /^ssh-\S+ \S+/m.exec(made)?.[0].split(" ") ?? [];
		writeFileSync(path("known_hosts"), `[127.0.0.1]:${port} ${type} ${blob}\n`);
	});
	afterAll(async () => {
		await vm?.stop();
		place.remove();
	});

	test("is rescued: same address, a new host key that the run vouches for", async () => {
		const login = {
			machine: operator(path("home")),
			identities: [path("key")],
			port: await vm.forwarded(22),
			settings: ["IdentitiesOnly=yes", `UserKnownHostsFile=${path("known_hosts")}`],
		};
		const options = await rescueOptions({ login });
		const result = await host("root@127.0.0.1", options).catch((error: unknown) => {
			console.error(vm.console.tail(60));
			throw error;
		});
		expect(result.jumped).toBe(true);
		expect(result.plan.hostKeys).toEqual([]);
		expect(result.plan.network.network.addresses.map((one) => one.address)).toContain(address);
		expect(result.proof?.network).toEqual([]);
		expect(result.proof?.failedUnits).toEqual([]);
	});
});
