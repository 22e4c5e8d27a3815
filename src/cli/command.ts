import type { InferredOptionTypes, Options, PositionalOptions } from "yargs";

/** What a command may touch of the process. Tests hand in their own. */
export interface Io {
	readonly stdin: NodeJS.ReadableStream;
	/** Data. */
	readonly stdout: NodeJS.WritableStream;
	/** Talk: progress, warnings, errors. */
	readonly stderr: NodeJS.WritableStream;
	readonly env: Readonly<Record<string, string | undefined>>;
	readonly cwd: string;
	/** Whether a person looks at it, so that progress and colour make sense. */
	readonly terminal: {
		readonly stdin: boolean;
		readonly stdout: boolean;
		readonly stderr: boolean;
	};
	/** Aborted by SIGINT, SIGTERM and SIGHUP. */
	readonly signal: AbortSignal;
	/**
	 * Told by a command that may leave a host half done: from now on a reader of standard output that goes away aborts the
	 * signal and ends nothing, and whoever interrupts twice leaves with this code.
	 */
	readonly halfDone?: (code: 4 | 5) => void;
}

type OptionTable = Readonly<Record<string, Options>>;
type PositionalTable = Readonly<Record<string, PositionalOptions>>;

/** The parsed arguments of a command with these options and positionals. */
export type Arguments<O extends OptionTable, P extends PositionalTable> = InferredOptionTypes<O> &
	InferredOptionTypes<P>;

/**
 * A command as a value. `usage` is the full command line in yargs' notation, group first: `initrd list <file>`.
 * `run` returns the exit code; it imports its rooms dynamically, so that `--help` and other commands start fast.
 */
export interface Command {
	readonly usage: string;
	readonly aliases?: readonly string[];
	readonly summary: string;
	readonly positionals: PositionalTable;
	readonly options: OptionTable;
	/** Pairs of command line and what it does, shown below the help. */
	readonly examples?: readonly (readonly [string, string])[];
	run(args: never, io: Io): Promise<number>;
}

/** Declares a command; the argument type of `run` follows from the two tables. */
export function command<const O extends OptionTable, const P extends PositionalTable>(
	definition: Omit<Command, "options" | "positionals" | "run"> & {
		readonly positionals: P;
		readonly options: O;
		run(args: Arguments<O, P>, io: Io): Promise<number>;
	},
): Command {
	return definition as unknown as Command;
}
