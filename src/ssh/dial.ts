import { spawn } from "node:child_process";
import { lookup } from "node:dns/promises";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { showBytes, utf8 } from "../bytes/index.ts";
import { startAskpass } from "./askpass.ts";
import { aborted, said, sshError, throwIfAborted } from "./error.ts";
import type { SshOptions } from "./options.ts";
import type { Prompt } from "./prompt.ts";

/** A way to the server's SSH port. */
export interface Line {
	readonly stream: Duplex;
	/** Address of the peer, where there is one. */
	readonly address: string | undefined;
	/** For the error that follows: what a ProxyCommand said on its standard error, once it has ended. */
	talk(): Promise<string>;
}

/** Connects by TCP, one address after the other as ssh does, each within ConnectTimeout. */
export async function dialTcp(options: SshOptions, signal?: AbortSignal): Promise<Line> {
	const where = `${options.host}:${options.port}`;
	const family = { any: 0, inet: 4, inet6: 6 }[options.addressFamily];
	let addresses: { address: string }[];
	try {
		addresses =
			isIP(options.host.split("%", 1)[0] ?? "") > 0
				? [{ address: options.host }]
				: await lookup(options.host, { all: true, family, verbatim: true });
	} catch (error) {
		throw sshError("SSH_RESOLVE", "the host's name cannot be resolved", {
			where: options.host,
			found: said(error),
			remedy: "Check the name and the resolver of this machine, or give the address",
			cause: error,
		});
	}
	const failures: string[] = [];
	let cause: unknown;
	for (const { address } of addresses) {
		throwIfAborted(signal, where);
		try {
			return {
				stream: await tcp(address, options, signal),
				address,
				talk: async () => "",
			};
		} catch (error) {
			throwIfAborted(signal, where);
			cause = error;
			const code = (error as NodeJS.ErrnoException).code;
			const known = code === undefined ? undefined : sentences[code];
			failures.push(
				`${address}: ${known === undefined ? (code ?? said(error)) : `${known} (${code})`}`,
			);
		}
	}
	throw sshError("SSH_UNREACHABLE", "no connection to the SSH port", {
		where,
		found: failures.join(", "),
		remedy:
			"Check the address and the port (-p). Where a jump host leads there: -J, or ProxyJump in ssh_config.",
		cause,
	});
}

/** What the usual failures of connect(2) mean. */
const sentences: Readonly<Record<string, string>> = {
	ECONNREFUSED: "connection refused, nothing listens there",
	EHOSTUNREACH: "nothing answers at this address",
	ENETUNREACH: "this machine has no route there",
	ETIMEDOUT: "no answer",
	ECONNRESET: "connection reset",
};

function tcp(
	address: string,
	options: SshOptions,
	signal: AbortSignal | undefined,
): Promise<Socket> {
	return new Promise((resolve, reject) => {
		const socket = connectTcp({
			host: address,
			port: options.port,
			noDelay: true,
			keepAlive: true,
			...(options.bindAddress === undefined ? {} : { localAddress: options.bindAddress }),
		});
		const timer = setTimeout(
			() => fail(new Error(`no answer within ${options.connectTimeout} s`)),
			options.connectTimeout * 1000,
		);
		const stop = () => fail(aborted(address, signal));
		const settle = () => {
			clearTimeout(timer);
			signal?.removeEventListener("abort", stop);
			socket.removeListener("error", fail);
		};
		const fail = (error: Error) => {
			settle();
			socket.on("error", () => {});
			socket.destroy();
			reject(error);
		};
		signal?.addEventListener("abort", stop, { once: true });
		socket.on("error", fail);
		socket.once("connect", () => {
			settle();
			resolve(socket);
		});
	});
}

/**
 * Runs a ProxyCommand the way ssh does: by the operator's own shell, with exec in front so that no shell
 * stays between. It is the operator's own command line on the operator's own machine. Ctrl-C is for this process,
 * which then still needs the line to undo things: the command has no terminal, and if it is an ssh, asks through us.
 */
export function dialCommand(
	command: string,
	env: NodeJS.ProcessEnv,
	prompt: Prompt,
	warn: (message: string) => void,
): Line {
	const shell = env.SHELL || "/bin/sh";
	const askpass = startAskpass({ prompt, warn, onFault: (error) => stream.destroy(error) });
	// Without a terminal ssh asks through us by itself. It is not forced to: a program that has a terminal of its own for
	// it (sshpass) is left alone, and so are those that open a browser on the operator's screen.
	const { SSH_ASKPASS_REQUIRE: _force, DISPLAY: none, ...asking } = askpass.env;
	const display = none === undefined ? {} : { DISPLAY: env.DISPLAY || none };
	const child = spawn(shell, ["-c", `exec ${command}`], {
		env: { ...env, ...asking, ...display },
		stdio: ["pipe", "pipe", "pipe"],
		detached: true,
	});
	let talk = "";
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		talk = (talk + text).slice(-2000);
	});
	const stream = Duplex.from({ writable: child.stdin, readable: child.stdout });
	// That the proxy has ended is an error to newer Nodes, also where nobody listens to the line any more.
	stream.on("error", () => {});
	child.on("error", (error) => stream.destroy(error));
	const end = () => {
		process.removeListener("exit", end);
		askpass.close();
		try {
			// All of the group: it may be a pipeline.
			if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
		} catch {
			// It has ended itself.
		}
	};
	// A line that outlives this process keeps the target from noticing that nobody is there any more.
	process.once("exit", end);
	stream.on("close", end);
	const ended = new Promise<void>((resolve) => {
		child.once("close", () => resolve());
		child.once("error", () => resolve());
	});
	return {
		stream,
		address: undefined,
		talk: async () => {
			await Promise.race([ended, sleep(1000, undefined, { ref: false })]);
			const lines = talk.trim().split(/\r?\n/);
			return lines.map((line) => showBytes(utf8(line))).join(" / ");
		},
	};
}
