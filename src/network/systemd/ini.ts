import { EkexecError } from "../../bytes/index.ts";
import type { NetworkCode } from "../error.ts";

export type Value = string | number | boolean | undefined;

/** One section of a unit file, written in the order in which things are added; undefined values are skipped. */
export interface Section {
	readonly name: string;
	readonly lines: readonly (readonly [string, Value])[];
}

/**
 * A unit file (systemd.syntax(7)). Sections without lines are left out. A value can hold only what means nothing
 * to systemd's parser: no control character, no `%`, no backslash, no quote. All that is written here are numbers,
 * addresses and names checked before; this is the last gate.
 */
export function unitFile(sections: readonly Section[]): string {
	const blocks = sections.flatMap(({ name, lines }) => {
		const told = lines.flatMap(([key, value]) =>
			value === undefined ? [] : [`${key}=${checked(key, value)}`],
		);
		return told.length === 0 ? [] : [`[${name}]\n${told.join("\n")}\n`];
	});
	return `# Written by ekexec.\n\n${blocks.join("\n")}`;
}

function checked(key: string, value: Exclude<Value, undefined>): string {
	if (typeof value === "boolean") return value ? "yes" : "no";
	const text = String(value);
	if (!/^[\x21-\x7e]( ?[\x21-\x7e])*$/.test(text) || /[%\\"'`$]/.test(text)) {
		throw new EkexecError<NetworkCode>(
			"check",
			"NETWORK_VALUE",
			"value has no place in a unit file",
			{
				field: key,
				found: JSON.stringify(text),
			},
		);
	}
	return text;
}
