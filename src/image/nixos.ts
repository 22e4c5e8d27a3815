import { imageError } from "./errors.ts";

/**
 * The command line of a nixos-images tarball: the values of `init="…"` and `kernelParams="…"` in its `kexec/run`.
 * The file is read, never run. Throws `IMAGE_FORMAT`.
 */
export function commandLineOfRun(run: string, where: string): string {
	const value = (name: string): string => {
		const match = run.match(
			new RegExp(`^[ \\t]*${name}=(?:"([^"\\n]*)"|'([^'\\n]*)'|(\\S*))[ \\t\\r]*$`, "m"),
		);
		const found = match?.[1] ?? match?.[2] ?? match?.[3];
		if (found === undefined || (name === "init" && found === "")) {
			throw imageError(
				"check",
				"IMAGE_FORMAT",
				"the tarball does not say how its kernel is started",
				{
					where,
					field: name,
					expected: `a line ${name}="…"`,
					found: "none",
				},
			);
		}
		if (/[$`]/.test(found)) {
			throw imageError(
				"check",
				"IMAGE_FORMAT",
				"the tarball's command line would have to be computed",
				{
					where,
					field: name,
					expected: "plain words",
					found: JSON.stringify(found),
				},
			);
		}
		return found;
	};
	return `init=${value("init")} ${value("kernelParams")}`.trim();
}
