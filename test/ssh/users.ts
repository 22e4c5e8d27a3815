import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A throwaway login of this machine; only root can make one. */
export interface User {
	readonly name: string;
	readonly password: string;
	readonly home: string;
}

let count = 0;

/** Users of one test file, with everything of them removed at its end. */
export function users(): { add: (shell: string) => User; folder: string; remove: () => void } {
	const folder = mkdtempSync(join(tmpdir(), "ekexec-users-"));
	chmodSync(folder, 0o755);
	const made: string[] = [];
	return {
		folder,
		add(shell) {
			const name = `ekx${process.pid}-${count++}`;
			const password = `pass word 'of" ${name} \\ %s`;
			const home = join(folder, name);
			mkdirSync(home);
			execFileSync("useradd", ["-M", "-d", home, "-s", shell, name], { stdio: "pipe" });
			made.push(name);
			execFileSync("chown", [name, home]);
			execFileSync("chpasswd", { input: `${name}:${password}\n` });
			return { name, password, home };
		},
		remove() {
			for (const name of made) {
				try {
					execFileSync("userdel", ["-f", name], { stdio: "pipe" });
				} catch {
					// Still logged in for a moment: -f removes the user all the same.
				}
			}
			rmSync(folder, { recursive: true, force: true });
		},
	};
}
