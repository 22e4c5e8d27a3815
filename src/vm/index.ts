export {
	type Drive,
	type Forward,
	type Nic,
	qemuArguments,
	type VmArchitecture,
	type VmOptions,
} from "./arguments.ts";
export { Console, type VmCode } from "./console.ts";
export { findQemu, qemuProgram, startVm, Vm } from "./qemu.ts";
export { Qmp, type QmpEvent } from "./qmp.ts";
