import {
	bondModes,
	families,
	operStates,
	routeProtocols,
	routeTypes,
	type Snapshot,
	scopes,
	tables,
} from "../../../src/netlink/index.ts";

/** What a column of ip's JSON may hold. */
export type Json =
	| string
	| number
	| boolean
	| null
	| readonly Json[]
	| { readonly [key: string]: Json };

/** Members of one JSON object of ip: name, and how to find its value; undefined where ip leaves it out. */
export type Columns<T> = Readonly<Record<string, (object: T) => Json | undefined>>;

/** Fills the columns from one object. */
export function fill<T>(columns: Columns<T>, object: T): { readonly [key: string]: Json } {
	const filled: Record<string, Json> = {};
	for (const [name, value] of Object.entries(columns)) {
		const found = value(object);
		if (found !== undefined) filled[name] = found;
	}
	return filled;
}

/** Name of a number in a table of this room, or the number as ip prints it. */
function nameIn(table: Readonly<Record<string, number>>): (number: number) => string {
	const names = new Map(Object.entries(table).map(([name, number]) => [number, name]));
	return (number) => names.get(number) ?? String(number);
}

export const scopeName: (number: number) => string = nameIn(scopes);
export const protocolName: (number: number) => string = nameIn(routeProtocols);
export const routeTypeName: (number: number) => string = nameIn(routeTypes);
export const familyName: (number: number) => string = nameIn(families);
export const bondModeName: (number: number) => string = nameIn(bondModes);
export const operStateName = (number: number): string => nameIn(operStates)(number).toUpperCase();
/** Of tables only these three have names in iproute2's own rt_tables. */
export const tableName: (number: number) => string = nameIn({
	default: tables.default,
	main: tables.main,
	local: tables.local,
});
/** Realms, groups: only `0` has a name, and it is another one in each file. */
export const groupName = (number: number): string => (number === 0 ? "default" : String(number));

/** %#x of printf(3): no prefix on zero. */
export const hex = (number: number): string => (number === 0 ? "0" : `0x${number.toString(16)}`);
/** 0x%02x and its like. */
export const padded = (number: number, digits: number): string =>
	`0x${number.toString(16).padStart(digits, "0")}`;

/** Whether all bits of `flag` are set; no bit operators, since flags reach 2^31. */
export const has = (flags: number, flag: number): boolean => Math.trunc(flags / flag) % 2 === 1;

/** Names of links by index, as ip finds them out before it prints anything. */
export class Names {
	readonly #names: ReadonlyMap<number, string>;
	readonly #flags: ReadonlyMap<number, number>;

	constructor(snapshot: Snapshot) {
		this.#names = new Map(snapshot.links.map((link) => [link.index, link.ifname ?? ""]));
		this.#flags = new Map(snapshot.links.map((link) => [link.index, link.flags]));
	}

	of(index: number): string {
		return this.#names.get(index) ?? `if${index}`;
	}

	flags(index: number): number {
		return this.#flags.get(index) ?? 0;
	}
}

/** As `value` if it is there. */
export function maybe<T>(value: T | undefined, show: (value: T) => Json): Json | undefined {
	return value === undefined ? undefined : show(value);
}
/** The value if it is neither missing nor zero. */
export const nonzero = (value: number | undefined): number | undefined =>
	value === 0 ? undefined : value;
export const on = (value: number | undefined): boolean | undefined =>
	value === undefined ? undefined : value !== 0;
/** True where it is set; left out where it is not. */
export const onlyIf = (value: unknown): true | undefined =>
	value === undefined || value === 0 || value === false ? undefined : true;
