/** Every code an error of this room can carry, besides those of the rooms below it. */
export type InitrdCode =
	/** A file, folder or tree description that cannot be read or written. */
	| "INITRD_IO"
	/** A file became longer, shorter or something else between being listed and being read. */
	| "INITRD_CHANGED"
	/** A tree description that says something impossible or unknown. */
	| "INITRD_TREE"
	/** Something that is no segment of an initrd, or a segment that nothing here can read. */
	| "INITRD_SEGMENT"
	/** An initrd to append to that does not read to its end. */
	| "INITRD_BASE"
	/** No such entry in the initrd. */
	| "INITRD_NO_ENTRY"
	/** An entry that would land outside the folder of extraction, or that the folder cannot take. */
	| "INITRD_UNSAFE"
	/** An option that does not go with the others, or with the input. */
	| "INITRD_OPTION"
	/** More than a named cap allows. */
	| "INITRD_LIMIT"
	/** A manifest that is none, or that says something impossible or unknown. */
	| "INITRD_MANIFEST";
