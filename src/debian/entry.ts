interface Common {
	/** Path from the root, without a leading or trailing slash, usrmerge applied; bytes as in the package. */
	readonly path: Uint8Array;
	/** Permissions with set-id and sticky bits, without the type. */
	readonly mode: number;
	readonly uid: number;
	readonly gid: number;
	/** Seconds since 1970. */
	readonly mtime: number;
}

/** One member of a package's data, ready to be written somewhere. */
export type DebEntry =
	| (Common & { readonly type: "file"; readonly content: Uint8Array })
	| (Common & { readonly type: "directory" | "fifo" })
	/** `target` as stored: not resolved, perhaps absolute or dangling. */
	| (Common & { readonly type: "symlink"; readonly target: Uint8Array })
	/** `target` is the path of an earlier entry, in the form of `path`. */
	| (Common & { readonly type: "hardlink"; readonly target: Uint8Array })
	| (Common & {
			readonly type: "character" | "block";
			readonly major: number;
			readonly minor: number;
	  });
