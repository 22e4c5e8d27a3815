import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { text } from "../../src/bytes/index.ts";
import { fetchPackages, openRepository, readDeb } from "../../src/debian/index.ts";

const cache = fileURLToPath(
	new URL("../../node_modules/.cache/ekexec-tests/kernels", import.meta.url),
);

/** A Debian kernel, unpacked for tests. */
export interface TestKernel {
	/** Path of the kernel. */
	readonly file: string;
	/** Paths of the modules that were asked for, in that order. */
	readonly modules: readonly string[];
}

/** Debian 12's: its modules are not compressed, so that a test's init can load them as they are. */
const suite = "bookworm";

/**
 * The current kernel of Debian 12, fetched and verified by our own client, kept beside node_modules.
 * `modules` are names without `.ko`.
 */
export async function debianKernel(
	arch: "amd64" | "arm64",
	modules: readonly string[] = [],
): Promise<TestKernel> {
	const repository = await openRepository({ arch, suite });
	const meta = repository.index.find(`linux-image-${arch}`)[0];
	const wanted = meta?.depends.flat().map((clause) => clause.name) ?? [];
	const found = wanted.flatMap((name) => repository.index.find(name).slice(0, 1))[0];
	if (found === undefined) throw new Error(`no kernel for ${arch} in ${suite}`);
	const folder = join(cache, `${found.name}_${found.version}`);
	const file = join(folder, "vmlinuz");
	const kernel = { file, modules: modules.map((name) => join(folder, `${name}.ko`)) };
	const there = await Promise.all(
		[file, ...kernel.modules].map((path) =>
			readFile(path).then(
				() => true,
				() => false,
			),
		),
	);
	if (!there.includes(false)) return kernel;
	const [fetched] = await fetchPackages(
		[found],
		repository.mirror
			? { mirror: repository.mirror.main.href, securityMirror: repository.mirror.security?.href }
			: {},
	);
	if (fetched === undefined) throw new Error(`${found.name} was not fetched`);
	await mkdir(folder, { recursive: true });
	for await (const entry of readDeb(fetched.file)) {
		if (entry.kind !== "file") continue;
		const name = text(entry.name);
		const base = name.split("/").at(-1) ?? "";
		const target = name.startsWith("boot/vmlinuz-")
			? "vmlinuz"
			: modules.includes(base.slice(0, -3))
				? base
				: undefined;
		if (target === undefined) continue;
		// Whole or not at all: several test files may come here at once.
		const partial = join(folder, `${target}.${process.pid}`);
		await writeFile(partial, entry.content);
		await rename(partial, join(folder, target));
	}
	return kernel;
}
