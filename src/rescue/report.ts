import type { Facts } from "../kexec/facts/index.ts";
import type { RescuePlan } from "./plan.ts";
import type { Proof } from "./prove.ts";

/** The nine steps, in their order. */
export const steps = [
	"connect",
	"probe",
	"plan",
	"ask",
	"stage",
	"assemble",
	"load",
	"jump",
	"prove",
] as const;
export type Step = (typeof steps)[number];

/** What each step is called, for people. */
export const stepTitles: Readonly<Record<Step, string>> = {
	connect: "Connect",
	probe: "Probe",
	plan: "Plan",
	ask: "Ask",
	stage: "Send",
	assemble: "Identity",
	load: "Load",
	jump: "Jump",
	prove: "Prove",
};

/** What is told while a rescue goes on, in order. Plain data: `--json` prints it a line each. */
export type RescueEvent =
	| { readonly event: "step"; readonly step: Step; readonly state: "start" }
	| {
			readonly event: "step";
			readonly step: Step;
			readonly state: "done" | "skipped";
			readonly detail: string;
	  }
	| { readonly event: "facts"; readonly facts: Facts }
	| { readonly event: "plan"; readonly plan: RescuePlan }
	| {
			readonly event: "progress";
			readonly step: Step;
			/** Bytes. */
			readonly done: number;
			readonly total: number;
	  }
	| {
			readonly event: "remark";
			readonly step: Step;
			readonly text: string;
			/** Whether it is of interest only until something else is said: how far a download is, for example. */
			readonly passing?: true;
	  }
	| { readonly event: "proof"; readonly proof: Proof };

export type Report = (event: RescueEvent) => void;
