import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { Machine } from "../../src/ssh/config.ts";
import { find } from "../support/programs.ts";

/** A folder for one test file, gone after it. */
export function scratch(): { path: string; remove: () => void } {
	const path = mkdtempSync(join(tmpdir(), "ekexec-ssh-"));
	chmodSync(path, 0o700);
	return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export function keygen(path: string, ...options: string[]): string {
	execFileSync("ssh-keygen", ["-q", "-N", "", "-C", "test", ...options, "-f", path]);
	return path;
}

export async function freePort(): Promise<number> {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.on("error", reject);
		server.listen(0, "127.0.0.1", () => {
			const address = server.address();
			server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
		});
	});
}

export interface Sshd {
	readonly port: number;
	readonly folder: string;
	/** Path of the host key of a type, without .pub. */
	hostKey(type: "ed25519" | "rsa" | "ecdsa"): string;
	/** Line of known_hosts for one of the host keys. */
	knownLine(type?: "ed25519" | "rsa" | "ecdsa"): string;
	/** Everything it logged. */
	log(): string;
	stop(): Promise<void>;
}

export interface SshdOptions {
	/** Lines of sshd_config, put in front: the first value wins. */
	readonly config?: readonly string[];
	/** Match blocks, which end the configuration. */
	readonly blocks?: readonly string[];
	/** Lines of authorized_keys. */
	readonly authorized?: readonly string[];
	readonly hostKeys?: readonly ("ed25519" | "rsa" | "ecdsa")[];
	readonly sftp?: boolean;
}

/** A real sshd on a free port of the loopback, with files of its own. */
export async function startSshd(parent: string, options: SshdOptions = {}): Promise<Sshd> {
	const folder = mkdtempSync(join(parent, "sshd-"));
	// A throwaway user reads authorized_keys in it.
	chmodSync(folder, 0o755);
	const types = options.hostKeys ?? ["ed25519", "rsa", "ecdsa"];
	for (const type of types) {
		keygen(join(folder, type), "-t", type, ...(type === "rsa" ? ["-b", "2048"] : []));
	}
	writeFileSync(join(folder, "authorized_keys"), (options.authorized ?? []).join("\n"), {
		mode: 0o644,
	});
	const privilegeFolder = "/run/sshd";
	if (process.getuid?.() === 0) mkdirSync(privilegeFolder, { recursive: true, mode: 0o755 });
	for (let attempt = 0; ; attempt++) {
		const port = await freePort();
		const config = [
			...(options.config ?? []),
			`Port ${port}`,
			"ListenAddress 127.0.0.1",
			...types.map((type) => `HostKey ${join(folder, type)}`),
			`AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
			`PidFile ${join(folder, "pid")}`,
			"StrictModes no",
			"UsePAM no",
			"PasswordAuthentication no",
			"KbdInteractiveAuthentication no",
			"PermitRootLogin yes",
			"MaxStartups 100",
			"LogLevel DEBUG1",
			...(options.sftp === false ? [] : ["Subsystem sftp internal-sftp"]),
			...(options.blocks ?? []),
		];
		writeFileSync(join(folder, "config"), `${config.join("\n")}\n`);
		const log = join(folder, "log");
		const child = spawn(find("sshd") ?? "sshd", ["-D", "-f", join(folder, "config"), "-E", log], {
			stdio: "ignore",
		});
		const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
		const read = () => {
			try {
				return readFileSync(log, "utf8");
			} catch {
				return "";
			}
		};
		while (!read().includes("Server listening") && child.exitCode === null) {
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
		if (child.exitCode !== null) {
			if (attempt < 3) continue;
			throw new Error(`sshd does not start: ${read()}`);
		}
		const publicOf = (type: string) =>
			readFileSync(join(folder, `${type}.pub`), "utf8")
				.split(" ")
				.slice(0, 2)
				.join(" ");
		return {
			port,
			folder,
			hostKey: (type) => join(folder, type),
			knownLine: (type = "ed25519") => `[127.0.0.1]:${port} ${publicOf(type)}\n`,
			log: read,
			stop: async () => {
				child.kill("SIGTERM");
				await gone;
			},
		};
	}
}

/** An operator with a home of his own: nothing of the machine's real configuration is seen. */
export function operator(home: string, env: Machine["env"] = {}): Machine {
	mkdirSync(join(home, ".ssh"), { recursive: true, mode: 0o700 });
	return {
		home,
		user: userInfo().username,
		uid: process.getuid?.() ?? 0,
		hostname: "operator.example",
		env: { PATH: process.env.PATH, SHELL: "/bin/sh", ...env },
		systemConfig: join(home, "no-system-config", "ssh_config"),
	};
}
