import { writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { shown } from "./error.ts";
import { privateFolder } from "./private-folder.ts";
import type { Prompt } from "./prompt.ts";

/** Prompts of ssh are a few lines. */
const maxQuestion = 16 * 1024;

/** Who answers ssh. */
export interface Asker {
	readonly prompt: Prompt;
	/** Told what wants no answer: that a security key waits to be touched. */
	readonly warn: (message: string) => void;
	/** Told why a question was not answered. */
	readonly onFault: (error: Error) => void;
}

/** The line between ssh's questions and our prompt. */
export interface Askpass {
	/** For the environment of ssh; empty where questions are not possible. */
	readonly env: Readonly<Record<string, string>>;
	/** Takes back questions that are still open. */
	close(): void;
}

/**
 * ssh asks through a program that it starts (SSH_ASKPASS). Ours hands the question over a socket in a private
 * folder to this process and prints the answer; no secret touches a file, an argument or the environment.
 */
export function startAskpass(asker: Asker): Askpass {
	// The kernel splits a #! line at blanks and cuts it at 255 bytes: Node at such a path cannot be named in it.
	const { execPath } = process;
	if (!asker.prompt.possible || /\s/.test(execPath) || execPath.length > 200) {
		return { env: {}, close: () => {} };
	}
	const folder = privateFolder();
	const program = join(folder.path, "askpass");
	const socket = join(folder.path, "ask");
	writeFileSync(program, `#!${execPath}\n${source}`, { mode: 0o700 });
	const peers = new Set<Socket>();
	const server: Server = createServer((peer) => {
		peers.add(peer);
		// ssh ends the program when it needs no answer any more.
		const over = new AbortController();
		peer.once("close", () => {
			peers.delete(peer);
			over.abort();
		});
		let heard = "";
		peer.on("error", () => {});
		peer.setEncoding("utf8").on("data", (text: string) => {
			heard += text;
			if (heard.length > maxQuestion) peer.destroy();
			const [kind, question, end] = heard.split("\0");
			if (kind === undefined || question === undefined || end === undefined) return;
			peer.removeAllListeners("data").resume();
			answer(asker, kind, question, over.signal).then(
				(text) => peer.end(text === undefined ? "" : `=${text}`),
				(error: Error) => {
					if (!over.signal.aborted) asker.onFault(error);
					peer.end();
				},
			);
		});
	});
	server.on("error", asker.onFault);
	server.listen(socket);
	server.unref();
	return {
		env: {
			SSH_ASKPASS: program,
			SSH_ASKPASS_REQUIRE: "force",
			DISPLAY: ":none",
			EKEXEC_ASK: socket,
		},
		close: () => {
			server.close();
			for (const peer of peers) peer.destroy();
			folder.remove();
		},
	};
}

/** What to tell ssh; undefined for no. The kinds are those of SSH_ASKPASS_PROMPT, ssh(1). */
async function answer(
	{ prompt, warn }: Asker,
	kind: string,
	question: string,
	signal: AbortSignal,
): Promise<string | undefined> {
	// A server's words may be in it.
	const text = shown(question);
	if (kind === "none") {
		warn(text);
		return "";
	}
	if (kind === "confirm") {
		const said = await prompt.ask(`${text} (yes/no) `, { echo: true, signal });
		return said.trim().toLowerCase() === "yes" ? "yes" : undefined;
	}
	// Host key questions want yes, no or a fingerprint: no secret, and long enough to need the echo.
	return prompt.ask(text, { echo: /\(yes\/no/.test(question), signal });
}

/** CommonJS, since a file without an ending is that. An answer begins with =; nothing means no. */
const source = `const peer = require("node:net").connect(process.env.EKEXEC_ASK);
let answer = "";
peer.setEncoding("utf8").on("data", (text) => { answer += text; });
peer.on("error", () => process.exit(1));
peer.on("end", () => {
	if (!answer.startsWith("=")) process.exit(1);
	process.stdout.write(answer.slice(1) + "\\n");
});
peer.write([process.env.SSH_ASKPASS_PROMPT ?? "", process.argv[2] ?? "", ""].join("\\0"));
`;
