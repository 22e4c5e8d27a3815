import fc from "fast-check";

/** Versions that exercise each rule of deb-version(7). */
export const anyVersion: fc.Arbitrary<string> = fc
	.tuple(
		fc.option(fc.constantFrom("0", "1", "2", "10", "007")),
		fc.tuple(
			fc.constantFrom("0", "1", "9", "10", "2"),
			fc.string({ unit: fc.constantFrom(..."019ab~+.-Z"), maxLength: 8 }),
		),
		fc.option(fc.string({ unit: fc.constantFrom(..."019ab~+.Z"), minLength: 1, maxLength: 5 })),
	)
	.map(([epoch, [digit, upstream], revision]) => {
		// Without a revision of its own, a hyphen in the upstream part would start one.
		const bare = upstream.replace(/-+$/, "").replaceAll("-", revision === null ? "" : "-");
		return `${epoch === null ? "" : `${epoch}:`}${digit}${bare}${revision === null ? "" : `-${revision}`}`;
	});
