import type { AskOptions, Prompt } from "./prompt.ts";

/** What each prompt's operator has answered, for logins that were taken up again. */
const answers = new WeakMap<Prompt, Map<string, string>>();

/**
 * A prompt that gives an answer again which opened an earlier login by the same prompt, so that a connection that
 * broke in the night is taken up without anybody at the terminal. An answer is tried once a login; a question that
 * comes back means that it was wrong. Answers are held in memory alone, as long as the prompt is.
 */
export function remembering(prompt: Prompt): { readonly prompt: Prompt; keep(): void } {
	const kept = answers.get(prompt) ?? new Map<string, string>();
	const used = new Set<string>();
	const given = new Map<string, string>();
	return {
		prompt: {
			possible: prompt.possible,
			async ask(question: string, options?: AskOptions): Promise<string> {
				const known = used.has(question) ? undefined : kept.get(question);
				used.add(question);
				const answer = known ?? (await prompt.ask(question, options));
				// What is echoed is no secret that anyone would mind typing again: yes, no, a code of the day.
				if (options?.echo !== true) given.set(question, answer);
				return answer;
			},
		},
		keep() {
			for (const [question, answer] of given) kept.set(question, answer);
			answers.set(prompt, kept);
		},
	};
}
