import type { CpioFault } from "../cpio/index.ts";
import type { Trouble } from "./root.ts";

/** What there is to say of an entry with which a kernel does something else than it says. */
export interface Remark {
	/** `error`: something is lost. `warning`: it is odd but works. */
	readonly level: "error" | "warning";
	/** Of the errors of cpio, or `VERIFY_…`. */
	readonly code: string;
	/** What is wrong, and what the kernel does. */
	readonly message: string;
}

const silence = "the kernel skips it in silence";

const troubles: Readonly<Record<Trouble, readonly [Remark["level"], string, string]>> = {
	"no-parent": ["error", "VERIFY_NO_PARENT", `no entry before it makes its folder: ${silence}`],
	"parent-no-directory": ["error", "VERIFY_PARENT", `its folder is no folder: ${silence}`],
	loop: ["error", "VERIFY_LOOP", `symlinks on its path lead in a circle: ${silence}`],
	"name-too-long": [
		"error",
		"VERIFY_NAME_TOO_LONG",
		`a part of its name is longer than 255 bytes (NAME_MAX): ${silence}`,
	],
	"link-lost": [
		"error",
		"VERIFY_LINK",
		`what it is a hard link to is gone or a folder by then: ${silence}`,
	],
	"directory-not-empty": [
		"error",
		"VERIFY_NOT_EMPTY",
		`it would replace a folder that is not empty: ${silence}`,
	],
	"self-link": [
		"error",
		"VERIFY_SELF_LINK",
		"it is a hard link to itself: the kernel removes the file",
	],
	"trailing-slash": [
		"error",
		"VERIFY_TRAILING_SLASH",
		`its name ends in a slash, but names no folder: ${silence}`,
	],
	replaced: ["warning", "VERIFY_REPLACED", "it replaces something of another type"],
	"dot-dot": ["warning", "VERIFY_DOT_DOT", "its name holds .."],
};

export function remarkOf(trouble: Trouble): Remark {
	const [level, code, message] = troubles[trouble];
	return { level, code, message };
}

/** What is said of a fault, by what the kernel does. */
export function remarkOfFault({ code, summary, kernel }: CpioFault): Remark {
	if (code === "CPIO_NO_TRAILER")
		return {
			level: "warning",
			code,
			message: `${summary}: no kernel minds, but cpio(1) does, and more may be missing`,
		};
	const ways = {
		skips: silence,
		removes: "the kernel removes what has its name and makes nothing of use",
		takes:
			code === "CPIO_MODE" ? "the kernel reads 16 bits of it" : "the kernel reads up to the NUL",
		ends: "the kernel goes on behind them, but what was to stand here is lost",
	} as const;
	const level = kernel === "takes" ? "warning" : "error";
	return { level, code, message: `${summary}: ${ways[kernel]}` };
}
