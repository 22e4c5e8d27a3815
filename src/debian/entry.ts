interface Common {
	/** Path from the root, without a leading or trailing slash, usrmerge applied; bytes as in the package. */
	readonly name: Uint8Array;
	/** Permissions with set-id and sticky bits. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	/** Seconds since 1970. */
	readonly mtime: number;
}

/** One member of a package's data. It is a `CpioEntry` too, and can be handed to the cpio writer as it is. */
export type DebEntry =
	| (Common & { readonly kind: "file"; readonly content: Uint8Array })
	| (Common & { readonly kind: "directory" | "fifo" })
	/** `target` as stored: not resolved, perhaps absolute or dangling. */
	| (Common & { readonly kind: "symlink"; readonly target: Uint8Array })
	/** Hard link: `target` is the name of an earlier file. */
	| (Common & { readonly kind: "link"; readonly target: Uint8Array })
	| (Common & {
			readonly kind: "character" | "block";
			readonly major: number;
			readonly minor: number;
	  });
