/** What is wrong with the bytes of a block; or with this machine, which has no memory for its dictionary. */
export class Lzma2Fault extends Error {
	readonly kind: "data" | "memory";

	constructor(message: string, kind: "data" | "memory" = "data") {
		super(message);
		this.kind = kind;
	}
}
