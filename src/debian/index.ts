// The way from a mirror to files:
//
//   const repository = await openRepository({ suite: "trixie", arch: "amd64", mirror?, cache?, clock?, signal?, report? });
//   const solution   = solve(repository.index, ["systemd", "openssh-server"], { exclude: ["perl*", "debconf"] });
//                      // → { packages: Package[] (sorted by name), waived: [...], roots, exclude }
//   const lock       = makeLock(repository, solution);  writeLock(lock) → string;  readLock(text) → Lock
//   const fetched    = await fetchPackages(solution.packages | lock.packages, { archives, cache?, signal?, report? });
//                      // → [{ package, file /* path in the cache, digest checked */, cached }]
//   for await (const entry of readDeb(file, { drop: defaultDrops })) …   // entry: DebEntry
//   const control    = await readControl(file);          // Map of the control file's fields
//   checkLibraries(files) → LibraryReport                // DT_NEEDED and interpreter of every ELF file
//   const unpacked   = await unpackPackages(["qemu-system-x86"], { suite, … });   unpacked.run("qemu-system-x86_64") → argv

export type { DebEntry } from "./entry.ts";
export { type DebianCode, debianError } from "./error.ts";
export type {
	Architecture,
	Clause,
	Operator,
	Package,
	PackageIndex,
	PackageRef,
	Provided,
	Relation,
} from "./package.ts";
