import { type Draft, fits, type Row } from "./attributes.ts";

/** Shapes remembered for one kind of message. A host has some dozens; an attacker could send any number. */
const mostShapes = 1024;

interface Node {
	/** By number of the next attribute. */
	readonly next: (Node | undefined)[];
	/** Members in the order in which they will be assigned. */
	readonly names: readonly string[];
	template: Draft | undefined;
}

/**
 * Objects of a dump are of few shapes: the same attributes in the same order, a million times. An object that
 * begins empty and gets its members one by one is moved by V8 every few members; one cloned from a template has
 * its place for each from the start. This halves the time to decode a million routes, and a third of the memory.
 *
 * The shapes are kept in a tree: from the root one step for each attribute.
 */
export class Shapes {
	readonly #rows: readonly (Row | undefined)[];
	readonly #root: Node;
	#count = 0;

	/** `names` come first in every object; `rows` are the attributes by number. */
	constructor(names: readonly string[], rows: readonly (Row | undefined)[]) {
		this.#root = { next: [], names, template: undefined };
		this.#rows = rows;
	}

	/**
	 * An object to be filled from the attributes between `at` and `end`: it has the members that these will set, and
	 * no other. Where an attribute is unknown, unfit or damaged it is empty; whoever reads them finds out.
	 */
	draft(view: DataView, little: boolean, at: number, end: number): Draft {
		let node = this.#root;
		let next = at;
		while (end - next >= 4) {
			const length = view.getUint16(next, little);
			const type = view.getUint16(next + 2, little) % 0x4000;
			const row = this.#rows[type];
			if (length < 4 || row === undefined || row.many || !fits(row, length - 4)) return {};
			const child = node.next[type] ?? this.#grow(node, row);
			if (child === undefined) return {};
			node = child;
			next += length + ((4 - (length % 4)) % 4);
		}
		node.template ??= templateOf(node.names);
		return { ...node.template };
	}

	#grow(node: Node, row: Row): Node | undefined {
		if (this.#count === mostShapes) return undefined;
		this.#count += 1;
		const names = node.names.includes(row.name) ? node.names : [...node.names, row.name];
		const child: Node = { next: [], names, template: undefined };
		node.next[row.type] = child;
		return child;
	}
}

/** JSON.parse makes objects whose members all lie within them, and clones take after their original. */
function templateOf(names: readonly string[]): Draft {
	return JSON.parse(JSON.stringify(Object.fromEntries(names.map((name) => [name, 0]))));
}
