import type { Command } from "./command.ts";

/** A word that stands before several commands: `ekexec initrd …`. */
export interface Group {
	readonly name: string;
	readonly summary: string;
}

export const groups: readonly Group[] = [];

/** Every command, in the order of the help screen. */
export const commands: readonly Command[] = [];
