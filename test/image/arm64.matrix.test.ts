import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildImage } from "../../src/image/index.ts";
import { missing } from "../support/programs.ts";
import { bootRescue, type RescueVm } from "./rescue-vm.ts";

const lacking = missing("qemu-system-aarch64", "ssh", "ssh-keygen");

describe.skipIf(lacking)(`an arm64 image, built here and booted ${lacking}`, () => {
	let home = "";
	let rescue: RescueVm;
	beforeAll(async () => {
		home = await mkdtemp(join(tmpdir(), "ekexec-arm64-"));
		const packing = { codec: "xz", level: 0 } as const;
		const target = { modaliases: [], filesystems: ["ext4"] };
		const { image } = await buildImage({ architecture: "arm64", target, packing, firmware: false });
		rescue = await bootRescue(image, home, { memory: 1024, cpus: 2 });
	}, 900_000);
	afterAll(async () => {
		await rescue?.vm.stop();
		await rm(home, { recursive: true, force: true });
	});

	test("it runs, with no failed unit", async () => {
		expect(await rescue.ssh("uname -m; systemctl is-system-running --wait")).toBe(
			"aarch64\nrunning\n",
		);
	});
});
