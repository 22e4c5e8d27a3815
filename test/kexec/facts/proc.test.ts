import { describe, expect, test } from "vitest";
import { utf8 } from "../../../src/bytes/index.ts";
import {
	groupsIn,
	parseChoice,
	parseConsoles,
	parseKernelConfig,
	parseMeminfo,
	parseMountinfo,
	parsePasswd,
	parseSwaps,
	statusField,
} from "../../../src/kexec/facts/proc.ts";

describe("files of /proc", () => {
	test("meminfo, with MemAvailable and without", () => {
		const file = "MemTotal:  1000 kB\nMemFree: 100 kB\nCached: 300 kB\nHugePages_Total: 3\n";
		expect(parseMeminfo(utf8(file))).toMatchObject({ total: 1_024_000, available: 409_600 });
		expect(parseMeminfo(utf8(`${file}MemAvailable: 500 kB\n`))?.available).toBe(512_000);
		expect(parseMeminfo(utf8("nonsense"))).toBeUndefined();
	});

	test("mountinfo, with optional fields and escaped blanks", () => {
		const file =
			"36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n22 1 0:21 / /proc rw - proc proc rw\n";
		expect(parseMountinfo(utf8(file))).toEqual([
			{
				source: "/dev/root",
				target: "/mnt 2",
				type: "ext3",
				options: ["rw", "noatime"],
				superOptions: ["rw", "errors=continue"],
				device: "98:0",
			},
			expect.objectContaining({ target: "/proc", type: "proc" }),
		]);
	});

	test("swaps", () => {
		const file = "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2   partition\t1000\t10\t-2\n";
		expect(parseSwaps(utf8(file))).toEqual([
			{ device: "/dev/sda2", type: "partition", used: 10_240 },
		]);
	});

	test("kernel configuration: unset options are absent", () => {
		const options = parseKernelConfig(
			utf8('CONFIG_KEXEC=y\n# CONFIG_KEXEC_SIG is not set\nCONFIG_X="a b"\n'),
		);
		expect([...options]).toEqual([
			["CONFIG_KEXEC", "y"],
			["CONFIG_X", "a b"],
		]);
	});

	test("consoles, the preferred one first", () => {
		const file = "tty0 -WU (E  p) 4:1\nttyS0 -W- (EC p a) 4:64\n";
		expect(parseConsoles(utf8(file))).toEqual(["ttyS0", "tty0"]);
	});

	test("lockdown and status", () => {
		expect(parseChoice(utf8("none [integrity] confidentiality\n"))).toBe("integrity");
		expect(parseChoice(utf8(""))).toBeUndefined();
		expect(statusField(utf8("Uid:\t0 0\nCapEff:\t000001ffffffffff\n"), "CapEff")).toBe(
			"000001ffffffffff",
		);
	});

	test("users and their groups", () => {
		const [root, me] = parsePasswd(
			utf8("root:x:0:0:root:/root:/bin/bash\nme:x:1000:100::/home/me:/usr/bin/fish\n+nis\n"),
		);
		expect(root?.home).toBe("/root");
		expect(me && groupsIn(utf8("users:x:100:\nwheel:x:10:root,me\nx:x:5:\n"))(me)).toEqual([
			"users",
			"wheel",
		]);
	});
});
