import { execFile } from "node:child_process";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { startVm } from "../../src/vm/index.ts";
import { packagedQemu } from "../../src/vm/lab.ts";
import { noMirror } from "../support/mirror.ts";
import { missing } from "../support/programs.ts";

const lacking = missing("qemu-system-x86_64");
const noPackages = await noMirror("trixie");

describe.skipIf(lacking)(`QEMU ${lacking}`, () => {
	test("answers on its control socket, forwards a port, and stops", async () => {
		const nics = [{ backend: { forward: [{ port: 22 }] } }];
		await using vm = await startVm({ memory: 64, nics });
		expect(await vm.qmp.execute("query-status")).toMatchObject({ status: "running" });
		expect(await vm.forwarded(22)).toBeGreaterThan(1023);
		await expect(vm.forwarded(23)).rejects.toMatchObject({ code: "VM_NO_PORT" });
		await vm.stop();
		await expect(vm.qmp.execute("query-status")).rejects.toMatchObject({ code: "VM_QMP" });
	});

	test.skipIf(noPackages)(
		`out of Debian's packages it finds every library there, and gives a guest a network ${noPackages}`,
		async () => {
			const qemu = await packagedQemu("amd64");
			const [loader = "", ...words] = qemu;
			const program = words.findIndex((word) => word.endsWith("/qemu-system-x86_64"));
			const listing = [...words.slice(0, program), "--list", words[program] ?? ""];
			const { stdout } = await promisify(execFile)(loader, listing);
			const used = [...stdout.matchAll(/=> (\S+)/g)].map(([, path = ""]) => path);
			expect(used.length).toBeGreaterThan(10);
			const folder = dirname(dirname(dirname(words[program] ?? "")));
			expect(used.filter((path) => !path.startsWith(folder))).toEqual([]);
			const nics = [{ backend: { forward: [{ port: 22 }] } }];
			await using vm = await startVm({ qemu, memory: 64, nics });
			expect(await vm.forwarded(22)).toBeGreaterThan(1023);
		},
		300_000,
	);

	test("words that QEMU refuses come back in the error", async () => {
		const started = startVm({ memory: 64, extra: ["-device", "no-such-device"] });
		await expect(started).rejects.toMatchObject({
			code: "VM_START",
			message: expect.stringContaining("no-such-device"),
		});
	});
});
