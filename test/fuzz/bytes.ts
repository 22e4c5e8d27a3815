import { equal, parseShown, showBytes, text, utf8 } from "../../src/bytes/index.ts";
import type { FuzzTarget } from "./frame/target.ts";

export const targets: readonly FuzzTarget[] = [
	{
		// Names of files as they are shown: nothing that drives a terminal, and no two names the same.
		name: "bytes/text",
		seeds: () => ["a/b\n\x1b[31m", "\\xff\\n\\\\", "ä€😀\u202e"].map((each) => utf8(each)),
		run(input) {
			const shown = showBytes(input);
			for (const character of shown) {
				const code = character.codePointAt(0) ?? 0;
				if (code < 0x20 || (code >= 0x7f && code < 0xa0)) throw new Error(`shown: ${code}`);
			}
			if (!equal(parseShown(shown), input)) throw new Error("not the same again");
			parseShown(text(input));
		},
	},
];
