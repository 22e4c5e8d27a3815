import type { RescueEvent } from "../rescue/index.ts";
import type { Io } from "./command.ts";

/** Shows what happens. One for programs (`--json`), one for pipes and files, one for a terminal. */
export interface View {
	report(event: RescueEvent): void;
	/** Says something besides; lines without the last `\n`. */
	say(text: string): void;
	/** Leaves the terminal to somebody else, a question for example, until the function that is returned is called. */
	hold(): () => void;
	/** All is done, or the step that goes on failed with this error. */
	end(error?: unknown): void;
}

/** Whether colours are wanted (no-color.org). */
export function wantsColour(io: Io, stream: "stdout" | "stderr"): boolean {
	return io.terminal[stream] && (io.env.NO_COLOR ?? "") === "" && io.env.TERM !== "dumb";
}

/** Columns to write into; undefined where nobody looks, and lines are as long as they are. */
export function columnsOf(io: Io, stream: "stdout" | "stderr"): number | undefined {
	if (!io.terminal[stream]) return undefined;
	const { columns } = io[stream] as NodeJS.WritableStream & { columns?: number };
	return Math.max(40, columns || 80);
}

/** Text on a terminal in the colours of SGR parameters (ECMA-48), left as it is where nobody wants them. */
export function painter(colour: boolean): (text: string, ...parameters: number[]) => string {
	return (text, ...parameters) =>
		colour && text !== "" ? `\u001b[${parameters.join(";")}m${text}\u001b[0m` : text;
}

/** JSON of what JSON has no form for: 64-bit numbers as text, bytes in base64, errors by their code. */
export function plain(_key: string, value: unknown): unknown {
	if (typeof value === "bigint") return value.toString();
	if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
	if (value instanceof Error) {
		return { code: (value as { code?: unknown }).code, message: value.message };
	}
	return value;
}
