import { equal, parseShown, showBytes, text, utf8 } from "../../src/bytes/index.ts";
import type { FuzzTarget } from "./frame/target.ts";

export const targets: readonly FuzzTarget[] = [
	{
		// Names of files as they are shown: nothing that drives a terminal or turns a direction, and no two names the same.
		name: "bytes/text",
		seeds: () => ["a/b\n\x1b[31m", "\\xff\\n\\\\", "ä€😀\u202e"].map((each) => utf8(each)),
		run(input) {
			const shown = showBytes(input);
			const unsafe = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\u200b\u2060\u2063\u3164\ufeff]/u.exec(
				shown,
			);
			if (unsafe !== null) throw new Error(`shown: ${unsafe[0].codePointAt(0)}`);
			if (!equal(parseShown(shown), input)) throw new Error("not the same again");
			parseShown(text(input));
		},
	},
];
