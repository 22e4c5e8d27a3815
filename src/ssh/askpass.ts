import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import type { Prompt } from "./prompt.ts";

/** Prompts of ssh are a few lines. */
const maxQuestion = 16 * 1024;

/** The line between ssh's questions and our prompt. */
export interface Askpass {
	/** For the environment of ssh; empty where questions are not possible. */
	readonly env: Readonly<Record<string, string>>;
	close(): void;
}

/**
 * ssh asks through a program that it starts (SSH_ASKPASS). Ours hands the question over a socket in the private
 * folder to this process and prints the answer; no secret touches a file, an argument or the environment.
 */
export function startAskpass(
	folder: string,
	prompt: Prompt,
	onFault: (error: Error) => void,
): Askpass {
	const program = join(folder, "askpass");
	const socket = join(folder, "ask");
	// The kernel splits a #! line at blanks and cuts it at 255 bytes: Node at such a path cannot be named in it.
	if (!prompt.possible || /\s/.test(process.execPath) || process.execPath.length > 200) {
		return { env: {}, close: () => {} };
	}
	writeFileSync(program, `#!${process.execPath}\n${source}`, { mode: 0o700 });
	const server: Server = createServer({ allowHalfOpen: true }, (peer) => {
		let question = "";
		peer.setEncoding("utf8");
		peer.on("error", () => {});
		peer.on("data", (text: string) => {
			question += text;
			if (question.length > maxQuestion) peer.destroy();
		});
		peer.on("end", () => {
			// Host key questions want yes, no or a fingerprint: no secret, and long enough to need the echo.
			const echo = /\(yes\/no/.test(question);
			prompt.ask(question, { echo }).then(
				(answer) => peer.end(`=${answer}`),
				(error: Error) => {
					onFault(error);
					peer.end();
				},
			);
		});
	});
	server.on("error", onFault);
	server.listen(socket);
	server.unref();
	return {
		env: {
			SSH_ASKPASS: program,
			SSH_ASKPASS_REQUIRE: "force",
			DISPLAY: ":none",
			EKEXEC_ASK: socket,
		},
		close: () => server.close(),
	};
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
peer.end(process.argv[2] ?? "");
`;
