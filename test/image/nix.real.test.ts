import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { utf8 } from "../../src/bytes/index.ts";
import { type Identity, identityEntries, nixFolder } from "../../src/image/index.ts";
import { find, missing } from "../support/programs.ts";

const lacking = missing("nix-instantiate");

describe.skipIf(lacking)(`nix/ ${lacking}`, () => {
	let home = "";
	beforeAll(() => {
		home = mkdtempSync(join(tmpdir(), "ekexec-nix-"));
	});
	afterAll(() => rmSync(home, { recursive: true, force: true }));

	const nix = (...args: string[]): string =>
		execFileSync(find("nix-instantiate") ?? "nix-instantiate", args, {
			encoding: "utf8",
			stdio: ["ignore", "pipe", "pipe"],
			// A store of its own: nothing of the machine is read or made.
			env: {
				...process.env,
				HOME: home,
				NIX_STATE_DIR: home,
				NIX_STORE_DIR: join(home, "store"),
				NIX_LOG_DIR: home,
				NIX_CONF_DIR: home,
				NIX_REMOTE: "",
			},
		});

	test.each(readdirSync(nixFolder).filter((name) => name.endsWith(".nix")))("%s parses", (name) => {
		expect(nix("--parse", join(nixFolder, name))).not.toBe("");
	});

	describe("evaluated against the stand-in", () => {
		let found: Record<string, unknown>;
		beforeAll(() => {
			const file = fileURLToPath(new URL("standin.nix", import.meta.url));
			found = JSON.parse(nix("--eval", "--strict", "--json", "--read-write-mode", file));
		});
		const image = (name: string) => found[name] as { entries: { name: string; path: unknown }[] };
		const entry = (name: string, file: string) =>
			image(name).entries.find((one) => one.name === file)?.path;

		test("the flake has an image for each architecture", () => {
			expect(found.packages).toEqual({
				"aarch64-linux": ["default", "rescue"],
				"x86_64-linux": ["default", "rescue"],
			});
			expect(entry("amd64", "kernel")).toBe("/nix/store/linux/bzImage");
			expect(entry("arm64", "kernel")).toBe("/nix/store/linux/Image");
		});

		test("the image says what ekexec needs to know", () => {
			expect(image("amd64").entries.map((one) => one.name)).toEqual([
				"kernel",
				"initrd",
				"cmdline",
				"ekexec.json",
			]);
			expect(entry("amd64", "initrd")).toBe("/nix/store/ramdisk/initrd");
			expect(entry("amd64", "cmdline")).toMatchObject({
				text: expect.stringMatching(/^init=\/nix\/store\/toplevel\/init .*panic=30/),
			});
			const about = (entry("arm64", "ekexec.json") as { text: string }).text;
			expect(JSON.parse(about)).toEqual({
				name: "nixos",
				architecture: "arm64",
				release: "6.12.1",
				adapter: "stage1",
			});
		});

		test("a module of the user's own takes part", () => {
			expect(entry("own", "cmdline")).toMatchObject({ text: expect.stringContaining("mine=1") });
		});

		test("stage 1 copies every folder that the adapter writes, by the program it holds", () => {
			const identity: Identity<never> = {
				hostKeys: [{ type: "ed25519", private: utf8("k") }],
				authorizedKeys: utf8("ssh-ed25519 AAAA me"),
				network: [{ name: "10-a.network", content: "" }],
				nonce: "0123456789abcdef",
			};
			const names = identityEntries("stage1", identity).map((one) => String(one.name).split("/"));
			const folders = new Set(names.flatMap((parts) => (parts[1] === undefined ? [] : [parts[1]])));
			const unit = found.identity as { serviceConfig: { ExecStart: string[] }; unitConfig: object };
			const copied = unit.serviceConfig.ExecStart.map(
				(line) => line.match(/ \/ekexec\/(\S+) /)?.[1],
			);
			expect(new Set(copied)).toEqual(folders);
			expect(unit.unitConfig).toMatchObject({ ConditionPathIsDirectory: "/ekexec" });
			for (const line of unit.serviceConfig.ExecStart) {
				expect(line.replace(/^-/, "").split(" ")[0]).toBe((found.storePaths as string[])[0]);
			}
		});

		test("sshd takes what the identity brings, and the default network has the name that the identity masks", () => {
			expect(found.openssh).toMatchObject({
				hostKeys: [],
				ports: [],
				extraConfig: expect.stringContaining("Include /etc/ssh/sshd_config.d/*.conf"),
			});
			expect(Object.keys(found.networks as object)).toEqual(["89-ekexec-default"]);
			expect(found.failed).toEqual([]);
			expect(found.hostName).toBe("emergency");
		});
	});
});
