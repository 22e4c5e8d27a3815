// A virtual machine with Debian's kernel whose only program is the agent: node, ip, systemd-networkd and the
// helper in an initrd written by our own cpio writer.

import { execFileSync } from "node:child_process";
import { createWriteStream } from "node:fs";
import { readdir, readFile, realpath } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { type CpioEntry, writeCpio } from "../../../src/cpio/index.ts";
import { startVm } from "../../../src/vm/index.ts";
import { debianKernel } from "../../support/kernels.ts";
import { find } from "../../support/programs.ts";
import type { Capture, Outcome } from "./agent.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
export const networkdPath = "/lib/systemd/systemd-networkd";

/** In the order in which they are loaded: what others need comes first. */
const modules = [
	...["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci"],
	...[
		"failover",
		"net_failover",
		"virtio_net",
		"tls",
		"bonding",
		"llc",
		"stp",
		"garp",
		"mrp",
		"8021q",
	],
	...["bridge", "veth", "dummy", "vrf", "macvlan", "ip_tunnel", "gre", "ip_gre", "tunnel4", "ipip"],
	...["sit", "udp_tunnel", "ip6_udp_tunnel", "vxlan"],
];

/** What the agent sent; see {@link Outcome} and {@link Capture}. */
export interface Answers {
	readonly outcomes: readonly Outcome[];
	readonly captures: readonly Capture[];
	/** Anything else: logs of a scenario that failed. */
	readonly talk: string;
}

/** Boots the machine, lets the agent run, and returns what it sent. `folder` holds the initrd and the answers. */
export async function runScenarios(
	folder: string,
	options: {
		readonly capture?: boolean;
		readonly only?: string;
		readonly log?: string;
		readonly timeout: number;
	},
): Promise<Answers> {
	const kernel = await debianKernel("amd64", modules);
	const initrd = join(folder, "initrd");
	await pipeline(writeCpio(await entries(folder, kernel.modules)), createWriteStream(initrd));
	const answers = join(folder, "answers");
	const environment = [
		...(options.capture ? ["CAPTURE=1"] : []),
		...(options.only === undefined ? [] : [`ONLY=${options.only}`]),
		...(options.log === undefined ? [] : [`NETWORKD_LOG=${options.log}`]),
	];
	const nic = (mac: string, hub: number) => ({ mac, backend: `hubport,hubid=${hub}` });
	await using vm = await startVm({
		memory: 1024,
		cpus: 2,
		kernel: kernel.file,
		initrd,
		cmdline: `console=ttyS0 quiet panic=-1 net.ifnames=0 rdinit=/bin/node ${environment.join(" ")} -- /app/test/network/scenarios/agent.js`,
		nics: [...[1, 2, 3].map((n) => nic(`52:54:00:00:00:0${n}`, n)), nic("52:54:00:00:01:01", 1)],
		onReboot: "exit",
		extra: ["-serial", `file:${answers}`],
	});
	const timer = setTimeout(() => void vm.stop(), options.timeout);
	const complaint = await vm.exited;
	clearTimeout(timer);
	const lines = (await readFile(answers, "utf8")).split(/\r?\n/);
	const found = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
	const talk = lines.filter((line) => !line.startsWith("{")).join("\n");
	if (!found.some((each) => each.done === true)) {
		throw new Error(`the agent did not finish: ${complaint}\n${vm.console.tail(60)}\n${talk}`);
	}
	return {
		outcomes: found.flatMap((each) => each.outcome ?? []),
		captures: found.flatMap((each) => each.capture ?? []),
		talk,
	};
}

async function entries(
	folder: string,
	modulePaths: readonly string[],
): Promise<CpioEntry<never>[]> {
	const app = join(folder, "app");
	execFileSync(
		join(root, "node_modules/.bin/tsc"),
		[
			...["--outDir", app, "--rootDir", root, "--target", "es2023", "--module", "nodenext"],
			...[
				"--rewriteRelativeImportExtensions",
				"--skipLibCheck",
				"--strict",
				"--types",
				"node",
				"--ignoreConfig",
			],
			join(root, "test/network/scenarios/agent.ts"),
		],
		{ stdio: ["ignore", "inherit", "inherit"], cwd: root },
	);
	const helper = "src/kexec/helper/bin/helper-x86_64";
	const programs: readonly (readonly [string, string])[] = [
		[process.execPath, "bin/node"],
		[find("ip") ?? "ip", "bin/ip"],
		[find("bridge") ?? "bridge", "bin/bridge"],
		[find("busybox") ?? "busybox", "bin/busybox"],
		[networkdPath, networkdPath.slice(1)],
	];
	const libraries = new Set(programs.flatMap(([path]) => librariesOf(path)));
	const file = async (from: string, to: string, mode = 0o755): Promise<CpioEntry<never>> => ({
		kind: "file",
		name: to,
		mode,
		content: await readFile(await realpath(from)),
	});
	const text = (name: string, content: string): CpioEntry<never> => ({
		kind: "file",
		name,
		content,
	});
	const scripts = await readdir(app, { recursive: true });
	return [
		...(await Promise.all(programs.map(([from, to]) => file(from, to)))),
		...(await Promise.all([...libraries].map((path) => file(path, path.slice(1))))),
		...(await Promise.all(
			modulePaths.map((path) => file(path, `modules/${basename(path)}`, 0o644)),
		)),
		...(await Promise.all(
			scripts
				.filter((name) => name.endsWith(".js"))
				.map((name) => file(join(app, name), `app/${relative(app, join(app, name))}`, 0o644)),
		)),
		await file(join(root, helper), `app/${helper}`),
		text("app/package.json", '{ "type": "module" }\n'),
		text("modules/order", modules.map((name) => `${name}.ko\n`).join("")),
		// systemd-networkd gives up root for this user.
		text("etc/passwd", "root:x:0:0::/root:/bin/false\nsystemd-network:x:998:998::/:/bin/false\n"),
		text("etc/group", "root:x:0:\nsystemd-network:x:998:\n"),
		text("etc/nsswitch.conf", "passwd: files\ngroup: files\n"),
		text("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
		text("etc/resolv.conf", "nameserver 127.0.0.53\n"),
		...["proc", "sys", "dev", "run", "tmp", "root"].map(
			(name): CpioEntry<never> => ({ kind: "directory", name }),
		),
		{ kind: "character", name: "dev/console", major: 5, minor: 1, mode: 0o600 },
	];
}

/** Of the C library; every Linux with a dynamic loader has it. */
const ldd = "/usr/bin/ldd";

/** Shared libraries of a program, by the dynamic loader. None for static ones. */
function librariesOf(path: string): string[] {
	let listed: string;
	try {
		listed = execFileSync(ldd, [path], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
	} catch {
		return [];
	}
	return [...listed.matchAll(/(?:=>\s+)?(\/\S+) \(0x/g)].map((match) => match[1] ?? "");
}
