/** Every code an error of this room can carry. Those marked w come from writing, the others from reading. */
export type CpioCode =
	/** w: a name is empty, too long, holds a NUL or `..`, or is `TRAILER!!!`; read: a name is empty or unterminated. */
	| "CPIO_NAME"
	/** w: two entries have one name. */
	| "CPIO_DUPLICATE"
	/** w: an entry lies below something that is no directory. */
	| "CPIO_PARENT"
	/** w: a hard link to nothing, to itself, to a directory or to a symlink. */
	| "CPIO_LINK"
	/** w: a file of 4 GiB or more. */
	| "CPIO_TOO_LARGE"
	/** w: a number does not fit its field. */
	| "CPIO_RANGE"
	/** w: the `crc` format needs the sum of content that the writer does not see. */
	| "CPIO_SUM"
	/** w: content has another size than was said. */
	| "CPIO_CONTENT"
	/** The input ends within an entry. */
	| "CPIO_TRUNCATED"
	/** The input ends between entries: the trailer is missing. */
	| "CPIO_NO_TRAILER"
	/** Not a newc header. */
	| "CPIO_MAGIC"
	/** A field is not eight hexadecimal digits. */
	| "CPIO_HEX"
	/** A size that no kernel accepts: of a name, of a symlink's target, of data where none may be. */
	| "CPIO_SIZE"
	/** A type that is none of Linux's seven. */
	| "CPIO_MODE"
	/** A header that is not at a multiple of four. */
	| "CPIO_ALIGNMENT"
	/** Something other than NULs or another archive follows the trailer. */
	| "CPIO_TRAILING"
	/** The sum in a 070702 header is not that of the data. */
	| "CPIO_CHECKSUM"
	/** The parser was used against its rules: a bug of the caller. */
	| "CPIO_MISUSE";
