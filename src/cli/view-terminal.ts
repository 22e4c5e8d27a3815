import { printable, wrap } from "../bytes/index.ts";
import { type RescueEvent, type Step, steps, stepTitles } from "../rescue/index.ts";
import type { Io } from "./command.ts";
import { showSize } from "./progress.ts";
import { columnsOf, painter, type View, wantsColour } from "./view.ts";

/** SGR parameters. */
const [bold, dim, red, green, yellow, cyan] = [1, 2, 31, 32, 33, 36];
const turning = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const turnEvery = 100;
/** Columns in front of what is said of a step: mark, number, title. */
const margin = 4 + Math.max(...steps.map((step) => stepTitles[step].length)) + 2;

/**
 * Steps that are over as lines that stay; the one that goes on as a single line that is written again and again.
 * Nothing else of the terminal is touched, so that it may be scrolled, resized and copied from.
 */
export function terminalView(io: Io): View {
	return new TerminalView(io);
}

class TerminalView implements View {
	readonly #io: Io;
	readonly #paint: ReturnType<typeof painter>;
	#step: Step | undefined;
	#begun = 0;
	/** What is to be said of the step that goes on. */
	#detail = "";
	#rate = new Rate();
	#turn = 0;
	#timer: NodeJS.Timeout | undefined;
	/** Whether the line that changes is on the screen. */
	#drawn = false;
	/** How many others have the terminal. */
	#held = 0;

	constructor(io: Io) {
		this.#io = io;
		this.#paint = painter(wantsColour(io, "stderr"));
	}

	report(event: RescueEvent): void {
		switch (event.event) {
			case "step":
				if (event.state === "start") this.#begin(event.step);
				else this.#finish(event.step, event.state === "skipped" ? "skipped" : "done", event.detail);
				return;
			case "progress":
				this.#detail = this.#rate.line(event.done, event.total);
				return;
			case "remark":
				if (event.passing) this.#detail = event.text;
				else this.say(" ".repeat(margin) + wrap(event.text, this.#columns, margin));
		}
	}

	say(text: string): void {
		this.show(printable(text));
	}

	show(text: string): void {
		this.#clear();
		this.#io.stderr.write(`${text}\n`);
		this.#draw();
	}

	hold(): () => void {
		this.#clear();
		this.#held += 1;
		let given = false;
		return () => {
			if (!given) this.#held -= 1;
			given = true;
			this.#draw();
		};
	}

	end(error?: unknown): void {
		if (this.#step !== undefined && error !== undefined) {
			this.#finish(this.#step, "failed", this.#detail);
		}
		clearInterval(this.#timer);
		this.#clear();
		this.#step = undefined;
	}

	get #columns(): number {
		return columnsOf(this.#io, "stderr") ?? 80;
	}

	#begin(step: Step): void {
		this.#step = step;
		this.#begun = performance.now();
		this.#detail = "";
		this.#rate = new Rate();
		clearInterval(this.#timer);
		this.#timer = setInterval(() => {
			this.#turn += 1;
			this.#draw();
		}, turnEvery);
		this.#timer.unref();
		this.#draw();
	}

	#finish(step: Step, state: "done" | "skipped" | "failed", detail: string): void {
		clearInterval(this.#timer);
		this.#clear();
		const look = {
			done: this.#paint("✔", green),
			skipped: this.#paint("-", yellow),
			failed: this.#paint("✖", red),
		}[state];
		const lines = wrap(printable(detail), this.#columns, margin);
		this.#io.stderr.write(`${`${look} ${this.#head(step)}${lines}`.trimEnd()}\n`);
		this.#step = undefined;
	}

	#head(step: Step): string {
		const title = stepTitles[step];
		const room = " ".repeat(margin - 4 - title.length);
		return `${steps.indexOf(step) + 1} ${this.#paint(title, bold)}${room}`;
	}

	#draw(): void {
		if (this.#step === undefined || this.#held > 0) return;
		const seconds = Math.floor((performance.now() - this.#begun) / 1000);
		const waited = seconds >= 2 ? `${seconds} s` : "";
		const room = this.#columns - margin - waited.length - 3;
		this.#clear();
		// A line that the screen breaks could not be taken away again.
		if (room < 0) return;
		// Undoing takes a moment, and a jump cannot be undone: whoever pressed the keys sees that they were heard.
		const late = this.#step === "jump" || this.#step === "prove";
		const said = this.#io.signal.aborted
			? `interrupted${late ? "" : ", being undone"}`
			: printable(this.#detail).replaceAll("\n", " ");
		const detail =
			said.length > room ? `${said.slice(0, Math.max(0, room - 1))}…`.slice(0, room) : said;
		const mark = this.#paint(turning[this.#turn % turning.length] ?? "", cyan);
		const gap = detail === "" || waited === "" ? "" : "  ";
		this.#io.stderr.write(
			`${mark} ${this.#head(this.#step)}${detail}${gap}${this.#paint(waited, dim)}`,
		);
		this.#drawn = true;
	}

	/** Takes the line that changes away: to its beginning, erased to its end (ECMA-48, CR and EL). */
	#clear(): void {
		if (this.#drawn) this.#io.stderr.write("\r\u001b[K");
		this.#drawn = false;
	}
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
		const speed = rate > 0 ? `, ${showSize(rate)}/s` : "";
		const left = rate > 0 && done < total ? `, ${Math.ceil((total - done) / rate)} s left` : "";
		return `${Math.floor((100 * done) / Math.max(1, total))} %, ${showSize(done)} of ${showSize(total)}${speed}${left}`;
	}
}
