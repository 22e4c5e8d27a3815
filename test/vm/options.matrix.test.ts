import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { program } from "../../src/cli/program.ts";
import type { RescuePlan } from "../../src/rescue/index.ts";
import { type Connection, connect, run, waitForSsh } from "../../src/ssh/index.ts";
import { type RunningVictim, victimNetwork } from "../../src/vm/index.ts";
import { fromSnapshot } from "./cases.ts";
import { noVictim, shell, testIo, traces, tracesAfter } from "./lab.ts";

const lacking = await noVictim("qemu-img");

/** The options of the command, each by what it does to a running Debian 12. */
describe.skipIf(lacking)(`options of ekexec host ${lacking}`, () => {
	let victim: RunningVictim;
	let folder: string;

	fromSnapshot("bookworm", (running) => {
		victim = running;
	});
	beforeAll(async () => {
		folder = await mkdtemp(join(tmpdir(), "ekexec-options-"));
	});
	afterAll(() => rm(folder, { recursive: true, force: true }));

	/** Runs `ekexec` with these words and the options of the login. */
	async function ekexec(...words: string[]) {
		const io = testIo();
		const { port, configFile = "", identities = [], settings = [] } = victim.login;
		const [command = "", ...rest] = words;
		const login = ["-p", String(port), "-F", configFile];
		for (const identity of identities) login.push("-i", identity);
		for (const setting of settings) login.push("-o", setting);
		const argv = [command, "root@127.0.0.1", ...login, ...rest];
		const code = await program(argv, io).catch((error: { exitCode?: number; message: string }) => {
			io.stderr.write(`${error.message}\n`);
			return error.exitCode;
		});
		// What was written last arrives in its turn.
		await new Promise((resolve) => setImmediate(resolve));
		return { code, out: io.out(), talk: io.talk() };
	}

	function planIn(out: string): RescuePlan {
		const events = out
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line));
		return events.find(({ event }) => event === "plan").plan;
	}

	/** A login on the rescue system: whatever answers with another boot id. */
	async function inRescue<T>(
		bootId: string,
		hostKey: Connection["hostKey"],
		act: (connection: Connection) => Promise<T>,
	): Promise<T> {
		const connection = await waitForSsh("root@127.0.0.1", {
			...victim.login,
			expectHostKey: hostKey,
			deadline: 540_000,
			accept: async (candidate) => (await bootIdOf(candidate)) !== bootId,
		});
		try {
			return await act(connection);
		} finally {
			await connection.close();
		}
	}

	async function before() {
		const connection = await connect("root@127.0.0.1", victim.login);
		const known = { bootId: await bootIdOf(connection), hostKey: connection.hostKey };
		await connection.close();
		return known;
	}

	/** A file that stays in the victim's memory for as long as nobody calls sync. */
	const unwritten = `mount -o remount,commit=3600 /
		sysctl -qw vm.dirty_writeback_centisecs=0 vm.dirty_expire_centisecs=360000
		sync
		echo kept >/root/dirty`;
	const readBack = "mount -t ext4 -o ro /dev/vda /mnt; cat /mnt/root/dirty";

	test("--modules: for this target less than for any; check says so and changes nothing", async () => {
		const untouched = await traces(victim);
		const target = await ekexec("check", "--json", "--modules", "target");
		const generic = await ekexec("check", "--json", "--modules", "generic");
		expect([target.code, generic.code]).toEqual([0, 0]);
		const sizes = [target, generic].map(({ out }) => planIn(out).image.sizes.initrd);
		expect(sizes[0]).toBeLessThan(sizes[1] ?? 0);
		expect(await tracesAfter(victim, untouched)).toEqual(untouched);
	});

	test("--load-only, --dump-network, then abort: loaded, told, unloaded; a second abort has nothing to do", async () => {
		const untouched = await traces(victim);
		const words = ["--load-only", "--yes", "--modules", "target", "--dump-network", folder];
		const { code, talk } = await ekexec("host", ...words);
		expect(talk).toContain("ekexec abort root@127.0.0.1 unloads it");
		expect(code).toBe(0);
		const loaded = { ...untouched, loaded: "1" };
		expect(await tracesAfter(victim, loaded)).toEqual(loaded);
		expect(await ekexec("abort")).toMatchObject({ code: 0, talk: "Unloaded.\n" });
		expect(await tracesAfter(victim, untouched)).toEqual(untouched);
		expect(await ekexec("abort")).toMatchObject({ code: 0, talk: "Nothing was loaded.\n" });
		const dumped = async (name: string) => readFile(join(folder, name), "utf8");
		expect(await dumped("emergency_ips")).toContain(`${victimNetwork.address}/24`);
		expect(await dumped("emergency_routes")).toContain(victimNetwork.gateway);
		expect(await dumped("emergency_nameservers")).toContain(victimNetwork.nameserver);
	});

	test("without --yes and without a terminal: exit code 2, nothing sent", async () => {
		const untouched = await traces(victim);
		const { code, talk } = await ekexec("host");
		expect(code).toBe(2);
		expect(talk).toContain("--yes");
		expect(talk).not.toContain("stage:");
		expect(await tracesAfter(victim, untouched)).toEqual(untouched);
	});

	test("--no-wait: back at once, the rescue system comes up by itself; without --sync nothing more was written", async () => {
		const { bootId, hostKey } = await before();
		await shell(victim, unwritten);
		const { code, talk } = await ekexec("host", "--yes", "--modules", "target", "--no-wait");
		expect(code).toBe(0);
		expect(talk).not.toContain("The rescue system answers");
		await inRescue(bootId, hostKey, async (connection) => {
			const { code: found } = await sh(connection, readBack);
			expect(found).not.toBe(0);
		});
	});

	test("--sync and a --timeout that is too short: exit code 5 with likely causes; what was unwritten is on the disk", async () => {
		const { bootId, hostKey } = await before();
		await shell(victim, unwritten);
		const words = ["--yes", "--modules", "target", "--sync", "--timeout", "3"];
		const { code, talk } = await ekexec("host", ...words);
		expect(code).toBe(5);
		expect(talk).toMatch(/did not answer within \d+ s/);
		expect(talk).toMatch(/1\. it needs longer than \d+ s to boot/);
		await inRescue(bootId, hostKey, async (connection) => {
			expect(await sh(connection, readBack)).toMatchObject({ code: 0, text: "kept\n" });
		});
	});

	test("--via systemd: services are stopped first; no host keys where sshd's configuration says: a new one, proven by the nonce and told", async () => {
		const { hostKey } = await before();
		await shell(
			victim,
			`mkdir -p /run/keys /run/systemd/system/ssh.service.d
			mv /etc/ssh/ssh_host_* /run/keys
			printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/sshd -D -h /run/keys/ssh_host_ed25519_key\\n' >/run/systemd/system/ssh.service.d/keys.conf
			systemctl daemon-reload
			systemctl restart ssh
			printf '[Service]\\nType=oneshot\\nRemainAfterExit=yes\\nExecStart=/bin/true\\nExecStop=/bin/bash -c "echo stopped in order >/dev/ttyS0"\\n' >/run/systemd/system/last.service
			systemctl start last.service`,
		);
		const words = ["--yes", "--json", "--modules", "target", "--via", "systemd"];
		const { code, out, talk } = await ekexec("host", ...words);
		expect(talk).toMatch(/Its host key is new: ssh-ed25519 SHA256:/);
		expect(code).toBe(0);
		expect(victim.vm.console.text).toContain("stopped in order");
		const plan = planIn(out);
		expect(plan.hostKeys).toEqual([]);
		expect(plan.checks.find(({ id }) => id === "host-keys")?.verdict).toBe("warning");
		// Whoever knows the old key is told that this is another one.
		const old = connect("root@127.0.0.1", { ...victim.login, expectHostKey: hostKey });
		await expect(old).rejects.toMatchObject({ code: "SSH_HOST_KEY_CHANGED" });
	});
});

async function bootIdOf(connection: Connection): Promise<string> {
	const path = "/proc/sys/kernel/random/boot_id";
	return (await run(connection, ["cat", path], { deadline: 60_000 })).text.trim();
}

async function sh(connection: Connection, script: string) {
	async function* input(): AsyncGenerator<Uint8Array> {
		yield new TextEncoder().encode(`${script}\n`);
	}
	return run(connection, ["bash", "-s"], { input: input(), deadline: 60_000 });
}
