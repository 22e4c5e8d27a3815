import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ConnectOptions, connect, type PublicKey } from "../../src/ssh/index.ts";
import { parsePublicLine } from "../../src/ssh/public-key.ts";
import { missing } from "../support/programs.ts";
import { keygen, operator, type Sshd, scratch, startSshd } from "./sshd.ts";
import { answering, codeOf } from "./support.ts";

const lacking = missing("sshd", "ssh", "ssh-keygen");

/** What a login gives away to a host that is not the one it should be. */
describe.skipIf(lacking).each(["ssh2", "openssh"] as const)(
	`strangers by %s ${lacking}`,
	(transport) => {
		const place = scratch();
		const machine = operator(join(place.path, "home"));
		const key = keygen(join(place.path, "key"), "-t", "ed25519");
		let stranger: PublicKey;
		let line: string;
		let sshd: Sshd;

		const target = () => `127.0.0.1:${sshd.port}`;
		const options = (settings: string[], more: ConnectOptions = {}): ConnectOptions => ({
			transport,
			machine,
			configFile: "none",
			identities: [key],
			settings: ["IdentitiesOnly=yes", "GlobalKnownHostsFile=none", ...settings],
			...more,
		});
		const file = (name: string, content: string) => {
			const path = join(place.path, name);
			writeFileSync(path, content);
			return path;
		};

		beforeAll(async () => {
			sshd = await startSshd(place.path, {
				authorized: [readFileSync(`${key}.pub`, "utf8")],
				config: ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes"],
			});
			line = readFileSync(`${keygen(join(place.path, "other"), "-t", "ed25519")}.pub`, "utf8");
			const parsed = parsePublicLine(line)?.key;
			if (parsed === undefined) throw new Error("no key");
			stranger = parsed;
		});
		afterAll(async () => {
			await sshd?.stop();
			place.remove();
		});

		test("a changed host key that StrictHostKeyChecking no lets pass is offered keys, never a password", async () => {
			const known = file("changed", `[127.0.0.1]:${sshd.port} ${line}`);
			const lax = [`UserKnownHostsFile=${known}`, "StrictHostKeyChecking=no"];
			const settings = [...lax, "HostKeyAlgorithms=ssh-ed25519"];
			const prompt = answering("secret", "secret", "secret");
			const without = options([...settings, "PubkeyAuthentication=no"], { prompt });
			const code = transport === "ssh2" ? "SSH_AUTH" : "SSH_HOST_KEY_CHANGED";
			expect(await codeOf(connect(target(), without))).toBe(code);
			if (transport === "ssh2") {
				await (await connect(target(), options(settings))).close();
				// Stricter than ssh: whoever stands in between could show a key of another type.
				const other = [...lax, "PubkeyAuthentication=no", "HostKeyAlgorithms=ecdsa-sha2-nistp256"];
				expect(await codeOf(connect(target(), options(other, { prompt })))).toBe("SSH_AUTH");
			}
			expect(prompt.questions).toEqual([]);
			expect(readFileSync(known, "utf8").split("\n")).toHaveLength(2);
		});

		test("an expected host key is insisted on, whatever the operator's configuration trusts", async () => {
			const helper = file("known.cjs", `console.log(${JSON.stringify(sshd.knownLine().trim())});`);
			for (const setting of [
				"NoHostAuthenticationForLocalhost=yes",
				`KnownHostsCommand=${process.execPath} ${helper}`,
			]) {
				const settings = [setting, "HostKeyAlgorithms=ssh-ed25519", "FingerprintHash=md5"];
				const attempt = connect(target(), options(settings, { expectHostKey: stranger }));
				expect(await codeOf(attempt), setting).toBe("SSH_HOST_KEY_CHANGED");
			}
			const right = parsePublicLine(sshd.knownLine().replace(/^\S+ /, ""))?.key;
			if (right === undefined) throw new Error("no key");
			const configFile = file("words", "IgnoreUnknown Own*\nOwnWord x\nFingerprintHash md5\n");
			const more = { expectHostKey: right, configFile };
			const opened = await connect(target(), options([], more));
			expect(opened.hostKey.fingerprint).toBe(right.fingerprint);
			await opened.close();
		});
	},
);
