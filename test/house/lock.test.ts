import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface LockedPackage {
	readonly resolved?: string;
	readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(
	readFileSync(new URL("../../package-lock.json", import.meta.url), "utf8"),
) as { packages: Record<string, LockedPackage> };

// A registry that serves one platform only makes npm drop the others from the lock; `npm ci` then refuses it.
test("the lock names the builds for every platform", () => {
	const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
		Object.keys(optionalDependencies).filter(
			(name) =>
				lock.packages[`node_modules/${name}`] === undefined &&
				lock.packages[`${path}/node_modules/${name}`] === undefined,
		),
	);
	expect(missing).toEqual([]);
});

test("the lock records no download addresses", () => {
	const recorded = Object.values(lock.packages).filter(({ resolved }) => resolved !== undefined);
	expect(recorded).toEqual([]);
});
