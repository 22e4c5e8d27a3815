import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startAskpass } from "./askpass.ts";
import { aborted, sshError, throwIfAborted } from "./error.ts";
import { type MasterParts, OpenSshConnection } from "./openssh-connection.ts";
import { explain, type Heard, lastWords, listen } from "./openssh-talk.ts";
import { privateFolder } from "./private-folder.ts";

/** A login waits this long for the operator's answers and for the server, all in all. */
const loginWithin = 5 * 60_000;

/**
 * Logs in with the system's ssh: one master in a private folder that all commands share. The master runs cat(1),
 * whose input is a pipe of ours: when this process dies, by whatever signal, cat ends and with it the login.
 */
export async function openMaster(parts: MasterParts): Promise<OpenSshConnection> {
	const { options, signal, log } = parts;
	const where = `${options.user}@${options.host}:${options.port}`;
	throwIfAborted(signal, where);
	const { path: folder, remove } = privateFolder();
	const control = join(folder, "c");
	// Whoever breaks off a question means the login, not one attempt of it.
	let giveUp: (error: Error) => void = () => {};
	const { prompt, warn } = parts;
	const askpass = startAskpass({ prompt, warn, onFault: (error) => giveUp(error) });
	const clean = () => {
		askpass.close();
		remove();
	};
	const logFile = join(folder, "log");
	let talk = "";
	const heard = (): Heard => {
		const text = readQuietly(logFile);
		for (const line of text.split(/\r?\n/)) log(`ssh: ${line}`);
		return listen(text, talk);
	};
	const args = [
		...["-v", "-E", logFile, "-M", "-S", control, "-T", "-a", "-x", "-e", "none"],
		...settings(parts, folder),
		...parts.flags,
		"--",
		options.originalHost,
		"cat",
	];
	const master = spawn(parts.program, args, {
		env: { ...parts.env, ...askpass.env },
		stdio: ["pipe", "pipe", "pipe"],
		// Ctrl-C is for this process, which then still needs the login to undo things.
		detached: true,
	});
	const nonce = `ekexec-${randomBytes(16).toString("hex")}`;
	return new Promise((resolve, reject) => {
		let settled = false;
		const settle = () => {
			settled = true;
			clearTimeout(timer);
			signal?.removeEventListener("abort", stop);
		};
		const fail = (error: Error) => {
			if (settled) return;
			settle();
			master.kill();
			clean();
			reject(error);
		};
		giveUp = fail;
		const stop = () => fail(aborted(where, signal));
		const timer = setTimeout(
			() => fail(sshError("SSH_DEADLINE", "no login", { where, found: lastWords(heard()) })),
			loginWithin,
		);
		signal?.addEventListener("abort", stop, { once: true });
		master.on("error", (cause) =>
			fail(
				sshError("SSH_UNSUPPORTED", "the system's ssh cannot be run", {
					where: parts.program,
					remedy: "Install the OpenSSH client, or use --transport ssh2",
					cause,
				}),
			),
		);
		master.stdin.on("error", () => {});
		master.stderr.setEncoding("utf8").on("data", (text: string) => {
			talk = (talk + text).slice(-maxTalk);
		});
		master.on("close", () => {
			if (!settled) fail(explain(heard(), where));
		});
		master.stdin.write(`${nonce}\n`);
		let output = "";
		master.stdout.setEncoding("latin1").on("data", (text: string) => {
			if (settled) return;
			// A login shell may greet before cat repeats the nonce.
			output = (output + text).slice(-64 * 1024);
			if (!output.includes(nonce)) return;
			const facts = heard();
			if (facts.hostKey === undefined) {
				fail(sshError("SSH_HANDSHAKE", "ssh did not say which host key it saw", { where }));
				return;
			}
			settle();
			talk = "";
			const before = readQuietly(logFile).length;
			const last = () => lastWords(listen(readQuietly(logFile).slice(before), talk));
			OpenSshConnection.make(parts, { master, control, facts, last, clean }).then(
				resolve,
				(error: Error) => {
					master.kill();
					clean();
					reject(error);
				},
			);
		});
	});
}

/** Standard error of ssh that is kept for errors. */
const maxTalk = 16 * 1024;

function readQuietly(path: string): string {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return "";
	}
}

/** Settings in front of the operator's own: the first value wins. */
function settings(parts: MasterParts, folder: string): string[] {
	const { options, expectHostKey } = parts;
	const chosen: Record<string, string> = {
		ControlPersist: "no",
		// As which the key is told in the log.
		FingerprintHash: "sha256",
		ClearAllForwardings: "yes",
		PermitLocalCommand: "no",
		RemoteCommand: "none",
		RequestTTY: "no",
		ServerAliveInterval: String(options.serverAliveInterval),
		ServerAliveCountMax: String(options.serverAliveCountMax),
		ConnectTimeout: String(options.connectTimeout),
	};
	if (!parts.prompt.possible) chosen.BatchMode = "yes";
	if (expectHostKey !== undefined) {
		// What else could vouch for a key. OpenSSH before 8.5 does not know the first, and the first IgnoreUnknown wins.
		const ignored = ["KnownHostsCommand", ...(options.ignoreUnknown?.split(",") ?? [])];
		Object.assign(chosen, {
			IgnoreUnknown: ignored.join(","),
			KnownHostsCommand: "none",
			NoHostAuthenticationForLocalhost: "no",
			VerifyHostKeyDNS: "no",
		});
	}
	if (expectHostKey === "any") {
		Object.assign(chosen, {
			// A file of this login alone, from which the key is learnt.
			UserKnownHostsFile: join(folder, "known_hosts"),
			GlobalKnownHostsFile: "/dev/null",
			StrictHostKeyChecking: "accept-new",
			HashKnownHosts: "no",
			UpdateHostKeys: "no",
			// To a stranger neither passwords nor the agent.
			PreferredAuthentications: "publickey",
			PasswordAuthentication: "no",
			KbdInteractiveAuthentication: "no",
			ForwardAgent: "no",
		});
	} else if (expectHostKey !== undefined) {
		const file = join(folder, "known_hosts");
		const base64 = Buffer.from(expectHostKey.blob).toString("base64");
		writeFileSync(file, `* ${expectHostKey.type} ${base64}\n`, { mode: 0o600 });
		chosen.UserKnownHostsFile = file;
		chosen.GlobalKnownHostsFile = "/dev/null";
		chosen.StrictHostKeyChecking = "yes";
		chosen.UpdateHostKeys = "no";
		chosen.HostKeyAlgorithms =
			expectHostKey.type === "ssh-rsa" ? "rsa-sha2-512,rsa-sha2-256" : expectHostKey.type;
	}
	return Object.entries(chosen).flatMap(([word, value]) => ["-o", `${word}=${value}`]);
}
