/** Replacing a running system by a rescue system: facts → plan → stage → load → jump → proof. */
export type { Check, CheckId, Verdict } from "./check.ts";
export { checkIds } from "./check.ts";
export { rescueCommandLine } from "./command-line.ts";
export type { RescueCode } from "./error.ts";
export type { HostOptions, HostResult } from "./host-options.ts";
export { chooseLayers, imageTraits } from "./image-traits.ts";
export type { KeyPlan } from "./keys.ts";
export type { KeyLeftOut } from "./left-out.ts";
export type { LoginProof } from "./login-again.ts";
export type { LoadSizes, MemoryBudget } from "./memory.ts";
export {
	type LoginKnown,
	type PlannedImage,
	planRescue,
	type RescueOptions,
	type RescuePlan,
} from "./plan.ts";
export { type Probed, probe } from "./probe.ts";
export type { Proof } from "./prove.ts";
export { type Report, type RescueEvent, type Step, steps, stepTitles } from "./report.ts";
export { check, host } from "./rescue.ts";
export { refusedError } from "./sentences.ts";
export { helperOf, openSession, type Session, type SessionOptions, unload } from "./session.ts";
export { needsReading, showPlan } from "./show.ts";
