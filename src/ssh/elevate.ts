import { randomBytes } from "node:crypto";
import type { Connection, Executor } from "./connection.ts";
import { sshError } from "./error.ts";
import { remembering } from "./memory.ts";
import { answered, type Question } from "./password.ts";
import { noPrompt, type Prompt } from "./prompt.ts";
import { run } from "./run.ts";

/** Runs commands as root. */
export interface Elevated extends Executor {
	/** `root`: the login is root's already. The others name the program, and whether it needed a password or a terminal. */
	readonly how: string;
}

export interface ElevateOptions {
	/** Who knows the password; asked only once a program wants it, and again only if it was wrong. */
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
	readonly question?: Question;
}

/** How long `id` may take: where its disk hangs, that is for ever. */
const idWithin = 10_000;
/** How long a program may take that asks nobody. */
const silentWithin = 30_000;
/** How long one that asks the operator may take, all in all. */
const askedWithin = 10 * 60_000;
const maxAttempts = 3;

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
	const already = await isRoot(connection, signal, idWithin).catch((error: { code?: string }) => {
		if (error.code !== "SSH_DEADLINE") throw error;
		return undefined;
	});
	// On a disk that fails or hangs even `id` may not start any more. The name is believed then: whoever needs root
	// will see.
	if (already ?? user === "root") {
		return { how: "root", exec: (words, given) => connection.exec(words, given) };
	}
	const memory = remembering(prompt);
	const tried: string[] = [];
	// Kept while the connection lives: every command needs it anew, and the operator gives it once.
	let password: string | undefined;
	for (const way of ways()) {
		if (way.pty && connection.transport !== "ssh2") continue;
		if (way.question !== undefined && !prompt.possible) continue;
		tried.push(way.name);
		for (let attempt = 0; attempt < maxAttempts; attempt++) {
			let wrong = false;
			const supply = async (over: AbortSignal) => {
				// One that gives up instead of asking again does not say why.
				if (way.question?.again === undefined) wrong = true;
				const program = way.prefix[0] ?? "";
				password ??= await memory.prompt.ask(`[${program}] password for ${user}@${host}: `, {
					...(attempt === 0 ? {} : { preface: "Sorry, try again." }),
					signal: signal === undefined ? over : AbortSignal.any([signal, over]),
				});
				return password;
			};
			const executor = through(connection, way, supply, () => {
				wrong = true;
			});
			const within = way.question === undefined ? silentWithin : askedWithin;
			if ((await isRoot(executor, signal, within)) === true) {
				log(`root by ${way.name}`);
				memory.keep();
				return { how: way.name, exec: executor.exec };
			}
			// A program that does not ask a second time took the password, but does not let this user in.
			if (!wrong) break;
			password = undefined;
		}
	}
	const terminal = connection.transport === "ssh2";
	throw sshError("SSH_ELEVATE", "no way to become root", {
		where: `${user}@${host}`,
		expected: "a login as root, or sudo or doas for all commands",
		found: `tried ${tried.join(", ")}`,
		remedy: `${prompt.possible ? "Log in as root" : "Run it on a terminal to be asked for the password, log in as root"}, or as a user who may use sudo or doas${terminal ? "" : "; where those insist on a terminal: --transport ssh2"}`,
	});
}

function ways(): Way[] {
	// sudo prints this where it would print its own question, so that it is known in any language.
	const marker = `ekexec-${randomBytes(8).toString("hex")}:`;
	// -k: a remembered password would mean no question, and the answer would reach the command instead.
	const sudo = ["sudo", "-k", "-S", "-p", marker, "--"];
	const question: Question = { is: (seen) => seen.includes(marker), again: marker };
	return [
		{ name: "sudo -n", pty: false, prefix: ["sudo", "-n", "--"] },
		{ name: "doas -n", pty: false, prefix: ["doas", "-n", "--"] },
		{ name: "sudo -n on a terminal", pty: true, prefix: ["sudo", "-n", "--"] },
		{ name: "sudo with a password", pty: false, prefix: sudo, question },
		{ name: "sudo with a password on a terminal", pty: true, prefix: sudo, question },
		{
			name: "doas with a password on a terminal",
			pty: true,
			prefix: ["doas", "--"],
			// doas.c has this text, untranslated. It asks once.
			question: { is: (seen) => /doas \([^)\r\n]*\) password: $/.test(seen), again: undefined },
		},
	];
}

/** Shells exit with these where a program is there but cannot be run, or is not found (POSIX, sh, 2.8.2). */
const cannotRun: ReadonlySet<number | undefined> = new Set([126, 127]);

/** Undefined where `id` could not be run at all. */
async function isRoot(
	executor: Executor,
	signal: AbortSignal | undefined,
	deadline: number,
): Promise<boolean | undefined> {
	try {
		const result = await run(executor, ["id", "-u"], { signal, limit: 64 * 1024, deadline });
		if (cannotRun.has(result.code)) return undefined;
		return result.code === 0 && /(?:^|[\r\n])0\s*$/.test(result.text);
	} catch (error) {
		const { code } = error as { code?: string };
		if (code === "SSH_CHANNEL") return undefined;
		if (code === "SSH_ELEVATE" || code === "SSH_OUTPUT") return false;
		throw error;
	}
}

/** The connection with a way's words in front of each command, the password given where it is asked for. */
function through(
	connection: Connection,
	way: Way,
	supply: (signal: AbortSignal) => Promise<string>,
	onWrong: () => void,
): Executor {
	return {
		async exec(words, options = {}) {
			const channel = await connection.exec([...way.prefix, ...words], {
				...options,
				pty: way.pty,
			});
			if (way.question === undefined) return channel;
			return answered(channel, way.question, way.pty, supply, onWrong);
		},
	};
}
