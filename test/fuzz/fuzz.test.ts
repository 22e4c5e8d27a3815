import { describe, expect, test } from "vitest";
import { attempt, corpusOf, findTargets, inputOf } from "./frame/target.ts";

/** Enough to notice a parser that breaks at once; `npm run fuzz` is the long way. */
const inputs = 100;
const seed = 1;

describe.each((await findTargets()).map((target) => [target.name, target] as const))(
	"a short attack on %s",
	(_name, target) => {
		test(`its corpus and ${inputs} broken inputs are taken or refused, never a crash`, async () => {
			const corpus = corpusOf(target);
			for (let n = 0; n < corpus.length + inputs; n++) {
				const { input, random } = inputOf(target, corpus, seed, n);
				const wrong = await attempt(target, input, random);
				if (wrong !== undefined) {
					expect.fail(`input ${n} (${input.length} bytes): ${String(wrong)}`);
				}
			}
		});
	},
);
