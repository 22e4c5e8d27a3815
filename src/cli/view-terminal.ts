import { Listr, type ListrTaskWrapper } from "listr2";
import { type RescueEvent, type Step, steps, stepTitles } from "../rescue/index.ts";
import type { Io } from "./command.ts";
import { showSize } from "./progress.ts";
import { type View, wantsColour } from "./view.ts";

/** A step as a promise that its events settle. */
interface Slot {
	readonly done: Promise<string>;
	settle(detail: string): void;
	fail(error: unknown): void;
	readonly skipped: { detail?: string };
	show?: (line: string) => void;
}

/** Until the question and after it: in between the terminal belongs to the plan and the question. */
const parts: readonly (readonly Step[])[] = [
	["connect", "probe", "plan"],
	["stage", "assemble", "load", "jump", "prove"],
];

/** The steps as a list that fills in while they go on, on the terminal that stderr is. */
export function terminalView(io: Io): View {
	let slots = new Map<Step, Slot>();
	let running: Promise<unknown> | undefined;
	const rate = new Rate();

	const begin = (step: Step): void => {
		const part = parts.find((each) => each.includes(step));
		if (running !== undefined || part === undefined) return;
		slots = new Map(part.map((each) => [each, slot()]));
		const list = new Listr(
			part.map((each) => ({
				title: `${steps.indexOf(each) + 1}  ${stepTitles[each]}`,
				task: (_context: unknown, task: ListrTaskWrapper<unknown, never, never>) =>
					follow(each, slots.get(each), task as unknown as Task),
				rendererOptions: { persistentOutput: true },
			})),
			{
				exitOnError: true,
				renderer: "default",
				fallbackRenderer: "simple",
				rendererOptions: { collapseErrors: false, showErrorMessage: false },
				...(wantsColour(io, "stderr") ? {} : { forceTTY: true }),
			},
		);
		running = list.run().catch(() => undefined);
	};

	return {
		report(event: RescueEvent) {
			if (event.event === "step" && event.state === "start") return begin(event.step);
			if (event.event === "step") {
				const found = slots.get(event.step);
				if (event.state === "skipped" && found) found.skipped.detail = event.detail;
				found?.settle(event.detail);
			} else if (event.event === "progress") {
				slots.get(event.step)?.show?.(rate.line(event.done, event.total));
			} else if (event.event === "remark") {
				slots.get(event.step)?.show?.(event.text);
			}
		},
		async pause() {
			const now = running;
			running = undefined;
			await now;
		},
		async end(error) {
			for (const each of slots.values()) each.fail(error ?? new Error("not reached"));
			await running;
			running = undefined;
		},
	};
}

interface Task {
	title: string;
	output: string;
	skip(message: string): void;
}

async function follow(step: Step, from: Slot | undefined, task: Task): Promise<void> {
	if (!from) return;
	const { title } = task;
	from.show = (line) => {
		task.output = line;
	};
	const detail = await from.done;
	if (from.skipped.detail !== undefined) task.skip(`${title}: ${detail}`);
	else task.title = `${title}: ${detail}`;
	void step;
}

function slot(): Slot {
	let settle: (detail: string) => void = () => {};
	let fail: (error: unknown) => void = () => {};
	const done = new Promise<string>((resolve, reject) => {
		settle = resolve;
		fail = reject;
	});
	// A step that is never reached fails when the list ends; nobody else waits for it.
	done.catch(() => {});
	return { done, settle, fail, skipped: {} };
}

/** Bytes, rate and time left, from what was reported so far. */
class Rate {
	#started: number | undefined;
	#first = 0;

	line(done: number, total: number): string {
		const now = performance.now();
		if (this.#started === undefined) {
			this.#started = now;
			this.#first = done;
		}
		const seconds = (now - this.#started) / 1000;
		const rate = seconds > 0.5 ? (done - this.#first) / seconds : 0;
		const left = rate > 0 ? `, ${Math.ceil((total - done) / rate)} s left` : "";
		const speed = rate > 0 ? `, ${showSize(rate)}/s` : "";
		return `${Math.floor((100 * done) / Math.max(1, total))} %  ${showSize(done)} of ${showSize(total)}${speed}${left}`;
	}
}
