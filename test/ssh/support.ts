import type { Prompt } from "../../src/ssh/index.ts";

/** A prompt that answers from a list and keeps what it was asked. */
export function answering(...answers: string[]): Prompt & { questions: string[] } {
	const questions: string[] = [];
	return {
		possible: true,
		questions,
		async ask(question) {
			questions.push(question);
			return answers.shift() ?? "";
		},
	};
}

/** The code with which a promise rejects; its message where that has none. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
	return promise.then(
		() => "no error",
		(error: { code?: string; message: string }) => error.code ?? error.message,
	);
}
