import type { RescueEvent } from "../rescue/index.ts";
import type { Io } from "./command.ts";

/** Shows what happens. One for programs (`--json`), one for pipes and files, one for a terminal. */
export interface View {
	report(event: RescueEvent): void;
	/** Says something besides, whoever wrote it; lines without the last `\n`. */
	say(text: string): void;
	/** The same with text that is fit for a terminal as it is: it may have colours. */
	show(text: string): void;
	/** Leaves the terminal to somebody else, a question for example, until the function that is returned is called. */
	hold(): () => void;
	/** All is done, or the step that goes on failed with this error. */
	end(error?: unknown): void;
}

/** Whether colours are wanted (no-color.org). */
export function wantsColour(io: Io, stream: "stdout" | "stderr"): boolean {
	return io.terminal[stream] && (io.env.NO_COLOR ?? "") === "" && io.env.TERM !== "dumb";
}

/** Columns of the screen; undefined where nobody looks, and lines are as long as they are. A screen may say 0. */
export function columnsOf(io: Io, stream: "stdout" | "stderr"): number | undefined {
	if (!io.terminal[stream]) return undefined;
	const { columns } = io[stream] as NodeJS.WritableStream & { columns?: number };
	return columns || 80;
}

/** Text on a terminal in the colours of SGR parameters (ECMA-48), left as it is where nobody wants them. */
export function painter(colour: boolean): (text: string, ...parameters: number[]) => string {
	return (text, ...parameters) =>
		colour && text !== "" ? `\u001b[${parameters.join(";")}m${text}\u001b[0m` : text;
}

/** A value as JSON, without the controls that JSON leaves as they are: a terminal may show it. One line unless told. */
export function jsonText(value: unknown, indent?: number): string {
	return JSON.stringify(value, plain, indent).replace(
		/[\u007f-\u009f\u2028\u2029]/g,
		(char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);
}

/** JSON of what JSON has no form for: 64-bit numbers as text, bytes in base64, errors by their code. */
function plain(_key: string, value: unknown): unknown {
	if (typeof value === "bigint") return value.toString();
	if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
	if (value instanceof Error) {
		return { code: (value as { code?: unknown }).code, message: value.message };
	}
	return value;
}
