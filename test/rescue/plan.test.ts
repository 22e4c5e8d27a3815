import { describe, expect, test } from "vitest";
import { text } from "../../src/bytes/index.ts";
import type { Facts } from "../../src/kexec/facts/facts.ts";
import type { CheckId } from "../../src/rescue/check.ts";
import { checkTarget, planRescue } from "../../src/rescue/plan.ts";
import { GiB, healthyFacts, keyBlob, keysOf, MiB, plainNetwork } from "../support/facts.ts";
import {
	plannedImage as image,
	rootLogin as login,
	noOptions as options,
	plan,
	verdicts,
} from "../support/plan.ts";

describe("a healthy host", () => {
	test("is not refused, and nothing needs a warning", () => {
		const made = plan();
		expect(
			made.checks.filter(({ verdict }) => verdict === "refusal" || verdict === "warning"),
		).toEqual([]);
		expect(made.refused).toBe(false);
		expect(made.hostKeys).toEqual(["/etc/ssh/ssh_host_ed25519_key"]);
		expect(text(made.keys.authorizedKeys)).toBe(`ssh-ed25519 ${keyBlob} me\n`);
	});

	test("the same facts give the same plan", () => {
		expect(plan()).toEqual(plan());
	});

	test("consoles are taken over, the preferred one last, with its speed", () => {
		expect(plan().commandLine).toBe("quiet panic=60 console=tty0 console=ttyS0,115200n8");
	});

	test("words that tell how to treat the hardware come along, others stay", () => {
		const made = plan(
			{
				commandLine: "root=/dev/sda1 nomodeset pcie_aspm=off splash nvme_core.io_timeout=9 init=/x",
			},
			{ options: { commandLine: 'quiet "a b"' } },
		);
		expect(made.commandLine).toBe(
			'quiet panic=60 nomodeset pcie_aspm=off nvme_core.io_timeout=9 console=tty0 console=ttyS0 quiet "a b"',
		);
	});

	test("so does what a machine's firmware needs: where ACPI is, how to reboot, which timers and processors not to trust", () => {
		const words =
			"acpi_rsdp=0x7fbfe014 efi=noruntime noefi no5lvl reboot=pci,force no_timer_check idle=nomwait maxcpus=1 swiotlb=65536";
		const made = plan({ commandLine: `root=/dev/sda1 ${words} crashkernel=256M`, consoles: [] });
		expect(made.commandLine).toBe(`quiet panic=60 ${words}`);
	});
});

describe("drivers", () => {
	const found = (unserved: readonly string[] | undefined, change: Partial<Facts> = {}) => {
		const { unserved: _, ...unknown } = image;
		const made = planRescue(
			healthyFacts(change),
			plainNetwork,
			unserved === undefined ? unknown : { ...unknown, unserved },
			login,
			options,
			0,
		);
		return made.checks.filter(({ id }) => id === "drivers");
	};

	test("all there", () => {
		expect(found([])).toMatchObject([{ verdict: "ok" }]);
	});

	test("none for the card of the way back: refused, with its driver of now", () => {
		const [check] = found(["virtio0"]);
		expect(check).toMatchObject({ verdict: "refusal" });
		expect(check?.found).toContain("eth0 (virtio_net for virtio:d00000001v00001AF4)");
	});

	test("none for what the card hangs on: refused as well", () => {
		expect(found(["0000:00:03.0"])).toMatchObject([{ verdict: "refusal" }]);
	});

	test("none for the card of the way back, which gets another name there: refused as well", () => {
		const [first] = plainNetwork.links;
		if (first === undefined) throw new Error("the plain network has a card");
		const second = { name: "eth1", index: 3, permanentMac: "52:54:00:12:34:57" };
		const { checks, network } = planRescue(
			healthyFacts(),
			{ ...plainNetwork, links: [first, { ...first, ...second, devicePath: "pci0000:00/x" }] },
			{ ...image, unserved: ["virtio0"] },
			login,
			options,
			0,
		);
		expect(network.wayBackLinks).toEqual(["nic0"]);
		expect(checks.filter(({ id }) => id === "drivers")).toMatchObject([{ verdict: "refusal" }]);
	});

	test("none for a disk: a warning", () => {
		const [check] = found(["virtio1"]);
		expect(check).toMatchObject({ verdict: "warning" });
		expect(check?.found).toContain("vda");
	});

	test("bridges, devices without a driver and what nothing hangs on do not matter", () => {
		const busDevices = {
			...base.busDevices,
			"0000:00:03.0": { modalias: "pci:v00008086d00001237sv0sd0bc06sc00i00", driver: "pcieport" },
			"0000:00:04.0": { modalias: "pci:v00001234d00001111bc03" },
			"0000:00:09.0": { modalias: "pci:v00001234d00001111bc03", driver: "bochs" },
		};
		const unserved = ["0000:00:03.0", "0000:00:04.0", "0000:00:09.0"];
		expect(found(unserved, { busDevices })).toMatchObject([{ verdict: "ok" }]);
	});

	test("an image that does not tell: said so", () => {
		expect(found(undefined)).toMatchObject([{ verdict: "note" }]);
	});
});

test("the machine that ekexec runs on is refused", () => {
	const made = plan({}, { login: { ownBootId: healthyFacts().bootId } });
	expect(verdicts(made, "same-machine")).toEqual(["refusal"]);
	expect(verdicts(plan({}, { login: { ownBootId: "other" } }), "same-machine")).toEqual(["ok"]);
});

test("an armed watchdog is told; with minutes to go it is nothing to do about", () => {
	const checks = (timeout: number) =>
		plan({ watchdogs: [{ name: "watchdog0", identity: "iTCO_wdt", timeout }] }).checks.filter(
			({ id }) => id === "watchdog",
		);
	expect(checks(30)).toEqual([
		expect.objectContaining({
			verdict: "warning",
			found: expect.stringContaining("watchdog0 (iTCO_wdt) is armed"),
		}),
	]);
	expect(checks(600)).toEqual([expect.objectContaining({ verdict: "note" })]);
	expect(plan().checks.some(({ id }) => id === "watchdog")).toBe(false);
});

test.each([
	["mounted", { mounts: [{ ...healthyFacts().mounts[0], target: "/tank", type: "zfs" }] }],
	["on a disk", { filesystems: ["ext4", "zfs_member"] }],
] as const)("that the image cannot open a pool of ZFS is told: %s", (_name, change) => {
	const warned = plan(change as Partial<Facts>).checks.filter(({ id }) => id === "disks");
	expect(warned).toContainEqual(
		expect.objectContaining({ verdict: "warning", found: expect.stringMatching(/^ZFS/) }),
	);
	expect(JSON.stringify(plan().checks)).not.toContain("ZFS");
});

test("sessions that live on without a login are told", () => {
	const made = plan({ terminals: ["tmux of uid 0"] });
	expect(made.checks.find(({ id }) => id === "terminals")?.found).toContain("tmux of uid 0");
});

const base = healthyFacts();
const refusals: [string, CheckId, Partial<Facts>][] = [
	["another architecture", "architecture", { architecture: "riscv64" }],
	[
		"a container",
		"environment",
		{ environment: { container: ["/.dockerenv exists"], xenPv: false } },
	],
	["a Xen PV guest", "environment", { environment: { container: [], xenPv: true } }],
	["no root", "root", { user: { uid: 1000, name: "admin" } }],
	["root without CAP_SYS_BOOT", "root", { capabilities: 0x1ff_ffbf_ffffn }],
	["kexec_load_disabled", "kexec", { kexec: { ...base.kexec, disabled: true } }],
	["no load left", "kexec", { kexec: { ...base.kexec, loadsLeft: 0 } }],
	["too few loads left", "kexec", { kexec: { ...base.kexec, loadsLeft: 4 } }],
	["no kexec", "kexec", { kexec: { ...base.kexec, fileLoad: "absent", load: "absent" } }],
	[
		"both calls refused",
		"kexec",
		{ kexec: { ...base.kexec, fileLoad: "refused", load: "refused" } },
	],
	[
		"lockdown without kexec_file_load",
		"kexec",
		{
			kexec: { ...base.kexec, fileLoad: "absent" },
			security: { ...base.security, lockdown: "integrity" },
		},
	],
	["a loaded kernel", "loaded", { kexec: { ...base.kexec, loaded: true } }],
	["a rescue system", "rescue-system", { rescueNonce: "x".repeat(16) }],
	["nowhere to put the helper", "staging", { places: [{ ...at("/tmp"), executable: false }] }],
	["too little memory for the system", "memory", memory(256 * MiB, 250 * MiB)],
	["too little memory to load", "memory", memory(2 * GiB, 64 * MiB)],
	["the login's key nowhere", "login-keys", { ssh: { ...base.ssh, authorizedKeys: [] } }],
	[
		"the login's address on no interface",
		"way-back",
		{
			ssh: {
				...base.ssh,
				connection: { client: "192.0.2.9", clientPort: 1, server: "198.51.100.7", serverPort: 22 },
			},
		},
	],
];

function at(path: string) {
	return { path, writable: true, executable: true, inMemory: false };
}

function memory(total: number, available: number): Partial<Facts> {
	if (!base.memory) throw new Error("the healthy host has memory");
	return { memory: { ...base.memory, total, available } };
}

describe("refusals", () => {
	test.each(refusals)("%s", (_, id, facts) => {
		const made = plan(facts);
		expect(made.refused).toBe(true);
		const refused = made.checks.filter(({ verdict }) => verdict === "refusal");
		expect(refused.map((check) => check.id)).toEqual([id]);
		expect(refused[0]?.remedy).toMatch(/\w{3}/);
	});

	test("those that hold for any image are known without one", () => {
		const ofImages = ["architecture", "signature", "memory", "host-keys"];
		for (const [, id, change] of refusals) {
			const checks = checkTarget(healthyFacts(change), plainNetwork, login, options);
			const refused = checks.filter(({ verdict }) => verdict === "refusal");
			expect(refused.map((check) => check.id)).toEqual(ofImages.includes(id) ? [] : [id]);
		}
	});

	test("a signature that is asked for and missing", () => {
		const locked: Partial<Facts> = { security: { ...base.security, lockdown: "integrity" } };
		expect(verdicts(plan(locked, { image: { signed: false } }), "signature")).toEqual(["refusal"]);
		expect(verdicts(plan(locked), "signature")).toEqual(["warning"]);
	});

	test("a password login needs a key", () => {
		const proof = { method: "password" } as const;
		expect(verdicts(plan({}, { login: { proof } }), "login-keys")).toEqual(["refusal"]);
		const added = [{ name: "me.pub", content: new TextEncoder().encode(`ssh-ed25519 ${keyBlob}`) }];
		expect(
			verdicts(plan({}, { login: { proof }, options: { addedKeys: added } }), "login-keys"),
		).toEqual(["ok"]);
	});

	test("another sshd than the one whose keys are there", () => {
		const made = plan({}, { login: { hostKey: { type: "ssh-rsa", blob: "AAAAB3" } } });
		expect(verdicts(made, "host-keys")).toEqual(["refusal"]);
	});

	test("no host keys, for an image that makes none", () => {
		const none: Partial<Facts> = { ssh: { ...base.ssh, hostKeys: [] } };
		expect(verdicts(plan(none, { image: { adapter: "stage1" } }), "host-keys")).toEqual([
			"refusal",
		]);
		const made = plan(none);
		expect(verdicts(made, "host-keys")).toEqual(["warning"]);
		expect(made.hostKeys).toEqual([]);
	});

	test("a command line that is too long", () => {
		const made = plan({}, { options: { commandLine: `x=${"y".repeat(2000)}` } });
		expect(verdicts(made, "command-line")).toEqual(["refusal"]);
	});
});

describe("host keys that cannot be carried", () => {
	const [key] = base.ssh.hostKeys;
	if (!key) throw new Error("the healthy host has a host key");
	const dead = { ...key, trouble: "cannot be read (EIO)" };
	const other = {
		path: "/etc/ssh/ssh_host_rsa_key",
		size: 2602,
		mode: 0o600,
		publicKey: { type: "ssh-rsa", blob: "AAAAB3NzaC1yc2E=" },
	};
	const keys = (...hostKeys: (typeof key)[]) => plan({ ssh: { ...base.ssh, hostKeys } });

	test("the only one: the rescue system makes one", () => {
		const made = keys(dead);
		expect(made.hostKeys).toEqual([]);
		expect(made.checks.find(({ id }) => id === "host-keys")).toMatchObject({
			verdict: "warning",
			found: expect.stringContaining(`${key.path} cannot be read (EIO)`),
		});
	});

	test("the one of this connection: another one is shown, and said", () => {
		const made = keys(dead, other);
		expect(made.hostKeys).toEqual([other.path]);
		expect(verdicts(made, "host-keys")).toEqual(["warning"]);
	});

	test("another one: that of this connection stays", () => {
		const made = keys(key, { ...other, trouble: "is empty" });
		expect(made.hostKeys).toEqual([key.path]);
		expect(verdicts(made, "host-keys")).toEqual(["ok"]);
	});
});

describe("keys", () => {
	const other = keyBlob.replace("KzPl", "QQQQ");
	const third = keyBlob.replace("KzPl", "RRRR");
	const files = [
		keysOf(
			"root",
			`from="192.0.2.0/24",no-pty ssh-ed25519 ${keyBlob} me\ncommand="backup" ssh-rsa ${other} b`,
		),
		keysOf("admin", `ssh-ed25519 ${third} admin`),
	];
	const ssh = { ...base.ssh, authorizedKeys: files };

	test("options are kept, forced commands left out and told", () => {
		const made = plan({ ssh });
		expect(text(made.keys.authorizedKeys)).toBe(
			`from="192.0.2.0/24",no-pty ssh-ed25519 ${keyBlob} me\n`,
		);
		expect(made.keys.leftOut).toMatchObject([{ user: "root", lineNumber: 2, comment: "b" }]);
		expect(made.refused).toBe(false);
	});

	test("other users' keys only when asked for, or when they logged in", () => {
		expect(plan({ ssh }, { options: { allKeys: true } }).keys.count).toBe(2);
		expect(plan({ ssh }, { login: { user: "admin" } }).keys.count).toBe(2);
	});

	test("a line behind one with a forced command counts no more, unless sshd does not take that one's file", () => {
		const lines = `command="x" ssh-ed25519 ${third}\nssh-ed25519 ${third}\nssh-ed25519 ${keyBlob}`;
		const one = plan({ ssh: { ...base.ssh, authorizedKeys: [keysOf("root", lines)] } });
		expect(text(one.keys.authorizedKeys)).toBe(`ssh-ed25519 ${keyBlob}\n`);
		const planted = { ...keysOf("root", lines), path: "/planted", distrusted: "it is not root's" };
		const own = keysOf("root", `ssh-ed25519 ${third}\nssh-ed25519 ${keyBlob}`);
		const two = plan({ ssh: { ...base.ssh, authorizedKeys: [planted, own] } });
		expect(text(two.keys.authorizedKeys)).toContain(third);
	});

	test("a login key whose only line has a forced command is a refusal", () => {
		const proof = { method: "publickey", type: "ssh-rsa", blob: other } as const;
		expect(verdicts(plan({ ssh }, { login: { proof } }), "login-keys")).toContain("refusal");
	});

	test("of a file that others can write only the key of this very login comes along", () => {
		const open = {
			...keysOf("root", `ssh-ed25519 ${keyBlob} me\nssh-ed25519 ${third} planted\nroot:$6$salt`),
			distrusted: "everybody may write to it",
		};
		const made = plan({ ssh: { ...base.ssh, authorizedKeys: [open] } });
		expect(text(made.keys.authorizedKeys)).toBe(`ssh-ed25519 ${keyBlob} me\n`);
		expect(made.keys.leftOut).toMatchObject([{ lineNumber: 2, comment: "planted" }]);
		expect(verdicts(made, "login-keys")).toContain("warning");
		expect(JSON.stringify(made.checks)).not.toContain("$6$");
		expect(made.refused).toBe(false);
	});

	const addedKeys = [{ name: "me.pub", content: new TextEncoder().encode(`ssh-ed25519 ${other}`) }];

	test("a key that is about to expire is a refusal, unless another one was named", () => {
		const expiring = keysOf("root", `expiry-time="20260101" ssh-ed25519 ${keyBlob}`);
		const ssh = { ...base.ssh, authorizedKeys: [expiring] };
		expect(verdicts(plan({ ssh }), "login-keys")).toEqual(["refusal"]);
		expect(verdicts(plan({ ssh }, { options: { addedKeys } }), "login-keys")).toEqual(["warning"]);
	});

	test("an expired line does not hide a good one of the same key", () => {
		const lines = `expiry-time="20200101" ssh-ed25519 ${keyBlob}\nssh-ed25519 ${keyBlob}`;
		const ssh = { ...base.ssh, authorizedKeys: [keysOf("root", lines)] };
		expect(verdicts(plan({ ssh }), "login-keys")).toEqual(["ok"]);
	});

	test("a key named with --key counts only if it opens something", () => {
		const line = `expiry-time="20200101",command="/bin/false" ssh-ed25519 ${other}`;
		const addedKeys = [{ name: "me.pub", content: new TextEncoder().encode(line) }];
		const made = plan({}, { login: { proof: { method: "password" } }, options: { addedKeys } });
		expect(verdicts(made, "login-keys")).toEqual(["refusal", "refusal"]);
		expect(text(made.keys.authorizedKeys)).not.toContain("/bin/false");
	});
});
