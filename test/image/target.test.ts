import { describe, expect, test } from "vitest";
import { targetOf } from "../../src/cli/image-source.ts";
import { chooseModules, type PlacedModule } from "../../src/debian/index.ts";
import { type ImageTarget, parseTarget, wishesFor } from "../../src/image/target.ts";
import { healthyFacts, MiB } from "../support/facts.ts";

const module = (path: string, aliases: readonly string[] = []): PlacedModule => ({
	path: `kernel/${path}.ko`,
	name: (path.split("/").at(-1) ?? "").replaceAll("-", "_"),
	aliases,
	depends: [],
	softdeps: [],
	weakdeps: [],
	firmware: [],
	exports: [],
});
const all = [
	module("drivers/net/usual", ["pci:v0001*"]),
	module("drivers/net/seldom", ["pci:v0002*"]),
	module("drivers/gpu/never", ["pci:v0003*"]),
	module("fs/old/old"),
	module("lib/always"),
];
const sets = {
	generic: ["drivers/net/usual"],
	rare: ["drivers/net/**", "fs/**"],
	core: ["always"],
	filesystems: {},
};
const chosen = (target?: ImageTarget) =>
	chooseModules(all, wishesFor(sets, target)).modules.map(({ name }) => name);

describe("modules of an image", () => {
	const target = { modaliases: ["pci:v0002d1", "pci:v0003d1"], filesystems: ["old"] };

	test("for any machine: the generic ones", () => {
		expect(chosen()).toEqual(["usual", "always"]);
	});

	test("for one machine: what it asks for, rare ones too, and nothing that is neither", () => {
		expect(chosen(target)).toEqual(["seldom", "old", "always"]);
	});

	test("for any machine and this one: both", () => {
		expect(chosen({ ...target, besides: true })).toEqual(["seldom", "usual", "old", "always"]);
		expect(chosen({ modaliases: ["pci:v0001d1"], filesystems: [], besides: true })).toEqual(
			chosen(),
		);
	});
});

describe("what a target's facts ask of its image", () => {
	const card = "pci:v000014E4d00001657sv0sd0bc02sc00i00";
	const facts = healthyFacts({
		modaliases: [card, "pci:v00001234d00001111sv0sd0bc03sc00i00", "virtio:d00000002v00001AF4"],
		filesystems: ["ext4"],
	});

	test("with memory enough: what serves any machine, and its own disks and cards", () => {
		expect(targetOf(facts, "auto")).toEqual({
			modaliases: [card, "virtio:d00000002v00001AF4"],
			filesystems: ["ext4"],
			besides: true,
		});
	});

	test("with little memory: its own modules alone", () => {
		const memory = { ...facts.memory, total: 512 * MiB } as NonNullable<typeof facts.memory>;
		const target = targetOf({ ...facts, memory }, "auto");
		expect(target?.modaliases).toEqual(facts.modaliases);
		expect(target?.besides).toBeUndefined();
	});

	test("as it was told", () => {
		expect(targetOf(facts, "generic")).toBeUndefined();
		expect(targetOf(facts, "target")).toMatchObject({ modules: facts.modules });
	});
});

describe("facts from a file", () => {
	const facts = { modaliases: ["pci:v1"], filesystems: ["ext4"], modules: ["e1000"] };
	const wanted = { modaliases: ["pci:v1"], filesystems: ["ext4"], modules: ["e1000"] };

	test("alone, in an event, or among all that `check --json` prints", () => {
		const event = JSON.stringify({ event: "facts", facts });
		const lines = [
			JSON.stringify({ event: "step", step: "connect", state: "done" }),
			event,
			JSON.stringify({ event: "plan", plan: { modaliases: ["no"] } }),
		];
		for (const text of [
			JSON.stringify(facts),
			JSON.stringify({ facts }, null, 2),
			event,
			`${lines.join("\n")}\n`,
		]) {
			expect(parseTarget(text, "web1.json")).toEqual(wanted);
		}
	});

	test.each(["", "{", '{"event":"step"}\n{"event":"plan"}\n', "[]"])("%j is none", (text) => {
		expect(() => parseTarget(text, "web1.json")).toThrow(/^web1.json.*no facts of a target/);
	});
});
