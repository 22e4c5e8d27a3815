import { createHash, randomBytes } from "node:crypto";
import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket, connect as tcp } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sshError } from "../../src/ssh/error.ts";
import {
	bytesSource,
	type Connection,
	type ConnectOptions,
	connect,
	run,
	waitForSsh,
} from "../../src/ssh/index.ts";
import { publicKey } from "../../src/ssh/public-key.ts";
import { missing } from "../support/programs.ts";
import { keygen, operator, type Sshd, scratch, startSshd } from "./sshd.ts";
import { answering, codeOf } from "./support.ts";

const lacking = missing("sshd", "ssh", "ssh-keygen");

/** A TCP relay that can be cut after a number of bytes towards the server. */
async function relay(port: number): Promise<{
	port: number;
	cutAfter: (bytes: number) => void;
	cut: () => void;
	/** From now on, what the server says arrives in one piece, this many milliseconds after its first byte. */
	gather: (milliseconds: number) => void;
	close: () => void;
}> {
	let budget = Number.POSITIVE_INFINITY;
	let gathering = 0;
	const sockets = new Set<Socket>();
	const cut = () => {
		for (const socket of sockets) socket.destroy();
		sockets.clear();
		budget = Number.POSITIVE_INFINITY;
	};
	const server: Server = createServer((near) => {
		const far = tcp(port, "127.0.0.1");
		sockets.add(near).add(far);
		for (const socket of [near, far]) socket.on("error", () => {});
		let held: Buffer[] = [];
		far.on("data", (chunk) => {
			if (gathering === 0) near.write(chunk);
			else if (held.push(chunk) === 1) {
				setTimeout(() => {
					near.write(Buffer.concat(held));
					held = [];
				}, gathering);
			}
		});
		near.on("data", (chunk) => {
			budget -= chunk.length;
			if (budget < 0) cut();
			else if (!far.write(chunk)) near.pause();
		});
		far.on("drain", () => near.resume());
		near.on("close", () => far.destroy());
		far.on("close", () => near.destroy());
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const address = server.address();
	return {
		port: typeof address === "object" && address ? address.port : 0,
		cutAfter: (bytes) => {
			budget = bytes;
		},
		cut,
		gather: (milliseconds) => {
			gathering = milliseconds;
		},
		close: () => server.close(),
	};
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe.skipIf(lacking).each(["ssh2", "openssh"] as const)(`%s ${lacking}`, (transport) => {
	const place = scratch();
	const machine = operator(join(place.path, "home"));
	const key = keygen(join(place.path, "key"), "-t", "ed25519");
	const configFile = join(place.path, "config");
	const knownHosts = join(place.path, "known_hosts");
	let sshd: Sshd;
	let connection: Connection;

	const options = (more: ConnectOptions = {}): ConnectOptions => ({
		transport,
		machine,
		configFile,
		...more,
	});
	const target = () => `127.0.0.1:${sshd.port}`;

	beforeAll(async () => {
		sshd = await startSshd(place.path, { authorized: [readFileSync(`${key}.pub`, "utf8")] });
		writeFileSync(
			configFile,
			`IdentityFile ${key}\nIdentitiesOnly yes\nUserKnownHostsFile ${knownHosts}\nGlobalKnownHostsFile none\n`,
		);
		writeFileSync(knownHosts, sshd.knownLine());
		connection = await connect(target(), options());
	});
	afterAll(async () => {
		await connection?.close();
		await sshd?.stop();
		place.remove();
	});

	test("says what it is connected to and with which keys", () => {
		expect(connection.transport).toBe(transport);
		expect(connection.login).toEqual({ user: machine.user, host: "127.0.0.1", port: sshd.port });
		const [type, blob] = sshd.knownLine().split(" ").slice(1);
		expect(connection.hostKey.type).toBe(type);
		expect(Buffer.from(connection.hostKey.blob).toString("base64")).toBe(blob?.trim());
		const own = publicKey(
			Buffer.from(readFileSync(`${key}.pub`, "utf8").split(" ")[1] ?? "", "base64"),
		);
		expect(connection.authenticatedBy).toEqual({ method: "publickey", key: own, source: key });
	});

	test("runs commands: output, talk, codes", async () => {
		expect(await run(connection, ["id", "-u"])).toMatchObject({
			code: 0,
			text: `${process.getuid?.()}\n`,
			talk: "",
		});
		expect((await run(connection, ["false"])).code).toBe(1);
		expect((await run(connection, ["ls", "/nowhere"])).talk).toContain("/nowhere");
		const perl = ["node", "-e", "process.exit"];
		expect(await codeOf(run(connection, [...perl, "255()"]))).toBe("SSH_WORD");
	});

	test("a server that allows one session at a time still runs commands and takes files", async () => {
		const narrow = await startSshd(place.path, {
			config: ["MaxSessions 1"],
			authorized: [readFileSync(`${key}.pub`, "utf8")],
		});
		const settings = ["StrictHostKeyChecking=no"];
		const through = await connect(`127.0.0.1:${narrow.port}`, options({ settings }));
		const path = join(place.path, `narrow-${transport}`);
		try {
			through.warmUp();
			const said = await run(through, ["id", "-u"]).catch((error) => error.code);
			// The master itself takes the only session.
			if (transport === "openssh") expect(said).toBe("SSH_CHANNEL");
			else {
				expect(said).toMatchObject({ code: 0 });
				const content = bytesSource(randomBytes(100_000));
				expect(await through.upload(content, path)).toMatchObject({ size: 100_000 });
				expect(await run(through, ["wc", "-c", path])).toMatchObject({ code: 0 });
			}
		} finally {
			await through.close();
			await narrow.stop();
		}
	});

	test("the answer, the output and the exit code in one piece: none is missed", async () => {
		const slow = await relay(sshd.port);
		const through = await connect(
			`127.0.0.1:${slow.port}`,
			options({ settings: ["StrictHostKeyChecking=no"] }),
		);
		try {
			slow.gather(250);
			for (let round = 0; round < 3; round++) {
				expect(await run(through, ["id", "-u"])).toMatchObject({
					code: 0,
					text: `${process.getuid?.()}\n`,
				});
				expect((await run(through, ["false"])).code).toBe(1);
			}
		} finally {
			await through.close();
			slow.close();
		}
	});

	test("a command's own 255 is no lost connection", async () => {
		const script = join(place.path, "255.js");
		writeFileSync(script, "process.exit(255)");
		expect((await run(connection, [process.execPath, script])).code).toBe(255);
	});

	test("carries bytes both ways unchanged", async () => {
		const bytes = randomBytes(5_000_001);
		const result = await run(connection, ["cat"], {
			input: bytesSource(bytes).read(0),
			limit: 6_000_000,
		});
		expect(sha256(result.stdout)).toBe(sha256(bytes));
	});

	test("output that nobody reads stops the command instead of filling memory", async () => {
		const channel = await connection.exec(["cat", "/dev/zero"]);
		const before = process.memoryUsage.rss();
		await new Promise((resolve) => setTimeout(resolve, 1500));
		expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
		channel.close();
		channel.stdout.resume();
		await channel.exit.catch(() => {});
	});

	test("input that the command does not read holds the writer back", async () => {
		const channel = await connection.exec(["sleep", "30"]);
		const chunk = Buffer.alloc(256 * 1024);
		let written = 0;
		while (channel.stdin.write(chunk) && written < 100) written++;
		let more = 0;
		channel.stdin.on("drain", () => {
			while (channel.stdin.write(chunk) && more < 1000) more++;
		});
		await new Promise((resolve) => setTimeout(resolve, 1000));
		expect((written + more) * chunk.length).toBeLessThan(32 * 1024 * 1024);
		channel.close();
	});

	test("talk that nobody reads does not block the output", async () => {
		const script = join(place.path, "talk.js");
		writeFileSync(
			script,
			`const fs = require("node:fs"); const line = Buffer.alloc(65536, 120);
			for (let i = 0; i < 100; i++) fs.writeSync(2, line); fs.writeSync(1, "done");`,
		);
		const channel = await connection.exec([process.execPath, script]);
		let text = "";
		for await (const chunk of channel.stdout) text += String(chunk);
		expect(text).toBe("done");
		expect(await channel.exit).toEqual({ code: 0, signal: undefined });
	});

	test("more output than allowed ends the command", async () => {
		expect(await codeOf(run(connection, ["cat", "/dev/zero"], { limit: 100_000 }))).toBe(
			"SSH_OUTPUT",
		);
	});

	test("an abort and a deadline end a command", async () => {
		const abort = new AbortController();
		setTimeout(() => abort.abort(), 100);
		expect(await codeOf(run(connection, ["sleep", "30"], { signal: abort.signal }))).toBe(
			"SSH_ABORTED",
		);
		expect(await codeOf(run(connection, ["sleep", "30"], { deadline: 100 }))).toBe("SSH_DEADLINE");
	});

	test("many commands at once on one connection", async () => {
		const results = await Promise.all(
			Array.from({ length: 5 }, (_, i) => run(connection, ["echo", String(i)])),
		);
		expect(results.map((result) => result.text.trim())).toEqual([..."01234"]);
	});

	test("more sessions than the server allows is an error, not an empty output", async () => {
		const own = await connect(target(), options());
		const many = Array.from({ length: 12 }, () => own.exec(["sleep", "20"]));
		const codes = await Promise.all(
			many.map((opened) =>
				codeOf(
					opened.then((channel) =>
						Promise.race([channel.exit, new Promise((resolve) => setTimeout(resolve, 3000))]),
					),
				),
			),
		);
		expect(new Set(codes)).toEqual(new Set(["no error", "SSH_CHANNEL"]));
		await own.close();
	});

	describe.each(transport === "ssh2" ? (["sftp", "channel"] as const) : (["channel"] as const))(
		"upload by %s",
		(by) => {
			test.each([0, 1, 65_536, 65_537, 3_000_000])("%i bytes", async (size) => {
				const bytes = randomBytes(size);
				const path = join(place.path, `up-${by}-${size}`);
				const seen: number[] = [];
				const result = await connection.upload(bytesSource(bytes), path, {
					by,
					mode: 0o740,
					progress: ({ done }) => seen.push(done),
				});
				expect(result).toEqual({ size, sha256: sha256(bytes), verified: true, resumed: 0, by });
				expect(readFileSync(path).equals(bytes)).toBe(true);
				expect(statSync(path).mode & 0o7777).toBe(0o740);
				expect(seen.at(-1)).toBe(size);
			});

			test("takes up what is there if it is the beginning, and only then", async () => {
				const bytes = randomBytes(2_000_000);
				const path = join(place.path, `resume-${by}`);
				writeFileSync(path, bytes.subarray(0, 1_000_000));
				const resumed = await connection.upload(bytesSource(bytes), path, { by });
				expect(resumed.resumed).toBe(by === "sftp" ? 1_000_000 : 1_000_000 - (1_000_000 % 65_536));
				expect(readFileSync(path).equals(bytes)).toBe(true);

				writeFileSync(path, randomBytes(1_000_000));
				const anew = await connection.upload(bytesSource(bytes), path, { by });
				expect(anew.resumed).toBe(0);
				expect(readFileSync(path).equals(bytes)).toBe(true);

				appendFileSync(path, "longer than the source");
				expect((await connection.upload(bytesSource(bytes), path, { by })).resumed).toBe(0);
				expect(readFileSync(path).equals(bytes)).toBe(true);

				expect((await connection.upload(bytesSource(bytes), path, { by })).resumed).toBe(2_000_000);
				truncateSync(path, 500_000);
				const fresh = await connection.upload(bytesSource(bytes), path, { by, resume: false });
				expect(fresh.resumed).toBe(0);
			});

			test("after a cut, the rest is sent on a new connection", async () => {
				const between = await relay(sshd.port);
				appendFileSync(knownHosts, sshd.knownLine().replace(/^\S+/, `[127.0.0.1]:${between.port}`));
				const bytes = randomBytes(12_000_000);
				const path = join(place.path, `cut-${by}`);
				const first = await connect(`127.0.0.1:${between.port}`, options());
				between.cutAfter(8_000_000);
				expect(await codeOf(first.upload(bytesSource(bytes), path, { by }))).toBe("SSH_LOST");
				expect(await first.closed).toMatchObject({ code: "SSH_LOST" });
				await first.close();
				const second = await connect(`127.0.0.1:${between.port}`, options());
				const result = await second.upload(bytesSource(bytes), path, { by });
				expect(result.resumed).toBeGreaterThan(1_000_000);
				expect(result.verified).toBe(true);
				expect(readFileSync(path).equals(bytes)).toBe(true);
				await second.close();
				between.close();
			});

			test("a place that cannot be written", async () => {
				const upload = connection.upload(bytesSource(randomBytes(10)), "/nowhere/file", { by });
				expect(await codeOf(upload)).toBe("SSH_UPLOAD");
			});

			test("a source that shrinks or grows", async () => {
				const lie = (size: number) => ({ ...bytesSource(randomBytes(1000)), size });
				const path = join(place.path, `lie-${by}`);
				expect(await codeOf(connection.upload(lie(2000), path, { by }))).toBe("SSH_UPLOAD");
				expect(await codeOf(connection.upload(lie(500), path, { by }))).toBe("SSH_UPLOAD");
			});

			test("an abort ends it", async () => {
				const abort = new AbortController();
				const path = join(place.path, `abort-${by}`);
				const endless = {
					size: 1e12,
					async *read() {
						for (;;) yield Buffer.alloc(65_536);
					},
				};
				const upload = connection.upload(endless, path, {
					by,
					signal: abort.signal,
					progress: ({ done }) => {
						if (done > 5_000_000) abort.abort();
					},
				});
				expect(await codeOf(upload)).toBe("SSH_ABORTED");
			});
		},
	);

	test("a connection that breaks is an error of everything on it", async () => {
		const between = await relay(sshd.port);
		appendFileSync(knownHosts, sshd.knownLine().replace(/^\S+/, `[127.0.0.1]:${between.port}`));
		const doomed = await connect(`127.0.0.1:${between.port}`, options());
		const channel = await doomed.exec(["sleep", "60"]);
		const reading = (async () => {
			for await (const _ of channel.stdout);
		})();
		between.cut();
		expect(await codeOf(channel.exit)).toBe("SSH_LOST");
		expect(await codeOf(channel.stdin.destroyed ? channel.exit : Promise.resolve())).toBe(
			"SSH_LOST",
		);
		expect(await codeOf(reading)).toBe("SSH_LOST");
		expect(await doomed.closed).toMatchObject({ code: "SSH_LOST" });
		expect(await codeOf(doomed.exec(["true"]))).toBe("SSH_LOST");
		between.close();
	});

	test("closing is no loss", async () => {
		const own = await connect(target(), options());
		await own.close();
		expect(await own.closed).toBeUndefined();
		expect(await codeOf(own.exec(["true"]))).toBe("SSH_LOST");
	});

	describe("host keys", () => {
		test("unknown and nobody to ask: refused", async () => {
			const empty = join(place.path, "empty");
			writeFileSync(empty, "");
			const settings = [`UserKnownHostsFile=${empty}`];
			expect(await codeOf(connect(target(), options({ settings })))).toBe("SSH_HOST_KEY_UNKNOWN");
			expect(readFileSync(empty, "utf8")).toBe("");
		});

		test("unknown and confirmed: kept for the next time", async () => {
			const file = join(place.path, "asked");
			const settings = [`UserKnownHostsFile=${file}`, "HashKnownHosts=yes"];
			const prompt = answering("yes");
			const asked = await connect(target(), options({ settings, prompt }));
			expect(prompt.questions.join()).toContain(asked.hostKey.fingerprint);
			await asked.close();
			expect(readFileSync(file, "utf8")).toMatch(/^\|1\|/);
			const again = await connect(target(), options({ settings }));
			expect(again.hostKey.fingerprint).toBe(asked.hostKey.fingerprint);
			await again.close();
		});

		test("unknown and denied: refused", async () => {
			const settings = [`UserKnownHostsFile=${join(place.path, "denied")}`];
			const prompt = answering("no");
			const attempt = connect(target(), options({ settings, prompt }));
			expect(await codeOf(attempt)).toBe("SSH_HOST_KEY_UNKNOWN");
			expect(prompt.questions).toHaveLength(1);
		});

		test("accept-new takes the key of a new host", async () => {
			const file = join(place.path, "new");
			const settings = [`UserKnownHostsFile=${file}`, "StrictHostKeyChecking=accept-new"];
			const taken = await connect(target(), options({ settings }));
			await taken.close();
			expect(readFileSync(file, "utf8")).toContain(
				Buffer.from(taken.hostKey.blob).toString("base64"),
			);
		});

		test("changed: refused, with both fingerprints", async () => {
			const file = join(place.path, "changed");
			const other = keygen(join(place.path, "other"), "-t", "ed25519");
			const [type, blob = ""] = readFileSync(`${other}.pub`, "utf8").split(" ");
			writeFileSync(file, `[127.0.0.1]:${sshd.port} ${type} ${blob}\n`);
			const settings = [
				`UserKnownHostsFile=${file}`,
				"StrictHostKeyChecking=accept-new",
				"HostKeyAlgorithms=ssh-ed25519",
			];
			const error = await connect(target(), options({ settings })).catch((caught) => caught);
			expect(error.code).toBe("SSH_HOST_KEY_CHANGED");
			expect(error.exitCode).toBe(3);
			expect(error.message).toContain(connection.hostKey.fingerprint);
			expect(error.message).toContain(`${file}:1`);
			if (transport === "ssh2") {
				expect(error.message).toContain(publicKey(Buffer.from(blob, "base64"))?.fingerprint);
			}
		});

		test("revoked: refused", async () => {
			const file = join(place.path, "revoked");
			writeFileSync(file, `@revoked ${sshd.knownLine()}${sshd.knownLine()}`);
			const settings = [`UserKnownHostsFile=${file}`, "HostKeyAlgorithms=ssh-ed25519"];
			expect(await codeOf(connect(target(), options({ settings })))).toBe("SSH_HOST_KEY_REVOKED");
		});

		test.each(["rsa", "ecdsa"] as const)("the known type is asked for: %s", async (type) => {
			const file = join(place.path, `only-${type}`);
			writeFileSync(file, sshd.knownLine(type));
			const settings = [`UserKnownHostsFile=${file}`];
			const own = await connect(target(), options({ settings }));
			expect(own.hostKey.type).toContain(type);
			await own.close();
		});

		test("an expected key is insisted on, whatever known_hosts says", async () => {
			const settings = ["UserKnownHostsFile=/nowhere", "StrictHostKeyChecking=no"];
			const expectHostKey = connection.hostKey;
			const same = await connect(target(), options({ settings, expectHostKey }));
			await same.close();
			const rsa = publicKey(Buffer.from(sshd.knownLine("rsa").split(" ")[2] ?? "", "base64"));
			const wrong = keygen(join(place.path, "wrong"), "-t", "ed25519");
			const stranger = publicKey(
				Buffer.from(readFileSync(`${wrong}.pub`, "utf8").split(" ")[1] ?? "", "base64"),
			);
			if (rsa === undefined || stranger === undefined) throw new Error("keys");
			await (await connect(target(), options({ expectHostKey: rsa }))).close();
			expect(await codeOf(connect(target(), options({ expectHostKey: stranger })))).toBe(
				"SSH_HOST_KEY_CHANGED",
			);
		});

		test("any host key, for who proves the host otherwise: opened by keys only, known_hosts left alone", async () => {
			const config = ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes"];
			const authorized = [readFileSync(`${key}.pub`, "utf8")];
			const before = readFileSync(knownHosts, "utf8");
			const prompt = answering("secret", "secret", "secret");
			const any = options({
				settings: ["StrictHostKeyChecking=yes"],
				expectHostKey: "any",
				prompt,
			});
			const known = await startSshd(place.path, { config, authorized });
			const strange = await startSshd(place.path, { config });
			try {
				const opened = await connect(`127.0.0.1:${known.port}`, any);
				expect((await run(opened, ["echo", "in"])).text).toBe("in\n");
				await opened.close();
				expect(await codeOf(connect(`127.0.0.1:${strange.port}`, any))).toBe("SSH_AUTH");
			} finally {
				await known.stop();
				await strange.stop();
			}
			expect(prompt.questions).toEqual([]);
			expect(readFileSync(knownHosts, "utf8")).toBe(before);
		});
	});

	test("waits for a server that comes later", async () => {
		const between = await relay(sshd.port);
		between.close();
		await new Promise((resolve) => setTimeout(resolve, 50));
		const attempts: unknown[] = [];
		const waiting = waitForSsh(`127.0.0.1:${between.port}`, {
			...options(),
			expectHostKey: connection.hostKey,
			deadline: 30_000,
			interval: 200,
			attempt: ({ error }) => attempts.push(error),
		});
		await new Promise((resolve) => setTimeout(resolve, 700));
		const late = createServer((near) => {
			const far = tcp(sshd.port, "127.0.0.1");
			near.pipe(far).pipe(near);
			for (const socket of [near, far]) socket.on("error", () => {});
		});
		await new Promise<void>((resolve) => late.listen(between.port, "127.0.0.1", resolve));
		const found = await waiting;
		expect(attempts.length).toBeGreaterThan(0);
		expect((await run(found, ["echo", "here"])).text).toBe("here\n");
		await found.close();
		late.close();
	});

	test("waiting ends at its deadline, with the last reason", async () => {
		const waiting = waitForSsh("127.0.0.1:1", {
			...options(),
			expectHostKey: connection.hostKey,
			deadline: 800,
			interval: 100,
		});
		const error = await waiting.catch((caught) => caught);
		expect(error.code).toBe("SSH_DEADLINE");
		expect(error.cause.code).toBe("SSH_UNREACHABLE");
	});

	test("waiting goes on while logins are refused and questions fail, for as long as it may", async () => {
		const strange = await startSshd(place.path);
		const login = { ...options(), expectHostKey: "any", deadline: 20_000, interval: 50 } as const;
		try {
			const waiting = waitForSsh(`127.0.0.1:${strange.port}`, { ...login, refusedFor: 300 });
			expect(await codeOf(waiting)).toBe("SSH_AUTH");
			const late = { ...login, refusedFor: 60_000, deadline: 800 };
			const error = await waitForSsh(`127.0.0.1:${strange.port}`, late).catch((caught) => caught);
			expect(error).toMatchObject({ code: "SSH_DEADLINE", cause: { code: "SSH_AUTH" } });
		} finally {
			await strange.stop();
		}
		const accepts = [false, sshError("SSH_CHANNEL", "no channel"), true];
		const warnings: string[] = [];
		const found = await waitForSsh(target(), {
			...login,
			identities: [key, join(place.path, "missing")],
			warn: (message) => warnings.push(message),
			async accept() {
				const next = accepts.shift();
				if (next instanceof Error) throw next;
				return next === true;
			},
		});
		await found.close();
		expect(accepts).toEqual([]);
		expect(warnings).toEqual([`there is no key file ${join(place.path, "missing")}`]);
	});

	test("an unreachable port", async () => {
		expect(await codeOf(connect("127.0.0.1:1", options()))).toBe("SSH_UNREACHABLE");
	});

	test("no key that the server takes", async () => {
		const stranger = keygen(join(place.path, "stranger"), "-t", "ed25519");
		const own = join(place.path, "stranger-config");
		writeFileSync(
			own,
			`IdentityFile ${stranger}\nIdentitiesOnly yes\nUserKnownHostsFile ${knownHosts}\n`,
		);
		expect(await codeOf(connect(target(), options({ configFile: own })))).toBe("SSH_AUTH");
	});
});
