import { expect, test } from "vitest";
import { EkexecError } from "../../src/bytes/index.ts";

test("what a caller further out knows is told, and takes nothing away", () => {
	const error = new EkexecError("check", "X", "sentence", { where: undefined, field: "size" });
	const told = error.with({ where: "file.img", field: "other" });
	expect(told.message).toBe("file.img, field size: sentence");
	expect(told.with({ where: "elsewhere" }).details.where).toBe("file.img");
});

test("an error told on still says where it was found, and why", () => {
	const cause = new Error("cause");
	const found = () => new EkexecError("check", "X", "sentence", { field: "$&", cause });
	const told = found().with({ where: "file.img", cause: new Error("other") });
	expect(told.cause).toBe(cause);
	expect(told.stack).toContain("file.img, field $&: sentence\n");
	expect(told.stack).toContain("at found ");
	expect(found().with({}).details).toEqual({ field: "$&", cause });
	const bare = new EkexecError("check", "X", "sentence", { cause: undefined });
	expect(bare.with({ cause }).cause).toBe(cause);
});
