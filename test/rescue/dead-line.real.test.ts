// The way back to a helper whose line died without a word: a real sshd, which hears of nothing, and the real helper.
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { deliver } from "../../src/rescue/deliver.ts";
import { helperOf, openSession } from "../../src/rescue/session.ts";
import { type Delivery, despiteLosses, keepSeconds } from "../../src/rescue/take-up.ts";
import { keygen, operator, scratch, startSshd } from "../ssh/sshd.ts";
import { missing } from "../support/programs.ts";
import { Relay } from "../vm/relay.ts";

const lacking = process.geteuid?.() === 0 ? missing("sshd", "ssh-keygen") : " (needs root)";

test.skipIf(lacking !== "")(
	`a delivery goes on over another line while the old one stays open on the target ${lacking}`,
	async () => {
		const place = scratch();
		const key = keygen(join(place.path, "key"), "-t", "ed25519");
		const authorized = [readFileSync(`${key}.pub`, "utf8")];
		const sshd = await startSshd(place.path, { authorized });
		const relay = await Relay.to(sshd.port);
		const knownHosts = join(place.path, "known_hosts");
		writeFileSync(knownHosts, sshd.knownLine().replace(/^\S+/, `[127.0.0.1]:${relay.port}`));
		const options = {
			connect: {
				machine: operator(place.path),
				identities: [key],
				port: relay.port,
				settings: [
					"IdentitiesOnly=yes",
					`UserKnownHostsFile=${knownHosts}`,
					"ServerAliveInterval=1",
					"ServerAliveCountMax=1",
				],
			},
		};
		try {
			const session = await openSession("root@127.0.0.1", options);
			const client = await helperOf(session, "run");
			const token = await client.keep(keepSeconds);
			const delivery: Delivery = { session, client, token, parts: 0, keep: keepSeconds };
			const bytes = new Uint8Array(randomBytes(1_000_000));
			const starts: number[] = [];
			const file = {
				file: 0,
				size: bytes.length,
				parts: [
					{
						offset: 0,
						size: bytes.length,
						sha256: new Uint8Array(32),
						async *open(from: number) {
							starts.push(from);
							if (starts.length === 1) {
								yield bytes.subarray(0, 500_000);
								// The target's sshd has it all; now the line dies.
								while (relay.sent < 500_000)
									await new Promise((resolve) => setTimeout(resolve, 20));
								relay.freeze();
								await new Promise(() => {});
							}
							yield bytes.subarray(from);
						},
					},
				],
			};
			const digest = await crypto.subtle.digest("SHA-256", bytes);
			file.parts[0]?.sha256.set(new Uint8Array(digest));
			const remarks: string[] = [];
			await deliver("root@127.0.0.1", delivery, [file], {
				...options,
				progress: () => {},
				remark: (text) => remarks.push(text),
			});
			expect(starts).toHaveLength(2);
			expect(starts[1]).toBeGreaterThan(0);
			expect(starts[1]).toBeLessThanOrEqual(500_000);
			expect(remarks).toEqual([
				"the connection was lost; logging in again",
				"taken up where it broke off",
			]);
			expect(relay.connections).toBe(2);
			relay.freeze();
			const again = { ...options, remark: () => {}, losses: 1 };
			await despiteLosses("root@127.0.0.1", delivery, again, (to) => to.seal());
			expect(relay.connections).toBe(3);
			// Where the answer was lost and not the question, it is asked twice.
			await delivery.client.seal();
			expect(await delivery.client.abort()).toBeTypeOf("number");
			await delivery.session.connection.close();
		} finally {
			await relay[Symbol.asyncDispose]();
			await sshd.stop();
			place.remove();
		}
	},
);
