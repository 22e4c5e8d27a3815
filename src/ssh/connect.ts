import { existsSync } from "node:fs";
import { EkexecError } from "../bytes/index.ts";
import { chooseAlgorithms } from "./algorithms.ts";
import { Authentication } from "./auth.ts";
import { Clock } from "./clock.ts";
import { type Machine, thisMachine } from "./config.ts";
import type { Connection, PublicKey } from "./connection.ts";
import { dialCommand, dialTcp, type Line } from "./dial.ts";
import { type SshCode, sshError, throwIfAborted } from "./error.ts";
import { checkByKnownHosts, insistOn, takeAny } from "./host-key.ts";
import { collectIdentities } from "./identities.ts";
import { remembering } from "./memory.ts";
import type { MasterParts } from "./openssh-connection.ts";
import { openMaster } from "./openssh-master.ts";
import type { SshOptions } from "./options.ts";
import { noPrompt, type Prompt } from "./prompt.ts";
import { resolveOptions } from "./resolve.ts";
import { login, type Ssh2Connection } from "./ssh2-connection.ts";
import { parseTarget, type Target } from "./target.ts";

export type Transport = "auto" | "ssh2" | "openssh";

/** How to log in. All of it is optional; the flags have ssh's meaning. */
export interface ConnectOptions {
	/** `-p` */
	readonly port?: number;
	/** `-l` */
	readonly user?: string;
	/** `-i`, any number */
	readonly identities?: readonly string[];
	/** `-J` */
	readonly jump?: string;
	/** `-F` */
	readonly configFile?: string;
	/** `-o`, any number: `Word=value`. */
	readonly settings?: readonly string[];
	/** `auto` (the default) is ssh2, or the system's ssh where ssh2 cannot do what is asked. */
	readonly transport?: Transport;
	/** Who answers questions; nobody unless told. */
	readonly prompt?: Prompt;
	/**
	 * Accept this host key and no other, whatever known_hosts says. `any` takes whatever is shown, for a caller who
	 * finds out by other means who answers: it opens the login with keys only, so that no password reaches a stranger,
	 * and known_hosts stays as it is.
	 */
	readonly expectHostKey?: PublicKey | "any";
	readonly signal?: AbortSignal;
	/** Remarks for the operator, each said once a login; in `waitForSsh`, once a waiting. */
	readonly warn?: (message: string) => void;
	/** Details for a log; never holds a secret. */
	readonly log?: (message: string) => void;
	/** The machine it runs on; for tests. */
	readonly machine?: Machine;
	/** The ssh that the openssh transport runs; `ssh` unless told. */
	readonly program?: string;
}

interface Session {
	readonly prompt: Prompt;
	readonly machine: Machine;
	readonly signal: AbortSignal | undefined;
	readonly warn: (message: string) => void;
	readonly log: (message: string) => void;
	readonly auto: boolean;
}

/**
 * Logs in to `target` (`[user@]host[:port]`, `ssh://…`, an alias) as ssh would: configuration, proxies, host key
 * check, authentication. Rejects with an EkexecError of an `SSH_…` code.
 */
export async function connect(target: string, options: ConnectOptions = {}): Promise<Connection> {
	const memory = remembering(options.prompt ?? noPrompt);
	const session: Session = {
		prompt: memory.prompt,
		machine: options.machine ?? thisMachine(),
		signal: options.signal,
		warn: once(options.warn),
		log: options.log ?? (() => {}),
		auto: (options.transport ?? "auto") === "auto",
	};
	throwIfAborted(options.signal, target);
	const connection = await byTransport(target, options, session);
	memory.keep();
	return connection;
}

/** The same listener, without repetitions. */
export function once(warn: (message: string) => void = () => {}): (message: string) => void {
	const said = new Set<string>();
	return (message) => {
		if (said.has(message)) return;
		said.add(message);
		warn(message);
	};
}

async function byTransport(
	target: string,
	options: ConnectOptions,
	session: Session,
): Promise<Connection> {
	const parsed = parseTarget(target);
	const resolved = resolveOptions(
		parsed,
		{
			settings: options.settings ?? [],
			file: options.configFile,
			user: options.user,
			port: options.port,
			jump: options.jump,
			identities: options.identities ?? [],
		},
		session.machine,
	);
	for (const path of options.identities ?? []) {
		// A default that is missing is none of the operator's mistakes; this one was named.
		if (!existsSync(path) && !existsSync(`${path}.pub`))
			session.warn(`there is no key file ${path}`);
	}
	const openssh = () => openMaster(masterParts(parsed, resolved, options, session));
	if (options.transport === "openssh") return openssh();
	// What a distribution sets for everybody is worth a word only where the login fails without it.
	const notes = resolved.unsupported
		.filter(({ weight }) => weight === "note")
		.map(({ word, where }) => `${word} (${where}) is not followed by the ssh2 transport`);
	for (const note of notes) session.log(note);
	try {
		return await open(resolved, session, options, 0);
	} catch (error) {
		if (error instanceof EkexecError && error.code === "SSH_AUTH") notes.forEach(session.warn);
		if (!session.auto || !(error instanceof EkexecError) || !beyondSsh2.has(error.code))
			throw error;
		session.warn(`using the system's ssh: ${error.message}`);
		try {
			return await openssh();
		} catch (second) {
			// Where there is no ssh to fall back on, what ssh2 said is the news.
			throw second instanceof EkexecError && second.code === "SSH_UNSUPPORTED" ? error : second;
		}
	}
}

/** What ssh2 cannot do, or may not be able to do: post-quantum key exchange is refused as a failed handshake. */
const beyondSsh2: ReadonlySet<string> = new Set<SshCode>(["SSH_UNSUPPORTED", "SSH_HANDSHAKE"]);

function masterParts(
	target: Target,
	resolved: SshOptions,
	options: ConnectOptions,
	session: Session,
): MasterParts {
	const user = target.user ?? options.user;
	const port = target.port ?? options.port;
	const flags = [
		...(user === undefined ? [] : ["-l", user]),
		...(port === undefined ? [] : ["-p", String(port)]),
		...(options.identities ?? []).flatMap((path) => ["-i", path]),
		...(options.jump === undefined ? [] : ["-J", options.jump]),
		...(options.configFile === undefined ? [] : ["-F", options.configFile]),
		...(options.settings ?? []).flatMap((setting) => ["-o", setting]),
	];
	return {
		options: resolved,
		flags,
		env: session.machine.env,
		prompt: session.prompt,
		expectHostKey: options.expectHostKey,
		signal: session.signal,
		warn: session.warn,
		log: session.log,
		program: options.program ?? "ssh",
	};
}

/** Hops of one chain. More are a loop. */
const maxHops = 8;

async function open(
	options: SshOptions,
	session: Session,
	given: ConnectOptions,
	depth: number,
): Promise<Ssh2Connection> {
	if (depth > maxHops) {
		throw sshError("SSH_PROXY", "too many jump hosts", {
			where: options.host,
			expected: `at most ${maxHops}`,
		});
	}
	const { warn, log, signal } = session;
	const beyond = options.unsupported.find(({ weight }) => weight === "openssh");
	if (beyond !== undefined) {
		if (session.auto) {
			throw sshError("SSH_UNSUPPORTED", "only the system's ssh can follow this", {
				where: beyond.where,
				field: beyond.word,
				remedy: "Use --transport openssh",
			});
		}
		warn(`${beyond.word} (${beyond.where}) is not followed by the ssh2 transport`);
	}
	const where = `${options.user}@${options.host}:${options.port}`;
	log(`connecting to ${where}`);
	const clock = new Clock();
	const prompt = options.batchMode ? noPrompt : clock.pausedBy(session.prompt);
	const hostKeys =
		given.expectHostKey === undefined || depth > 0
			? checkByKnownHosts(options, prompt, warn)
			: given.expectHostKey === "any"
				? takeAny
				: insistOn(given.expectHostKey, where);
	if (hostKeys.needsCertificate) {
		throw sshError("SSH_UNSUPPORTED", "known_hosts has only a certificate authority for the host", {
			where,
			remedy: "Use --transport openssh",
		});
	}
	const algorithms = chooseAlgorithms(options, hostKeys.types);
	const identities = await collectIdentities(options, prompt, warn);
	const asker = options.batchMode ? noPrompt : clock.pausedBy(session.prompt, true);
	const { line, release } = await dial(options, session, asker, given, depth);
	return login({
		options,
		line,
		algorithms,
		hostKeys,
		clock,
		authentication: new Authentication(options, identities, prompt, session.auto),
		signal,
		log,
		release,
	});
}

/** The line to the server: direct, through a command, or through the login on the hop before it. */
async function dial(
	options: SshOptions,
	session: Session,
	prompt: Prompt,
	given: ConnectOptions,
	depth: number,
): Promise<{ line: Line; release: () => void }> {
	const last = options.proxyJump.at(-1);
	if (last !== undefined) {
		// As ssh does: the last hop is reached through the hops before it, its own configuration in force.
		const before = options.proxyJump.slice(0, -1).join(",");
		const hop = resolveOptions(
			parseTarget(last),
			{
				settings: [],
				file: given.configFile,
				user: undefined,
				port: undefined,
				jump: before === "" ? undefined : before,
				identities: [],
			},
			session.machine,
		);
		const jump = await open(hop, session, given, depth + 1);
		const release = () => void jump.close();
		try {
			const stream = await jump.forward(options, session.signal);
			return { line: { stream, address: undefined, talk: async () => "" }, release };
		} catch (error) {
			release();
			throw error;
		}
	}
	if (options.proxyCommand !== undefined) {
		const line = dialCommand(options.proxyCommand, session.machine.env, prompt, session.warn);
		return { line, release: () => {} };
	}
	return { line: await dialTcp(options, session.signal), release: () => {} };
}
