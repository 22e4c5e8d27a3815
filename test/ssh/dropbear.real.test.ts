// The small server of initramfs and embedded systems, as the last thing that answers: a real dropbear.
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { helperOf, openSession, type Session } from "../../src/rescue/session.ts";
import { bytesSource, run } from "../../src/ssh/index.ts";
import { missing } from "../support/programs.ts";
import { freePort, keygen, operator, scratch } from "./sshd.ts";
import { codeOf } from "./support.ts";

const lacking =
	process.geteuid?.() === 0 ? missing("dropbear", "ssh", "ssh-keygen", "unshare") : " (needs root)";

describe.skipIf(lacking).each(["ssh2", "openssh"] as const)(
	`dropbear by %s ${lacking}`,
	(transport) => {
		const place = scratch();
		const path = (name: string) => join(place.path, name);
		const key = keygen(path("key"), "-t", "ed25519");
		let stop: (() => Promise<void>) | undefined;
		let port = 0;
		let session: Session;

		const options = (knownHosts: string) => ({
			connect: {
				transport,
				machine: operator(path("home")),
				identities: [key],
				port,
				settings: ["IdentitiesOnly=yes", `UserKnownHostsFile=${knownHosts}`],
			},
		});

		/** It reads root's own keys and no others: in a mount namespace, root's home is ours. */
		const start = async (): Promise<number> => {
			const script = `mount --bind "$1" /root && shift && exec "$@"`;
			for (let attempt = 0; attempt < 4; attempt++) {
				const free = await freePort();
				const at = ["-p", `127.0.0.1:${free}`, "-r", path("host"), "-P", path("pid")];
				const words = ["sh", "-c", script, "sh", path("root"), "dropbear", "-F", "-E", ...at];
				const child = spawn("unshare", ["-m", ...words], { stdio: ["ignore", "ignore", "pipe"] });
				const gone = new Promise<false>((resolve) => child.once("exit", () => resolve(false)));
				const listens = new Promise<true>((resolve) => {
					child.stderr.on(
						"data",
						(said) => String(said).includes("Not backgrounding") && resolve(true),
					);
				});
				stop = async () => {
					child.kill("SIGTERM");
					await gone;
				};
				if (await Promise.race([gone, listens])) return free;
			}
			throw new Error("dropbear does not start");
		};

		beforeAll(async () => {
			mkdirSync(path("root/.ssh"), { recursive: true, mode: 0o700 });
			chmodSync(path("root"), 0o700);
			writeFileSync(path("root/.ssh/authorized_keys"), readFileSync(`${key}.pub`), { mode: 0o600 });
			const made = execFileSync("dropbearkey", ["-t", "ed25519", "-f", path("host")], {
				encoding: "utf8",
				stdio: ["ignore", "pipe", "ignore"],
			});
			const [type = "", blob = ""] = /^ssh-\S+ \S+/m.exec(made)?.[0].split(" ") ?? [];
			port = await start();
			writeFileSync(path("known_hosts"), `[127.0.0.1]:${port} ${type} ${blob}\n`);
			session = await openSession("root@127.0.0.1", options(path("known_hosts")));
		});
		afterAll(async () => {
			await session?.connection.close();
			await stop?.();
			place.remove();
		});

		test("its host key is held against known_hosts", async () => {
			const other = readFileSync(`${key}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
			writeFileSync(path("other_hosts"), `[127.0.0.1]:${port} ${other}\n`);
			const opened = openSession("root@127.0.0.1", options(path("other_hosts")));
			expect(await codeOf(opened)).toBe("SSH_HOST_KEY_CHANGED");
		});

		test("runs commands and tells their codes", async () => {
			const { connection } = session;
			expect(await run(connection, ["id", "-u"])).toMatchObject({ code: 0, text: "0\n" });
			expect((await run(connection, ["false"])).code).toBe(1);
			expect(session.sshConnection).toMatch(/^127\.0\.0\.1 \d+ 127\.0\.0\.1 \d+$/);
		});

		// Commands that start side by side break one login of five: dropbear dies of an assertion.
		test("is asked one thing after another, login for login", async () => {
			expect(session.connection.oneByOne).toBe(true);
			for (let i = 0; i < 12; i++) {
				const { root, connection } = await openSession(
					"root@127.0.0.1",
					options(path("known_hosts")),
				);
				expect(root.how).toBe("root");
				await connection.close();
			}
		});

		test("takes files whole through its small windows", async () => {
			const bytes = new Uint8Array(randomBytes(3_000_000));
			await session.connection.upload(bytesSource(bytes), path("uploaded"));
			expect(readFileSync(path("uploaded")).equals(bytes)).toBe(true);
		});

		test("starts the helper, which answers", async () => {
			const helper = await helperOf(session, "probe");
			expect(helper.hello).toMatchObject({ command: "probe", uid: 0 });
			helper.close();
		});
	},
);
