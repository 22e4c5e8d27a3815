import { execFileSync } from "node:child_process";
import { copyFileSync, linkSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import {
	cacheFolder,
	findMirror,
	openRepository,
	type PackageRef,
	readLock,
	solve,
} from "../src/debian/index.ts";
import { openImage, rescue } from "../src/image/index.ts";
import { find } from "../test/support/programs.ts";
import type { Benchmark } from "./frame/frame.ts";

/** Where a package lies in a cache of ours. */
const blob = (cache: string, { sha256 }: PackageRef): string =>
	join(cache, "sha256", sha256.slice(0, 2), sha256);

function place(from: string, to: string): void {
	mkdirSync(dirname(to), { recursive: true });
	try {
		linkSync(from, to);
	} catch {
		copyFileSync(from, to);
	}
}

/**
 * Against mmdebstrap unpacking the base layer's packages; both find the packages downloaded before. ekexec with a lock
 * needs nothing else; mmdebstrap's apt fetches the mirror's lists over the network in each turn.
 */
const build: Benchmark = {
	name: "image/build",
	async run(frame) {
		const lock = join(frame.scratch, "lock.json");
		const image = join(frame.scratch, "image");
		const [program = "node", ...words] = frame.ekexec;
		frame.say("filling the package cache");
		const first = ["image", "build", "--out", image, "--lock", lock];
		execFileSync(program, [...words, ...first], { stdio: ["ignore", "ignore", "inherit"] });
		const { packages } = readLock(readFileSync(lock, "utf8"));

		const cache = join(frame.scratch, "cache");
		for (const one of packages) place(blob(cacheFolder(), one), blob(cache, one));
		const ekexec = ["env", `EKEXEC_CACHE=${cache}`, program, ...words];
		const again = [...ekexec, "image", "build", "--out", image, "--locked", lock];

		const base = packages.filter(({ name }) => !/^(?:linux-image|firmware)-/.test(name));
		const debs = join(frame.scratch, "debs");
		for (const one of base) {
			const { name, version, arch } = one;
			const file = `${name}_${version.replaceAll(":", "%3a")}_${arch}.deb`;
			place(blob(cache, one), join(debs, file));
		}
		const { main } = await findMirror();
		const tar = join(frame.scratch, "tree.tar");
		const missing =
			find("mmdebstrap") === undefined ? "not on this machine: mmdebstrap" : undefined;
		const removeImage = (): void => rmSync(image, { recursive: true, force: true });
		const whole = async (): Promise<void> => {
			const { kernel, layers } = await openImage(image);
			for (const { path } of [kernel, ...layers]) {
				if (statSync(path).size < 10_000) throw new Error(`${path} is too small`);
			}
		};
		await frame.compare(
			"from packages at hand: a generic image, kernel, modules and firmware too, compressed (ekexec); " +
				"the base layer's packages alone, to an uncompressed tar, lists fetched over the network (mmdebstrap)",
			[
				{
					name: "ekexec image build, nothing cached but packages",
					argv: again,
					before: () => {
						removeImage();
						for (const folder of ["layers", "kernels", "modules"]) {
							rmSync(join(cache, folder), { recursive: true, force: true });
						}
					},
					after: whole,
				},
				{
					name: "ekexec image build, all cached",
					argv: again,
					before: removeImage,
					after: whole,
				},
				{
					name: "mmdebstrap --variant=extract, lists fetched",
					argv: [
						...["mmdebstrap", "--quiet", "--variant=extract", "--skip=download/empty"],
						`--setup-hook=mkdir -p "$1/var/cache/apt/archives"`,
						`--setup-hook=cp -l ${debs}/*.deb "$1/var/cache/apt/archives/" || cp ${debs}/*.deb "$1/var/cache/apt/archives/"`,
						`--include=${base.map(({ name }) => name).join(",")}`,
						...[rescue.suite, tar, main.href],
					],
					missing,
					before: () => rmSync(tar, { force: true }),
					after: () => {
						const { size } = statSync(tar);
						if (size < 20e6) throw new Error(`the tree's tar has ${size} bytes`);
					},
				},
			],
			{ rounds: 3 },
		);
	},
};

/** Which packages: the lists read, the dependencies solved. */
const solving: Benchmark = {
	name: "image/solve",
	async run(frame) {
		const { index } = await openRepository({ arch: "amd64", suite: rescue.suite });
		await frame.compare("the recipe's packages found in the lists", [
			{
				name: "solve",
				run: () => solve(index, [...rescue.packages], { exclude: [...rescue.exclude] }),
			},
		]);
	},
};

export const benchmarks: readonly Benchmark[] = [solving, build];
