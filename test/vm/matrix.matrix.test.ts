import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import type { Image } from "../../src/image/index.ts";
import { check, host } from "../../src/rescue/index.ts";
import { noPrompt } from "../../src/ssh/index.ts";
import { breakRoot, type RunningVictim } from "../../src/vm/index.ts";
import { answering } from "../ssh/support.ts";
import { fromSnapshot, loads, noexec, refused } from "./cases.ts";
import {
	asRoot,
	helpers,
	noVictim,
	rescueImage,
	rescueOptions,
	shell,
	traces,
	tracesAfter,
} from "./lab.ts";
import { Relay } from "./relay.ts";

const lacking = await noVictim("qemu-img");
const child = fileURLToPath(new URL("./operator.child.ts", import.meta.url));
const sshConfig = "/etc/ssh/sshd_config";
const restartSshd = "systemctl restart ssh";

/** Each case starts from the same running Debian 12; what it shows stands in its name. */
describe.skipIf(lacking)(`a healthy bookworm victim ${lacking}`, () => {
	let victim: RunningVictim;
	fromSnapshot("bookworm", (running) => {
		victim = running;
	});

	describe("refusals: exit code 3, nothing sent, nothing left", () => {
		test("kexec_load_disabled=1", async () => {
			await shell(victim, "sysctl -qw kernel.kexec_load_disabled=1");
			const image = () => Promise.reject(new Error("nothing is to be built for a refusal"));
			expect(await refused(victim, "RESCUE_REFUSED", { image })).toContain("kexec_load_disabled");
		});

		test("every place of the helper noexec or read-only", async () => {
			await shell(victim, noexec("/dev/shm", "/run", "/tmp"));
			await breakRoot(victim);
			expect(await refused(victim, "RESCUE_NO_PLACE")).toContain("/var/tmp");
		});

		test("another kernel is loaded already, and stays so", async () => {
			await host("root@127.0.0.1", await rescueOptions(victim, { until: "load" }));
			expect(await refused(victim, "RESCUE_REFUSED")).toContain("already loaded");
		});
	});

	describe("logins: the kernel gets loaded, and unloaded without a trace", () => {
		test("root", async () => {
			expect((await loads(victim)).plan.method).toBe("kexec_file_load");
		});

		test("sudo without a password", async () => {
			await loads(victim, "admin@127.0.0.1");
		});

		test("sudo with a password, asked for once", async () => {
			const prompt = answering("victim", "victim");
			await loads(victim, "carol@127.0.0.1", { prompt });
			// One login rescues, another one unloads: the password is not asked for again.
			expect(prompt.questions).toHaveLength(1);
		});

		test("a password that nobody is there to give: failed, nothing left", async () => {
			const before = await traces(victim);
			const options = await rescueOptions(victim, { prompt: noPrompt });
			const rescue = host("carol@127.0.0.1", options);
			await expect(rescue).rejects.toMatchObject({ code: "SSH_ELEVATE" });
			expect(options.done()).toEqual([]);
			expect(await tracesAfter(victim, before)).toEqual(before);
		});

		test("fish as login shell", async () => {
			await loads(victim, "fisher@127.0.0.1");
		});

		test("busybox ash as login shell", async () => {
			await loads(victim, "ashley@127.0.0.1");
		});

		test("no sftp subsystem", async () => {
			await shell(victim, `sed -i /^Subsystem/d ${sshConfig} && ${restartSshd}`);
			await loads(victim);
		});
	});

	describe("places of the helper", () => {
		/** Where the helper ran, as the victim's list of processes tells it. */
		const placed: string[] = [];
		const image = async (): Promise<Image> => {
			placed.push(await asRoot(victim, (say) => helpers(say)));
			return rescueImage();
		};
		beforeEach(() => {
			placed.length = 0;
		});

		const places = [
			["/dev/shm when it can be", [], "/dev/shm"],
			["/dev/shm noexec: /run", ["/dev/shm"], "/run"],
			["/dev/shm and /run noexec: /tmp", ["/dev/shm", "/run"], "/tmp"],
		] as const;
		test.each(places)("%s", async (_name, spoilt, expected) => {
			if (spoilt.length > 0) await shell(victim, noexec(...spoilt));
			const before = await traces(victim);
			const options = await rescueOptions(victim, { image });
			expect((await check("root@127.0.0.1", options)).plan.refused).toBe(false);
			expect(placed.join().split(".ekexec-")[0]).toBe(`${expected}/`);
			expect(await tracesAfter(victim, before)).toEqual(before);
		});

		test("/dev/shm, /run and /tmp noexec: /var/tmp, and loaded", async () => {
			await shell(victim, noexec("/dev/shm", "/run", "/tmp"));
			await loads(victim, "root@127.0.0.1", { image });
			expect(placed.join().split(".ekexec-")[0]).toBe("/var/tmp/");
		});

		test("full disk and full /dev/shm: /run, and loaded", async () => {
			await shell(
				victim,
				`mount -t tmpfs -o size=16k tmpfs /dev/shm
				fallocate -l "$(df --output=avail -B1 / | tail -1)" /var/tmp/full
				for d in /dev/shm /var/tmp; do dd if=/dev/zero of=$d/rest bs=4k status=none || :; done
				! dd if=/dev/zero of=/root/more bs=4k count=1 status=none`,
			);
			await loads(victim, "root@127.0.0.1", { image });
			expect(placed.join().split(".ekexec-")[0]).toBe("/run/");
		});
	});

	describe("connections that are lost", () => {
		test("cut during the upload: it goes on where it broke off", async () => {
			await using relay = await Relay.to(victim.port);
			const { image } = { image: await rescueImage() };
			const size = image.layers.reduce((sum, layer) => sum + layer.size, image.kernel.size);
			let cuts = 0;
			const result = await loads(victim, "root@127.0.0.1", {
				connect: { ...victim.login, port: relay.port },
				report(event) {
					if (event.event !== "progress" || event.done < (event.total * (cuts + 1)) / 3) return;
					cuts += 1;
					if (cuts <= 2) relay.cut();
				},
			});
			expect(cuts).toBeGreaterThan(1);
			expect(result.remarks).toContain("taken up where it broke off");
			expect(relay.connections).toBeGreaterThan(2);
			// Sent once, but for what was on its way when it was cut.
			expect(relay.sent).toBeLessThan(size * 1.5);
		});

		test("cut with the order to jump on its way, back too late: failed, the target as it was", async () => {
			const before = await traces(victim);
			await using relay = await Relay.to(victim.port);
			const options = await rescueOptions(victim, {
				connect: { ...victim.login, port: relay.port },
				keep: 10,
				report(event) {
					if (event.event !== "step" || event.step !== "load" || event.state !== "done") return;
					relay.closed = true;
					relay.cut();
					setTimeout(() => {
						relay.closed = false;
					}, 20_000);
				},
			});
			const rescue = host("root@127.0.0.1", options);
			await expect(rescue).rejects.toMatchObject({ code: "RESCUE_LOST", exitCode: 4 });
			expect(options.done()).toContain("load");
			expect(await tracesAfter(victim, before)).toEqual(before);
		});

		test("cut with the order to jump on its way, and never back: exit code 5, the target as it was", async () => {
			const before = await traces(victim);
			await using relay = await Relay.to(victim.port);
			const options = await rescueOptions(victim, {
				connect: { ...victim.login, port: relay.port },
				keep: 5,
				timeout: 5000,
				report(event) {
					if (event.event !== "step" || event.step !== "load" || event.state !== "done") return;
					relay.closed = true;
					relay.cut();
				},
			});
			const rescue = host("root@127.0.0.1", options);
			await expect(rescue).rejects.toMatchObject({ code: "RESCUE_DEADLINE", exitCode: 5 });
			expect(await tracesAfter(victim, before)).toEqual(before);
		});

		test("interrupted while sending: failed, the target as it was, without waiting for another connection", async () => {
			const before = await traces(victim);
			const interrupt = new AbortController();
			const options = await rescueOptions(victim, {
				signal: interrupt.signal,
				report(event) {
					if (event.event === "progress" && event.done > event.total / 3) interrupt.abort();
				},
			});
			await expect(host("root@127.0.0.1", options)).rejects.toThrow();
			expect(await tracesAfter(victim, before)).toEqual(before);
		});
	});

	describe("operator killed (-9): the victim runs on, nothing is left behind", () => {
		const moments = [
			["before the probe", "probe", { loaded: "0" }, 0],
			["before the plan", "plan", { loaded: "0" }, 1],
			["before the question", "ask", { loaded: "0" }, 1],
			["in the middle of the upload", "stage 30", { loaded: "0" }, 1],
			["before the identity is assembled", "assemble", { loaded: "0" }, 1],
			["before the load", "load", { loaded: "0" }, 1],
			// The helper, and the guard that unloads should the helper be killed as well.
			["between load and jump", "jump", { loaded: "1" }, 2],
		] as const;
		test.each(moments)("%s", async (_name, at, expected, running) => {
			const before = await traces(victim);
			const { prompt: _prompt, ...login } = victim.login;
			const image = (await rescueImage()).directory;
			const words = ["--import", "tsx", child, JSON.stringify({ login, image, at })];
			const operator = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
			try {
				await firstLine(operator, at);
				const meanwhile = await traces(victim);
				expect(meanwhile).toMatchObject({ ...expected, files: "" });
				expect(meanwhile.processes.split("\n").filter(Boolean)).toHaveLength(running);
			} finally {
				operator.kill("SIGKILL");
			}
			expect(await tracesAfter(victim, before)).toEqual(before);
		});
	});
});

/** Waits until the child says where it stands. */
async function firstLine(operator: ChildProcess, line: string): Promise<void> {
	let said = "";
	for await (const chunk of operator.stdout ?? []) {
		said += String(chunk);
		if (said.includes(`${line}\n`)) return;
	}
	throw new Error(`the operator ended before ${line}: ${said}`);
}
