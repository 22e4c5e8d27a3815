import type { RescueEvent } from "../rescue/index.ts";
import type { Io } from "./command.ts";

/** Shows what happens. One for programs (`--json`), one for pipes and files, one for a terminal. */
export interface View {
	report(event: RescueEvent): void;
	/** Everything shown so far is complete: somebody else may write to the terminal. */
	pause(): Promise<void>;
	/** The last step failed, or all is done. */
	end(error?: unknown): Promise<void>;
}

/** Whether colours are wanted (no-color.org). */
export function wantsColour(io: Io, stream: "stdout" | "stderr"): boolean {
	return io.terminal[stream] && (io.env.NO_COLOR ?? "") === "" && io.env.TERM !== "dumb";
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
