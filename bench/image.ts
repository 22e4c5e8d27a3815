import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, findMirror, openRepository, readLock, solve } from "../src/debian/index.ts";
import { rescue } from "../src/image/index.ts";
import { find } from "../test/support/programs.ts";
import type { Benchmark } from "./frame/frame.ts";

/** Against mmdebstrap unpacking the same packages, both from what they have downloaded before. */
const build: Benchmark = {
	name: "image/build",
	async run(frame) {
		const [program = "node", ...words] = frame.ekexec;
		const lock = join(frame.scratch, "lock.json");
		const out = join(frame.scratch, "image");
		const again = [program, ...words, "image", "build", "--out", out];
		frame.say("filling the package cache");
		execFileSync(program, [...words, "image", "build", "--out", out, "--lock", lock], {
			stdio: "inherit",
		});
		const { packages } = readLock(readFileSync(lock, "utf8"));
		const names = packages
			.map(({ name }) => name)
			.filter((name) => !/^(?:linux-image|firmware)-/.test(name));
		const { main } = await findMirror();
		const tar = join(frame.scratch, "tree.tar");
		const layers = join(cacheFolder(), "layers");
		await frame.compare(
			"the base layer's packages: unpacked, configured, compressed (ekexec) or unpacked to an uncompressed tar (mmdebstrap)",
			[
				{
					name: "ekexec image build, uncached layers",
					argv: [...again, "--locked", lock],
					before: () => rmSync(layers, { recursive: true, force: true }),
				},
				{ name: "ekexec image build, all cached", argv: again },
				{
					name: "mmdebstrap --variant=extract",
					argv: [
						"mmdebstrap",
						"--quiet",
						"--variant=extract",
						"--mode=unshare",
						`--include=${names.join(",")}`,
						rescue.suite,
						tar,
						main.href,
					],
					missing: find("mmdebstrap") === undefined ? "not on this machine: mmdebstrap" : undefined,
					before: () => rmSync(tar, { force: true }),
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
