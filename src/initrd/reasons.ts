/** What the system's codes mean for a file, each a sentence. Without imports: every command's way out has it. */
const sentences: Readonly<Record<string, string>> = {
	ENOENT: "There is no such file or folder.",
	EACCES: "The permissions do not allow it.",
	EPERM: "It is not permitted.",
	EISDIR: "It is a folder.",
	ENOTDIR: "A part of its path is no folder.",
	EEXIST: "Something else has this name already.",
	ELOOP: "Symlinks on its path lead in a circle, or one is where none may be.",
	ENAMETOOLONG: "A name is longer than the file system takes.",
	ENOSPC: "The disk is full.",
	EDQUOT: "The quota is used up.",
	EFBIG: "It would be larger than a file may be.",
	EROFS: "The file system is read-only.",
	EIO: "The device fails.",
	EBUSY: "Something else uses it.",
	ETXTBSY: "It is a program that runs.",
	ENXIO: "Nothing is at the other end of it.",
	EMFILE: "Too many files are open.",
	EXDEV: "It lies on another file system.",
	EINVAL: "The file system does not take this.",
};

export function sentenceOf(code: string | undefined): string | undefined {
	return code !== undefined && Object.hasOwn(sentences, code) ? sentences[code] : undefined;
}
