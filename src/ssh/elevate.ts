import { randomBytes } from "node:crypto";
import { PassThrough, type Readable, Transform, Writable } from "node:stream";
import type { Channel, Connection, ExecOptions, Executor } from "./connection.ts";
import { sshError } from "./error.ts";
import { noPrompt, type Prompt } from "./prompt.ts";
import { run } from "./run.ts";

/** Runs commands as root. */
export interface Elevated extends Executor {
	/** `root`: the login is root's already. The others name the program, and whether it needed a password or a terminal. */
	readonly how: string;
}

export interface ElevateOptions {
	/** Who knows the password; it is asked for once at most, and kept in memory while the connection lives. */
	readonly prompt?: Prompt;
	readonly signal?: AbortSignal;
	readonly log?: (message: string) => void;
}

/** One way to become root. */
interface Way {
	readonly name: string;
	readonly pty: boolean;
	/** Words in front of the command. */
	readonly prefix: readonly string[];
	/** How the program's question for the password ends; undefined where it asks nothing. */
	readonly question: string | RegExp | undefined;
}

/** How long a program may think before it asks or answers. PAM delays a wrong password by some seconds. */
const answerWithin = 30_000;
/** Lectures and banners before the question are short. */
const maxPreamble = 64 * 1024;

/**
 * Finds a way to root: none needed, `sudo -n`, `doas -n`, then sudo or doas with the password. What works is found
 * by trying `id -u`, not by reading messages: those are translated and change. Rejects with `SSH_ELEVATE`.
 */
export async function elevate(
	connection: Connection,
	options: ElevateOptions = {},
): Promise<Elevated> {
	const { signal, log = () => {}, prompt = noPrompt } = options;
	const { user, host } = connection.login;
	if (await isRoot(connection, signal)) {
		return { how: "root", exec: (words, given) => connection.exec(words, given) };
	}
	const canPty = connection.transport === "ssh2";
	// sudo prints this where it would print its own question, so that it is recognised in any language.
	const marker = `ekexec-${randomBytes(8).toString("hex")}:`;
	const silent: Way[] = [
		{ name: "sudo -n", pty: false, prefix: ["sudo", "-n", "--"], question: undefined },
		{ name: "doas -n", pty: false, prefix: ["doas", "-n", "--"], question: undefined },
		{ name: "sudo -n on a terminal", pty: true, prefix: ["sudo", "-n", "--"], question: undefined },
	];
	// -k: a remembered password would mean no question, and the answer would reach the command instead.
	const sudo = ["sudo", "-k", "-S", "-p", marker, "--"];
	const asking: Way[] = [
		{ name: "sudo with a password", pty: false, prefix: sudo, question: marker },
		{ name: "sudo with a password on a terminal", pty: true, prefix: sudo, question: marker },
		{
			name: "doas with a password on a terminal",
			pty: true,
			prefix: ["doas", "--"],
			question: /doas \([^)\r\n]*\) password: $/,
		},
	];
	const tried: string[] = [];
	for (const way of silent) {
		if (way.pty && !canPty) continue;
		const executor = through(connection, way, "");
		tried.push(way.name);
		if (await isRoot(executor, signal)) {
			log(`root by ${way.name}`);
			return { how: way.name, exec: executor.exec };
		}
	}
	let password: string | undefined;
	for (const way of asking) {
		if (way.pty && !canPty) continue;
		tried.push(way.name);
		for (let attempt = 0; attempt < 3; attempt++) {
			if (password === undefined) {
				// Only once the program is known to ask is the operator asked.
				if (!(await asks(connection, way, signal))) break;
				const again = attempt === 0 ? "" : "Sorry, try again.\n";
				const name = way.name.split(" ", 1)[0];
				password = await prompt.ask(`${again}[${name}] password for ${user}@${host}: `, {
					...(signal === undefined ? {} : { signal }),
				});
			}
			const executor = through(connection, way, password);
			if (await isRoot(executor, signal)) {
				log(`root by ${way.name}`);
				return { how: way.name, exec: executor.exec };
			}
			password = undefined;
		}
	}
	throw sshError("SSH_ELEVATE", "no way to become root", {
		where: `${user}@${host}`,
		expected: "a login as root, or sudo or doas for all commands",
		found: `tried ${tried.join(", ")}`,
		remedy: canPty
			? "Log in as root, or as a user who may use sudo or doas"
			: "Log in as root; where sudo or doas insist on a terminal, use --transport ssh2",
	});
}

async function isRoot(executor: Executor, signal: AbortSignal | undefined): Promise<boolean> {
	try {
		const result = await run(executor, ["id", "-u"], {
			signal,
			limit: maxPreamble,
			deadline: answerWithin,
		});
		return result.code === 0 && /(?:^|[\r\n])0\s*$/.test(result.text);
	} catch (error) {
		if (signal?.aborted || (error as { code?: string }).code === "SSH_LOST") throw error;
		return false;
	}
}

/** Whether the program gets as far as its question. */
async function asks(
	connection: Connection,
	way: Way,
	signal: AbortSignal | undefined,
): Promise<boolean> {
	const channel = await connection.exec([...way.prefix, "id", "-u"], execOptions(way, signal));
	const timer = setTimeout(() => channel.close(), answerWithin);
	channel.exit.catch(() => {});
	let seen = "";
	try {
		for await (const chunk of way.pty ? channel.stdout : channel.stderr) {
			seen = (seen + String(chunk)).slice(-maxPreamble);
			if (isQuestion(seen, way.question)) return true;
		}
		return false;
	} catch {
		return false;
	} finally {
		clearTimeout(timer);
		channel.close();
	}
}

function isQuestion(seen: string, question: string | RegExp | undefined): boolean {
	if (question === undefined) return false;
	return typeof question === "string" ? seen.includes(question) : question.test(seen);
}

function execOptions(way: Way, signal: AbortSignal | undefined): ExecOptions {
	return { pty: way.pty, ...(signal === undefined ? {} : { signal }) };
}

/** The connection with a way's words in front of each command, the password answered where it is asked for. */
function through(connection: Connection, way: Way, password: string): Executor {
	return {
		async exec(words, options = {}) {
			const channel = await connection.exec([...way.prefix, ...words], {
				...options,
				...execOptions(way, options.signal),
			});
			return way.question === undefined ? channel : answered(channel, way, password);
		},
	};
}

/**
 * Holds the caller's input back until the password was asked for and given, and takes question and preamble out
 * of what the caller reads. A second question means that the password was wrong: then the channel is closed, since
 * the program would take the caller's bytes for passwords.
 */
function answered(channel: Channel, way: Way, password: string): Channel {
	let open: () => void = () => {};
	let refuse: (error: Error) => void = () => {};
	const gate = new Promise<void>((resolve, reject) => {
		open = resolve;
		refuse = reject;
	});
	gate.catch(() => {});
	const fault = (summary: string) => sshError("SSH_ELEVATE", summary, { field: way.name });
	const timer = setTimeout(() => {
		refuse(fault("the password was not asked for in time"));
		channel.close();
	}, answerWithin);

	let given = false;
	let held = "";
	const onQuestion = new Transform({
		transform(chunk: Buffer, _encoding, done) {
			if (given) {
				if (typeof way.question === "string" && chunk.includes(way.question)) {
					channel.close();
					done(fault("the password is wrong"));
				} else done(null, afterNewline(chunk));
				return;
			}
			held += chunk.toString("latin1");
			if (held.length > maxPreamble) {
				channel.close();
				done(fault("there is no end to what is said before the password is asked for"));
			} else if (isQuestion(held, way.question)) {
				given = true;
				held = "";
				clearTimeout(timer);
				channel.stdin.write(`${password}\n`);
				open();
				done();
			} else done();
		},
		flush(done) {
			clearTimeout(timer);
			refuse(fault("the command ended before the password was asked for"));
			// What was said instead of the question is the reason.
			done(null, Buffer.from(held, "latin1"));
		},
	});
	onQuestion.on("error", () => {});
	// The terminal's newline after the password, in whichever piece it comes.
	let fresh = way.pty;
	const afterNewline = (chunk: Buffer): Buffer => {
		if (!fresh) return chunk;
		const newline = /^\r?\n?/.exec(chunk.subarray(0, 2).toString("latin1"))?.[0].length ?? 0;
		fresh = newline === chunk.length;
		return chunk.subarray(newline);
	};

	const stdin = new Writable({
		highWaterMark: 256 * 1024,
		write(chunk: Buffer, _encoding, done) {
			gate.then(() => channel.stdin.write(chunk, done), done);
		},
		final(done) {
			gate.then(
				() => channel.stdin.end(done),
				() => done(),
			);
		},
	});
	stdin.on("error", () => {});
	channel.stdin.once("close", () => stdin.destroy());
	const source = way.pty ? channel.stdout : channel.stderr;
	source.on("error", (error: Error) => onQuestion.destroy(error));
	source.pipe(onQuestion);
	channel.exit.then(
		() => clearTimeout(timer),
		(error: Error) => {
			clearTimeout(timer);
			refuse(error);
		},
	);
	return {
		stdin,
		stdout: way.pty ? onQuestion : channel.stdout,
		stderr: way.pty ? channel.stderr : drained(onQuestion),
		exit: channel.exit,
		close: () => channel.close(),
	};
}

/** Talk that nobody reads must not hold the question back. */
function drained(talk: Readable): Readable {
	const out = new PassThrough({ highWaterMark: 256 * 1024 });
	out.on("error", () => {});
	talk.on("data", (chunk: Buffer) => {
		if (out.writableLength + out.readableLength < 256 * 1024) out.write(chunk);
	});
	talk.once("end", () => out.end());
	talk.once("error", (error) => out.destroy(error));
	return out;
}
