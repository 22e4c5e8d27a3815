export {
	type Drive,
	type Forward,
	type Nic,
	qemuArguments,
	type VmArchitecture,
	type VmOptions,
} from "./arguments.ts";
export { Console, type VmCode } from "./console.ts";
export {
	breakRoot,
	qemuCommand,
	type Repair,
	type RunningVictim,
	repairRoot,
	type StartVictimOptions,
	startVictim,
} from "./lab.ts";
export { findQemu, qemuProgram, startVm, Vm } from "./qemu.ts";
export { Qmp, type QmpEvent } from "./qmp.ts";
export { makeVictim, type Victim, type VictimOptions } from "./victim.ts";
export { type VictimSuite, victimNetwork, victimPassword, victimUsers } from "./victim-recipe.ts";
