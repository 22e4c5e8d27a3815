import ssh2, { type AnyAuthMethod, type ParsedKey } from "ssh2";
import type { AuthenticatedBy } from "./connection.ts";
import { shown, sshError } from "./error.ts";
import type { Identities, Identity } from "./identities.ts";
import type { SshOptions } from "./options.ts";
import type { Prompt } from "./prompt.ts";

/** Runs the authentication of one login: what to try next, and what worked in the end. */
export class Authentication {
	/** Methods tried, for the error if all fail. */
	readonly tried: string[] = [];
	/** Why the attempt was given up, if it was for a reason of its own. */
	failure: Error | undefined;
	/** Set where the host has not proven who it is: no password goes there. */
	keysOnly = false;
	/** Told when the operator cannot or will not answer the server: the login then ends. */
	onBroken: (error: Error) => void = () => {};
	readonly #options: SshOptions;
	readonly #identities: Identities;
	readonly #prompt: Prompt;
	readonly #beyondPossible: boolean;
	#current: AuthenticatedBy = { method: "none" };
	/** A key that the server took, but wants more than that. */
	#partly: AuthenticatedBy | undefined;
	#left: readonly string[] | undefined;
	#nextIdentity = 0;
	#interactive = 0;
	#passwords = 0;

	/** `beyondPossible`: whether someone else (the system's ssh) could use the keys that ssh2 cannot. */
	constructor(
		options: SshOptions,
		identities: Identities,
		prompt: Prompt,
		beyondPossible: boolean,
	) {
		this.#options = options;
		this.#identities = identities;
		this.#prompt = prompt;
		this.#beyondPossible = beyondPossible;
	}

	/** What was in use when the server agreed; a key, if it took one on the way. */
	get by(): AuthenticatedBy {
		return this.#partly ?? this.#current;
	}

	/**
	 * Takes a line of ssh2's debug output. When a key of an agent is taken but does not suffice, ssh2 tells its
	 * handler the list of methods from before; the new one is to be had here alone.
	 */
	hear(line: string): void {
		const list = /^Inbound: Received USERAUTH_FAILURE \(([^)]*)\)/.exec(line)?.[1]?.split(",");
		if (list === undefined) return;
		if (this.#current.method === "publickey" && this.#left?.join() !== list.join()) {
			this.#partly = this.#current;
		}
		this.#left = list;
	}

	/** The next attempt, given the methods the server still takes; false when there is none left. */
	async next(left: readonly string[] | null): Promise<AnyAuthMethod | false> {
		const username = this.#options.user;
		// Whoever breaks off a question means the login, not one attempt of it.
		if ((this.failure as { code?: string } | undefined)?.code === "SSH_ABORTED") throw this.failure;
		if (left === null) return { type: "none", username };
		const now = this.#left ?? left;
		for (const method of this.#options.preferredAuthentications) {
			if (!now.includes(method)) continue;
			const attempt = await this.#attempt(method, username);
			if (attempt !== undefined) return attempt;
		}
		return false;
	}

	async #attempt(method: string, username: string): Promise<AnyAuthMethod | undefined> {
		if (method === "publickey" && this.#options.pubkeyAuthentication) {
			const identity = this.#identities.usable[this.#nextIdentity++];
			if (identity !== undefined) return this.#offer(identity, username);
			const [beyond] = this.#identities.beyond;
			if (beyond !== undefined && this.#beyondPossible) {
				// Before anyone is asked for a password: the key that would do may be among these.
				throw sshError("SSH_UNSUPPORTED", "a key that only the system's ssh can use", {
					field: beyond.type,
					where: beyond.source,
					remedy: "Use --transport openssh",
				});
			}
			return undefined;
		}
		const prompts = this.#options.numberOfPasswordPrompts;
		if (!this.#prompt.possible || this.keysOnly) return undefined;
		if (
			method === "keyboard-interactive" &&
			this.#options.kbdInteractiveAuthentication &&
			this.#interactive++ < prompts
		) {
			this.#begin({ method }, method);
			return { type: method, username, prompt: this.#answer };
		}
		if (
			method === "password" &&
			this.#options.passwordAuthentication &&
			this.#passwords++ < prompts
		) {
			const { user, host } = this.#options;
			const password = await this.#prompt.ask(
				`${user}@${host}'s password: `,
				this.#passwords > 1 ? { preface: "Permission denied, please try again." } : {},
			);
			this.#begin({ method }, method);
			return { type: method, username, password };
		}
		return undefined;
	}

	#begin(by: AuthenticatedBy, told: string): void {
		this.#current = by;
		this.tried.push(told);
	}

	#offer(identity: Identity, username: string): AnyAuthMethod {
		const by = { method: "publickey", key: identity.key, source: identity.source } as const;
		this.#begin(by, `${identity.key.type} ${identity.key.fingerprint} (${identity.source})`);
		return { type: "agent", username, agent: new OneKey(identity) };
	}

	readonly #answer = (
		name: string,
		instructions: string,
		_language: string,
		prompts: { prompt: string; echo?: boolean }[],
		finish: (answers: string[]) => void,
	): void => {
		const ask = async () => {
			const answers: string[] = [];
			// The server's words go to a terminal: control characters are shown, not obeyed.
			const preamble = [name, instructions].filter((text) => text.trim() !== "").map(shown);
			for (const { prompt, echo } of prompts) {
				const question = [...preamble.splice(0), shown(prompt)].join("\n");
				answers.push(
					await this.#prompt.ask(`(${this.#options.user}@${this.#options.host}) ${question}`, {
						echo: echo === true,
					}),
				);
			}
			return answers;
		};
		ask().then(finish, (error: Error) => this.onBroken(error));
	};
}

/**
 * ssh2 asks an agent first for keys, then for signatures. One agent a key gives each key its own place in
 * the order, tells which key it was in the end, and lets a file's passphrase wait until the server wants the key.
 */
class OneKey extends ssh2.BaseAgent<ParsedKey> {
	readonly #identity: Identity;

	constructor(identity: Identity) {
		super();
		this.#identity = identity;
	}

	getIdentities(give: (error?: Error | null, keys?: ParsedKey[]) => void): void {
		const { type, blob } = this.#identity.key;
		const parsed = ssh2.utils.parseKey(`${type} ${Buffer.from(blob).toString("base64")}`);
		if (parsed instanceof Error) give(parsed);
		else give(null, [parsed]);
	}

	sign(
		_key: ParsedKey,
		data: Buffer,
		options: unknown,
		give?: (error?: Error | null, signature?: Buffer) => void,
	): void {
		const hash = (options as { hash?: string } | undefined)?.hash;
		const rsa = this.#identity.key.type === "ssh-rsa";
		if (rsa && hash !== "sha256" && hash !== "sha512") {
			give?.(new Error("the server takes RSA signatures with SHA-1 only"));
			return;
		}
		const chosen = rsa ? (hash as "sha256" | "sha512") : undefined;
		this.#identity.sign(data, chosen).then(
			(signature) => give?.(null, signature),
			(error: Error) => give?.(error),
		);
	}
}
