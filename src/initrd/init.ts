import { showBytes } from "../bytes/index.ts";
import type { Node } from "./node.ts";
import type { Root } from "./root.ts";
import type { Remark } from "./trouble.ts";

/** So deep may interpreters be scripts themselves, one in another: exec_binprm() of fs/exec.c. */
const maxDepth = 5;

/**
 * What keeps a kernel from running /init of a tree that was read with `programs`: undefined if nothing is known. Symlinks are
 * followed within the tree. The architecture is not looked at, and libraries are not.
 */
export function checkInit(root: Root): Remark | undefined {
	const missing = (message: string): Remark => ({
		level: "error",
		code: "VERIFY_NO_INIT",
		message,
	});
	const found = root.find(Buffer.from("init"), true);
	if (found === undefined) {
		const dangling = root.find(Buffer.from("init"))?.inode.kind === "symlink";
		return missing(
			dangling
				? "leads to nothing"
				: "is missing: the kernel would look for a root file system instead",
		);
	}
	if (found.inode.kind !== "file" || found.inode.size === 0)
		return missing("is no file with content");
	if (!executable(found)) return missing("is not executable");
	return found.inode.program === undefined ? noProgram("") : checkInterpreters(root, found);
}

/** A warning only: what knows other formats (binfmt_misc and the like) is rare, but there. */
function noProgram(who: string): Remark {
	return {
		level: "warning",
		code: "VERIFY_INIT_FORMAT",
		message: `${who}is neither an ELF program nor a script that begins with #! and an interpreter: hardly a kernel runs it (error -8)`,
	};
}

function checkInterpreters(root: Root, init: Node): Remark | undefined {
	const cannot = (message: string): Remark => ({
		level: "error",
		code: "VERIFY_INTERPRETER",
		message: `cannot be run: ${message}`,
	});
	let file = init;
	let who = "it";
	for (let depth = 0; depth <= maxDepth; depth++) {
		const { program } = file.inode;
		if (program?.interpreter === undefined) return undefined;
		const path = Buffer.from(program.interpreter, "latin1");
		const named = showBytes(path);
		const next = root.find(path, true);
		if (next === undefined) {
			return cannot(`${who} needs ${named}, which is not in the initrd (error -2)`);
		}
		if (next.inode.kind !== "file" || !executable(next)) {
			return cannot(`${who} needs ${named}, which is no executable file (error -13)`);
		}
		// A dynamic linker is mapped, not run: load_elf_binary() of fs/binfmt_elf.c takes nothing but ELF.
		if (program.kind === "elf") {
			if (next.inode.program?.kind === "elf") return undefined;
			return cannot(`${who} needs ${named}, which is no ELF program (error -80)`);
		}
		if (next.inode.program === undefined) return noProgram(`its interpreter ${named} `);
		file = next;
		who = named;
	}
	return cannot(`its interpreters are scripts, more than ${maxDepth} deep (error -40)`);
}

function executable({ inode }: Node): boolean {
	return (inode.permissions & 0o111) !== 0;
}
