import { execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ConnectOptions, connect, elevate, type Prompt, run } from "../../src/ssh/index.ts";
import { parsePublicLine } from "../../src/ssh/public-key.ts";
import { find, missing } from "../support/programs.ts";
import { keygen, operator, type Sshd, scratch, startSshd } from "./sshd.ts";
import { answering, codeOf } from "./support.ts";
import { type User, users } from "./users.ts";

const lacking = missing("sshd", "ssh", "ssh-keygen", "ssh-agent");

const fingerprintOf = (path: string) =>
	parsePublicLine(readFileSync(`${path}.pub`, "utf8"))?.key.fingerprint;

describe.skipIf(lacking)(`keys ${lacking}`, () => {
	const place = scratch();
	const machine = operator(join(place.path, "home"));
	const known = join(place.path, "known_hosts");
	const passphrase = 'phrase with "blanks"';
	const authorized = join(place.path, "authorized");
	let sshd: Sshd;
	let agent: { socket: string; stop: () => void };

	const make = (name: string, ...options: string[]) => {
		const path = keygen(join(place.path, name), ...options);
		writeFileSync(authorized, readFileSync(`${path}.pub`), { flag: "a" });
		return path;
	};
	const options = (settings: string[], more: ConnectOptions = {}): ConnectOptions => ({
		machine,
		configFile: "none",
		settings: [`UserKnownHostsFile=${known}`, "GlobalKnownHostsFile=none", ...settings],
		...more,
	});
	const target = () => `127.0.0.1:${sshd.port}`;

	beforeAll(async () => {
		sshd = await startSshd(place.path, {
			config: [`AuthorizedKeysFile ${authorized}`, "LogLevel DEBUG1"],
		});
		writeFileSync(known, sshd.knownLine());
		writeFileSync(authorized, "");
		const socket = join(place.path, "agent");
		const child = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
		while (!existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 20));
		agent = { socket, stop: () => child.kill() };
	});
	afterAll(async () => {
		agent?.stop();
		await sshd?.stop();
		place.remove();
	});

	const kinds: readonly (readonly [string, readonly string[]])[] = [
		["ed25519", ["-t", "ed25519"]],
		["rsa", ["-t", "rsa", "-b", "2048"]],
		["ecdsa-256", ["-t", "ecdsa", "-b", "256"]],
		["ecdsa-384", ["-t", "ecdsa", "-b", "384"]],
		["ecdsa-521", ["-t", "ecdsa", "-b", "521"]],
	];
	const formats: readonly (readonly [string, readonly string[]])[] = [
		["OpenSSH", []],
		["PEM", ["-m", "PEM"]],
		["PKCS8", ["-m", "PKCS8"]],
	];
	const combinations = kinds.flatMap(([kind, type]) =>
		formats
			// ssh-keygen writes ed25519 in its own format whatever it is told.
			.filter(([format]) => kind !== "ed25519" || format === "OpenSSH")
			.flatMap(([format, write]) =>
				[false, true].map((encrypted) => ({ kind, format, encrypted, words: [...type, ...write] })),
			),
	);

	test.each(combinations)("$kind as $format, encrypted: $encrypted", async (wanted) => {
		const name = `${wanted.kind}-${wanted.format}-${wanted.encrypted}`;
		const path = make(name, ...wanted.words);
		if (wanted.encrypted) {
			// Written anew with the passphrase, in the same format.
			const format = wanted.words.includes("-m") ? ["-m", wanted.format] : [];
			execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", passphrase, ...format, "-f", path]);
		}
		const prompt = answering("wrong", passphrase);
		const connection = await connect(
			target(),
			options(["IdentitiesOnly=yes"], { identities: [path], prompt, transport: "ssh2" }),
		);
		expect(connection.authenticatedBy).toMatchObject({
			method: "publickey",
			source: path,
			key: { fingerprint: fingerprintOf(path) },
		});
		expect(prompt.questions).toHaveLength(wanted.encrypted ? 2 : 0);
		expect((await run(connection, ["echo", "in"])).text).toBe("in\n");
		await connection.close();
	});

	test("a passphrase is not asked for a key that the server does not want", async () => {
		const stranger = keygen(join(place.path, "stranger"), "-t", "ed25519");
		execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", passphrase, "-f", stranger]);
		const wanted = make("wanted", "-t", "ed25519");
		const prompt = answering();
		const connection = await connect(
			target(),
			options(["IdentitiesOnly=yes"], { identities: [stranger, wanted], prompt }),
		);
		expect(prompt.questions).toEqual([]);
		expect(connection.authenticatedBy).toMatchObject({ source: wanted });
		await connection.close();
	});

	test("a wrong passphrase thrice is an error that does not hold it", async () => {
		const path = make("locked", "-t", "ed25519");
		execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", passphrase, "-f", path]);
		const logged: string[] = [];
		const error = await connect(
			target(),
			options(["IdentitiesOnly=yes", "PreferredAuthentications=publickey"], {
				identities: [path],
				prompt: answering("secret-1", "secret-2", "secret-3"),
				log: (line) => logged.push(line),
				warn: (line) => logged.push(line),
				transport: "ssh2",
			}),
		).catch((caught) => caught);
		expect(error.code).toBe("SSH_AUTH");
		expect(
			`${error.message} ${error.stack} ${error.cause?.message} ${logged.join()}`,
		).not.toContain("secret-");
	});

	test("a key that others can read is left out, and said so", async () => {
		const path = make("open", "-t", "ed25519");
		execFileSync("chmod", ["644", path]);
		const warnings: string[] = [];
		const attempt = connect(
			target(),
			options(["IdentitiesOnly=yes"], {
				identities: [path],
				warn: (line) => warnings.push(line),
				transport: "ssh2",
			}),
		);
		expect(await codeOf(attempt)).toBe("SSH_AUTH");
		expect(warnings.join()).toContain(path);
	});

	test.each(["ed25519", "rsa", "ecdsa"])("the agent signs with %s", async (type) => {
		const path = make(`agent-${type}`, "-t", type);
		const env = { ...process.env, SSH_AUTH_SOCK: agent.socket };
		execFileSync("ssh-add", ["-q", path], { env });
		rmSync(path);
		const connection = await connect(
			target(),
			options([`IdentityAgent=${agent.socket}`], { transport: "ssh2" }),
		);
		expect(connection.authenticatedBy).toMatchObject({
			method: "publickey",
			source: agent.socket,
			key: { fingerprint: fingerprintOf(path) },
		});
		await connection.close();
		// Named by its public half, it is the one that is used, among others.
		const other = make(`agent-other-${type}`, "-t", "ed25519");
		execFileSync("ssh-add", ["-q", other], { env });
		const chosen = await connect(
			target(),
			options([`IdentityAgent=${agent.socket}`, "IdentitiesOnly=yes"], { identities: [other] }),
		);
		expect(chosen.authenticatedBy).toMatchObject({ key: { fingerprint: fingerprintOf(other) } });
		await chosen.close();
		execFileSync("ssh-add", ["-q", "-D"], { env, stdio: "pipe" });
	});

	test("the agent's keys are not tried with IdentitiesOnly", async () => {
		const path = make("agent-only", "-t", "ed25519");
		const env = { ...process.env, SSH_AUTH_SOCK: agent.socket };
		execFileSync("ssh-add", ["-q", path], { env, stdio: "pipe" });
		const settings = [`IdentityAgent=${agent.socket}`, "IdentitiesOnly=yes"];
		const attempt = connect(target(), options(settings, { transport: "ssh2" }));
		expect(await codeOf(attempt)).toBe("SSH_AUTH");
		execFileSync("ssh-add", ["-q", "-D"], { env, stdio: "pipe" });
	});

	test("an agent that is not there is passed over", async () => {
		const path = make("no-agent", "-t", "ed25519");
		const settings = ["IdentityAgent=/nowhere/agent"];
		const connection = await connect(target(), options(settings, { identities: [path] }));
		await connection.close();
	});

	test("a certificate takes the system's ssh, and that is said", async () => {
		const authority = keygen(join(place.path, "user-ca"), "-t", "ed25519");
		const path = keygen(join(place.path, "certified"), "-t", "ed25519");
		execFileSync("ssh-keygen", [
			...["-q", "-s", authority, "-I", "test", "-n", machine.user, `${path}.pub`],
		]);
		const line = `cert-authority ${readFileSync(`${authority}.pub`, "utf8")}`;
		writeFileSync(authorized, line, { flag: "a" });
		const warnings: string[] = [];
		const given = options(["IdentitiesOnly=yes"], {
			identities: [path],
			warn: (text) => warnings.push(text),
		});
		const connection = await connect(target(), given);
		expect(connection.transport).toBe("openssh");
		expect(warnings.join()).toContain("certified-cert.pub");
		expect(connection.authenticatedBy).toMatchObject({
			method: "publickey",
			key: { fingerprint: fingerprintOf(path), type: "ssh-ed25519-cert-v01@openssh.com" },
		});
		expect((await run(connection, ["echo", "in"])).text).toBe("in\n");
		await connection.close();
		expect(await codeOf(connect(target(), { ...given, transport: "ssh2" }))).toBe("SSH_AUTH");

		// An agent that holds it, and CertificateFile, lead to the same.
		const env = { ...process.env, SSH_AUTH_SOCK: agent.socket };
		execFileSync("ssh-add", ["-q", path], { env, stdio: "pipe" });
		const elsewhere = join(place.path, "elsewhere.pub");
		renameSync(`${path}-cert.pub`, elsewhere);
		for (const settings of [[`IdentityAgent=${agent.socket}`], [`CertificateFile=${elsewhere}`]]) {
			const identities = settings[0]?.startsWith("CertificateFile") ? [path] : [];
			const again = await connect(target(), options(settings, { identities }));
			expect(again.authenticatedBy).toMatchObject({
				method: "publickey",
				key: { fingerprint: fingerprintOf(path), type: "ssh-ed25519-cert-v01@openssh.com" },
			});
			await again.close();
		}
		execFileSync("ssh-add", ["-q", "-D"], { env, stdio: "pipe" });
	});

	test("a host vouched for by an authority takes the system's ssh", async () => {
		const authority = keygen(join(place.path, "host-ca"), "-t", "ed25519");
		const path = make("for-host-ca", "-t", "ed25519");
		const certified = await startSshd(place.path, {
			hostKeys: ["ed25519"],
			config: [`AuthorizedKeysFile ${authorized}`],
		});
		const key = certified.hostKey("ed25519");
		execFileSync("ssh-keygen", [
			...["-q", "-s", authority, "-I", "h", "-h", "-n", "127.0.0.1", `${key}.pub`],
		]);
		await certified.stop();
		const again = await startSshd(place.path, {
			hostKeys: ["ed25519"],
			config: [
				`AuthorizedKeysFile ${authorized}`,
				`HostKey ${key}`,
				`HostCertificate ${key}-cert.pub`,
			],
		});
		const knownAuthority = join(place.path, "known-authority");
		const [type, blob] = readFileSync(`${authority}.pub`, "utf8").split(" ");
		writeFileSync(knownAuthority, `@cert-authority [127.0.0.1]:* ${type} ${blob}\n`);
		const settings = [`UserKnownHostsFile=${knownAuthority}`, "GlobalKnownHostsFile=none"];
		const attempt = connect(`127.0.0.1:${again.port}`, {
			machine,
			configFile: "none",
			settings,
			identities: [path],
		});
		// The host's own key stands in no file here, and this sshd keeps its keys in no usual place.
		const error = await attempt.catch((caught) => caught);
		expect(error).toMatchObject({ code: "SSH_HANDSHAKE" });
		expect(error.message).toContain(fingerprintOf(key));
		await again.stop();
	});

	test("a server that only does post-quantum key exchange takes the system's ssh", async () => {
		const path = make("post-quantum", "-t", "ed25519");
		const modern = await startSshd(place.path, {
			config: [
				`AuthorizedKeysFile ${authorized}`,
				"KexAlgorithms sntrup761x25519-sha512@openssh.com",
			],
		});
		const file = join(place.path, "known-modern");
		writeFileSync(file, modern.knownLine());
		const warnings: string[] = [];
		const connection = await connect(`127.0.0.1:${modern.port}`, {
			machine,
			configFile: "none",
			settings: [`UserKnownHostsFile=${file}`],
			identities: [path],
			warn: (text) => warnings.push(text),
		});
		expect(connection.transport).toBe("openssh");
		expect(warnings.join()).toContain("using the system's ssh");
		await connection.close();
		await modern.stop();
	});

	describe.each(["ssh2", "openssh"] as const)("proxies by %s", (transport) => {
		let second: Sshd;
		let third: Sshd;
		let key: string;
		let config: string;
		beforeAll(async () => {
			const settings = { config: [`AuthorizedKeysFile ${authorized}`] };
			second = await startSshd(place.path, settings);
			third = await startSshd(place.path, settings);
			key = make(`jump-${transport}`, "-t", "ed25519");
			config = join(place.path, `jump-config-${transport}`);
			const file = join(place.path, `jump-known-${transport}`);
			writeFileSync(
				file,
				sshd.knownLine() + second.knownLine() + third.knownLine().replace(/^\S+/, "final"),
			);
			const block = (name: string, port: number, more = "") =>
				`Host ${name}\n  HostName 127.0.0.1\n  Port ${port}\n${more}`;
			writeFileSync(
				config,
				[
					block("one", sshd.port),
					block("two", second.port),
					block("final", third.port, "  HostKeyAlias final\n"),
					block("jumped", third.port, "  HostKeyAlias final\n  ProxyJump one,two\n"),
					block(
						"commanded",
						third.port,
						`  HostKeyAlias final\n  ProxyCommand ${process.execPath} ${place.path}/pipe.cjs %h %p\n`,
					),
					"Host *",
					`  IdentityFile ${key}`,
					"  IdentitiesOnly yes",
					`  UserKnownHostsFile ${file}`,
					"  GlobalKnownHostsFile none",
				].join("\n"),
				{ mode: 0o600 },
			);
			writeFileSync(
				join(place.path, "pipe.cjs"),
				`const s = require("node:net").connect(+process.argv[3], process.argv[2]);
				process.stdin.pipe(s).pipe(process.stdout); s.on("error", (e) => { console.error(String(e)); process.exit(1); });
				s.on("close", () => process.exit());`,
			);
		});
		afterAll(async () => {
			await second?.stop();
			await third?.stop();
		});

		test("a chain of jump hosts, each checked and logged in to", async () => {
			const connection = await connect("jumped", { machine, configFile: config, transport });
			expect((await run(connection, ["echo", "far"])).text).toBe("far\n");
			expect(connection.login.port).toBe(third.port);
			expect(connection.hostKey.fingerprint).toBe(fingerprintOf(third.hostKey("ed25519")));
			expect(connection.authenticatedBy).toMatchObject({
				method: "publickey",
				key: { fingerprint: fingerprintOf(key) },
			});
			expect(sshd.log()).toContain(`to 127.0.0.1 port ${second.port}`);
			expect(second.log()).toContain(`to 127.0.0.1 port ${third.port}`);
			await connection.close();
		});

		test("-J", async () => {
			const given = { machine, configFile: config, transport, jump: "two" };
			const connection = await connect("final", given);
			expect((await run(connection, ["echo", "far"])).text).toBe("far\n");
			await connection.close();
		});

		test("a jump host with an unknown key is refused", async () => {
			const settings = ["StrictHostKeyChecking=yes"];
			const file = join(place.path, `jump-unknown-${transport}`);
			writeFileSync(
				file,
				readFileSync(config, "utf8").replace(
					"Host one\n",
					"Host one\n  UserKnownHostsFile /dev/null\n",
				),
				{ mode: 0o600 },
			);
			const attempt = connect("jumped", { machine, configFile: file, transport, settings });
			expect(["SSH_HOST_KEY_UNKNOWN"]).toContain(await codeOf(attempt));
		});

		test("ProxyCommand", async () => {
			const connection = await connect("commanded", { machine, configFile: config, transport });
			expect((await run(connection, ["echo", "far"])).text).toBe("far\n");
			await connection.close();
		});

		test("an ssh as ProxyCommand asks through us, and breaking off ends the login", async () => {
			const locked = make(`locked-${transport}`, "-t", "ed25519");
			execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", passphrase, "-f", locked]);
			const hop = `-p ${sshd.port} -i ${locked} -o UserKnownHostsFile=${known} -o IdentitiesOnly=yes`;
			const settings = [`ProxyCommand=ssh -F none ${hop} -W %h:%p 127.0.0.1`];
			const given = { machine, configFile: config, transport, settings };
			const prompt = answering(passphrase);
			const connection = await connect("final", { ...given, prompt });
			expect(prompt.questions).toEqual([`Enter passphrase for key '${locked}': `]);
			expect((await run(connection, ["echo", "far"])).text).toBe("far\n");
			await connection.close();
			const broken: Prompt = {
				possible: true,
				ask: () => Promise.reject(Object.assign(new Error("off"), { code: "SSH_ABORTED" })),
			};
			expect(await codeOf(connect("final", { ...given, prompt: broken }))).toBe("SSH_ABORTED");
		});

		test("a ProxyCommand that fails is told with its own words", async () => {
			const settings = ["ProxyCommand=ls /nowhere-at-all", "HostKeyAlias=final"];
			const given = { machine, configFile: config, transport, settings };
			const error = await connect("final", given).catch((caught) => caught);
			expect(error.message).toContain("nowhere-at-all");
		});
	});
});

const root = process.getuid?.() === 0;
const lackingUsers = root ? missing("sshd", "useradd", "sudo") : "needs root to make users";

describe.skipIf(lackingUsers)(`logins of throwaway users ${lackingUsers}`, () => {
	const place = scratch();
	const people = users();
	const machine = operator(join(place.path, "home"));
	const known = join(place.path, "known_hosts");
	const key = keygen(join(place.path, "key"), "-t", "ed25519");
	let sshd: Sshd;

	const options = (more: ConnectOptions = {}): ConnectOptions => ({
		machine,
		configFile: "none",
		identities: [key],
		...more,
		settings: [
			`UserKnownHostsFile=${known}`,
			"GlobalKnownHostsFile=none",
			"IdentitiesOnly=yes",
			...(more.settings ?? []),
		],
	});
	const as = (user: User, more: ConnectOptions = {}) =>
		connect(`127.0.0.1:${sshd.port}`, options({ user: user.name, ...more }));

	beforeAll(async () => {
		sshd = await startSshd(people.folder, {
			authorized: [readFileSync(`${key}.pub`, "utf8")],
			config: ["UsePAM yes", "PasswordAuthentication yes", "KbdInteractiveAuthentication yes"],
		});
		writeFileSync(known, sshd.knownLine());
	});
	afterAll(async () => {
		await sshd?.stop();
		people.remove();
		place.remove();
	});

	describe("login shells", () => {
		const shells: readonly (readonly [string, () => string])[] = [
			["sh", () => "/bin/sh"],
			["bash", () => "/bin/bash"],
			["fish", () => find("fish") ?? ""],
			["zsh", () => find("zsh") ?? ""],
			["tcsh", () => find("tcsh") ?? ""],
			[
				"busybox ash",
				() => {
					const path = join(people.folder, "ash");
					if (!existsSync(path)) symlinkSync(find("busybox") ?? "", path);
					return path;
				},
			],
		];
		const without = missing("fish", "zsh", "tcsh", "busybox");
		test.skipIf(without).each(shells)("%s takes every word as it is", async (_name, shell) => {
			const user = people.add(shell());
			const connection = await as(user);
			const words = [
				"a@b",
				"_%x",
				"+1",
				"a=b",
				"b:c",
				"d,e",
				"/f/./g",
				"-h",
				"A=B=C",
				"--x=/y",
				"@",
			];
			const echoed = await run(connection, ["/bin/echo", ...words]);
			expect(echoed).toMatchObject({ code: 0, text: `${words.join(" ")}\n` });
			const path = join(user.home, "up");
			for (const by of ["sftp", "channel"] as const) {
				const bytes = Buffer.alloc(100_000, by);
				const source = {
					size: bytes.length,
					async *read(offset: number) {
						yield bytes.subarray(offset);
					},
				};
				const sent = await connection.upload(source, path, { by, mode: 0o700 });
				expect(sent.verified).toBe(true);
				expect(readFileSync(path).equals(bytes)).toBe(true);
			}
			await connection.close();
		});
	});

	describe.each(["ssh2", "openssh"] as const)("passwords by %s", (transport) => {
		test.each(["password", "keyboard-interactive"])(
			"%s, asked again after a wrong one",
			async (method) => {
				const user = people.add("/bin/sh");
				const prompt = answering("wrong", user.password);
				const settings = [`PreferredAuthentications=${method}`];
				const logged: string[] = [];
				const log = (line: string) => void logged.push(line);
				const given = { prompt, settings, transport, log, warn: log };
				const connection = await as(user, given);
				expect(connection.authenticatedBy).toEqual({ method });
				expect(prompt.questions).toHaveLength(2);
				await connection.close();
				expect(logged.length).toBeGreaterThan(0);
				expect(logged.join("\n")).not.toContain(user.password);
				// Taken up again, nobody is asked a second time.
				const again = await as(user, given);
				expect(prompt.questions).toHaveLength(2);
				await again.close();
			},
		);

		test("breaking off a question ends the login", async () => {
			const user = people.add("/bin/sh");
			let asked = 0;
			const prompt: Prompt = {
				possible: true,
				ask: () => {
					asked++;
					return Promise.reject(Object.assign(new Error("broken off"), { code: "SSH_ABORTED" }));
				},
			};
			const settings = ["PreferredAuthentications=keyboard-interactive,password"];
			expect(await codeOf(as(user, { prompt, settings, transport }))).toBe("SSH_ABORTED");
			expect(asked).toBe(1);
		});

		test("nobody to ask: an error, and no attempt", async () => {
			const user = people.add("/bin/sh");
			const settings = ["PreferredAuthentications=password,keyboard-interactive"];
			expect(await codeOf(as(user, { settings, transport }))).toBe("SSH_AUTH");
			expect(sshd.log()).not.toContain(`Failed password for ${user.name}`);
		});

		test("key and password both, where the server wants both", async () => {
			const both = await startSshd(people.folder, {
				authorized: [readFileSync(`${key}.pub`, "utf8")],
				config: ["PasswordAuthentication yes", "AuthenticationMethods publickey,password"],
			});
			const user = people.add("/bin/sh");
			const file = join(place.path, `both-${transport}`);
			writeFileSync(file, both.knownLine());
			const prompt = answering(user.password);
			const connection = await connect(`127.0.0.1:${both.port}`, {
				...options({ user: user.name, prompt, transport }),
				settings: [`UserKnownHostsFile=${file}`, "IdentitiesOnly=yes"],
			});
			expect((await run(connection, ["id", "-un"])).text.trim()).toBe(user.name);
			expect(connection.authenticatedBy).toMatchObject({ method: "publickey", source: key });
			await connection.close();
			await both.stop();
		});
	});

	describe("becoming root", () => {
		const rules: string[] = [];
		const sudoer = (user: User, ...lines: string[]) => {
			const path = `/etc/sudoers.d/${user.name}`;
			writeFileSync(path, `${lines.join("\n").replaceAll("USER", user.name)}\n`, { mode: 0o440 });
			rules.push(path);
		};
		afterAll(() => {
			for (const path of rules) rmSync(path, { force: true });
		});

		/** A root shell's worth of proof: who it is, and that bytes pass unchanged both ways. */
		const proof = async (connection: Awaited<ReturnType<typeof as>>, prompt?: Prompt) => {
			const elevated = await elevate(connection, prompt === undefined ? {} : { prompt });
			const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256));
			const channel = await elevated.exec(["head", "-c", String(bytes.length)]);
			channel.stdin.write(bytes);
			const parts: Buffer[] = [];
			for await (const chunk of channel.stdout) parts.push(chunk as Buffer);
			expect(Buffer.concat(parts).equals(bytes)).toBe(true);
			expect((await channel.exit).code).toBe(0);
			expect((await run(elevated, ["false"])).code).toBe(1);
			return elevated.how;
		};

		test("a root login needs nothing", async () => {
			const connection = await connect(`127.0.0.1:${sshd.port}`, options());
			expect(await proof(connection)).toBe("root");
			await connection.close();
		});

		test("sudo without a password", async () => {
			const user = people.add("/bin/sh");
			sudoer(user, "USER ALL=(ALL) NOPASSWD: ALL");
			const connection = await as(user);
			expect(await proof(connection)).toBe("sudo -n");
			await connection.close();
		});

		test.each(["ssh2", "openssh"] as const)(
			"sudo with a password and its lecture, by %s",
			async (transport) => {
				const user = people.add("/bin/sh");
				sudoer(user, "Defaults:USER lecture=always", "USER ALL=(ALL) ALL");
				const connection = await as(user, { transport });
				const prompt = answering("wrong", user.password);
				expect(await proof(connection, prompt)).toBe("sudo with a password");
				expect(prompt.questions).toHaveLength(2);
				await connection.close();
			},
		);

		test("a password that sudo takes, but for nothing", async () => {
			const user = people.add("/bin/sh");
			const connection = await as(user);
			const prompt = answering(user.password);
			expect(await codeOf(elevate(connection, { prompt }))).toBe("SSH_ELEVATE");
			expect(prompt.questions).toHaveLength(1);
			await connection.close();
		});

		test("sudo that insists on a terminal", async () => {
			const user = people.add("/bin/sh");
			sudoer(user, "Defaults:USER requiretty", "USER ALL=(ALL) NOPASSWD: ALL");
			const connection = await as(user);
			expect(await proof(connection)).toBe("sudo -n on a terminal");
			await connection.close();
		});

		test("sudo that insists on a terminal and a password", async () => {
			const user = people.add("/bin/sh");
			sudoer(user, "Defaults:USER requiretty, lecture=always", "USER ALL=(ALL) ALL");
			const connection = await as(user);
			const prompt = answering(user.password);
			expect(await proof(connection, prompt)).toBe("sudo with a password on a terminal");
			expect(prompt.questions).toHaveLength(1);
			await connection.close();
		});

		test("sudo with a terminal of its own for commands", async () => {
			const user = people.add("/bin/sh");
			sudoer(user, "Defaults:USER use_pty", "USER ALL=(ALL) ALL");
			const connection = await as(user);
			expect(await proof(connection, answering(user.password))).toBe("sudo with a password");
			await connection.close();
		});

		const doas = "/etc/doas.conf";
		const noDoas = missing("doas") || (existsSync(doas) ? `${doas} is in use` : "");
		test.skipIf(noDoas)(`doas ${noDoas}`, async () => {
			const free = people.add("/bin/sh");
			const asked = people.add("/bin/sh");
			rules.push(doas);
			writeFileSync(doas, `permit nopass ${free.name}\npermit ${asked.name}\n`, { mode: 0o400 });
			const first = await as(free);
			expect(await proof(first)).toBe("doas -n");
			await first.close();
			const second = await as(asked);
			const prompt = answering(asked.password);
			expect(await proof(second, prompt)).toBe("doas with a password on a terminal");
			expect(prompt.questions).toHaveLength(1);
			await second.close();
		});

		test("no way at all, and a wrong password to the end", async () => {
			const user = people.add("/bin/sh");
			const connection = await as(user);
			expect(await codeOf(elevate(connection, { prompt: answering("a", "b", "c") }))).toBe(
				"SSH_ELEVATE",
			);
			await connection.close();
		});
	});
});
