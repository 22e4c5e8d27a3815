/** The part of WebAssembly that is used here; Node has it, its types leave it to the browser's. */
export interface Memory {
	readonly buffer: ArrayBuffer;
	grow(pages: number): number;
}

interface WebAssemblyOfNode {
	readonly Memory: new (limits: { initial: number; maximum: number }) => Memory;
	readonly Module: new (bytes: Uint8Array) => object;
	readonly Instance: new (
		module: object,
		imports: object,
	) => { readonly exports: Readonly<Record<string, unknown>> };
	readonly RuntimeError: new () => Error;
}

export const wasm: WebAssemblyOfNode = (globalThis as unknown as { WebAssembly: WebAssemblyOfNode })
	.WebAssembly;
