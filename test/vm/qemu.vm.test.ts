import { describe, expect, test } from "vitest";
import { startVm } from "../../src/vm/index.ts";
import { missing } from "../support/programs.ts";

const lacking = missing("qemu-system-x86_64");

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

	test("words that QEMU refuses come back in the error", async () => {
		const started = startVm({ memory: 64, extra: ["-device", "no-such-device"] });
		await expect(started).rejects.toMatchObject({
			code: "VM_START",
			message: expect.stringContaining("no-such-device"),
		});
	});
});
