import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { find, missing } from "../../test/support/programs.ts";
import type { Answer, OperatorSetup, Order } from "./operator.ts";

/** What a link is like. */
export interface Shape {
	/** Mbit/s on the line, headers and Ethernet's own bytes counted. */
	readonly rate: number;
	/** Milliseconds there and back. */
	readonly roundTrip: number;
}

/** Counted on the line since it was made. */
export interface Counters {
	/** Bytes towards the target. */
	readonly sent: number;
	readonly received: number;
	/** Packets that did not fit the queue. */
	readonly dropped: number;
}

/** An operator and a target with sshd, each in a network of its own, and the wire between. */
export interface Link {
	order(order: Order): Promise<Answer>;
	counters(): Promise<Counters>;
	close(): void;
}

const [operatorEnd, targetEnd] = ["192.0.2.1", "192.0.2.2"];
/** Of the discard protocol. */
const sinkPort = 9;

/** Why there can be no such link here. Empty: there can. */
export function noLink(): string {
	if (process.getuid?.() !== 0) return "needs root, for namespaces of the network";
	return missing("clang", "sshd", "ssh", "ssh-keygen", "nsenter", "unshare", "setpriv", "ip");
}

/** Child processes of a link, ended with it. */
class Household {
	readonly #children: ChildProcess[] = [];

	start(words: readonly string[], stdio: "ignore" | "pipe" | "ipc" = "ignore"): ChildProcess {
		// None of them outlives this process, however that ends.
		const child = spawn("setpriv", ["--pdeathsig", "KILL", ...words], {
			stdio:
				stdio === "ipc"
					? ["ignore", "inherit", "inherit", "ipc"]
					: [stdio === "ignore" ? "ignore" : "pipe", stdio, "inherit"],
		});
		this.#children.push(child);
		return child;
	}

	end(): void {
		for (const child of this.#children.reverse()) child.kill("SIGKILL");
	}
}

/** Linux's usual limits of TCP, whatever this machine has (its congestion control stays: a namespace may not choose); nothing is remembered from one connection to the next. */
const tcp: Readonly<Record<string, string>> = {
	tcp_wmem: "4096 16384 4194304",
	tcp_rmem: "4096 131072 6291456",
	tcp_no_metrics_save: "1",
};

/** Makes a link of this shape, with a target behind it that takes the bytes of this image. */
export async function makeLink(scratch: string, shape: Shape, image: string): Promise<Link> {
	const household = new Household();
	try {
		const folder = join(scratch, `link-${shape.rate}-${shape.roundTrip}`);
		mkdirSync(folder, { recursive: true, mode: 0o700 });
		const wire = join(folder, "wire");
		const source = fileURLToPath(new URL("./wire.c", import.meta.url));
		execFileSync("clang", ["-O2", "-o", wire, source], { stdio: ["ignore", "inherit", "inherit"] });
		const operator = (await namespaces(household, "--net")).net;
		const { net: target, mount } = await namespaces(household, "--net", "--mount");
		// No greeting of this machine's own user stands between sshd and a command.
		execFileSync("nsenter", [`--mount=${mount}`, "--", "mount", "-t", "tmpfs", "tmpfs", "/root"]);
		// A router's queue: a hundred milliseconds of the rate, and no less than 256 KiB, what one burst of TCP has.
		const queue = Math.max(256 * 1024, Math.round((shape.rate * 1e6 * 0.1) / 8));
		const cable = household.start(
			[wire, operator, target, `${shape.rate}`, `${shape.roundTrip * 500}`, `${queue}`],
			"pipe",
		);
		const said = lines(cable);
		await said();
		configure(operator, operatorEnd, targetEnd);
		configure(target, targetEnd, operatorEnd);
		const setup = await startTarget(
			household,
			folder,
			[...enter(target), `--mount=${mount}`],
			image,
		);
		const worker = household.start(
			[
				...enter(operator),
				...[process.execPath, "--import", "tsx"],
				fileURLToPath(new URL("./operator.ts", import.meta.url)),
				JSON.stringify(setup),
			],
			"ipc",
		);
		await answerOf(worker);
		return {
			async order(order) {
				const answer = answerOf(worker);
				worker.send(order);
				const found = await answer;
				if (found.error !== undefined) throw new Error(`${order}: ${found.error}`);
				return found;
			},
			async counters() {
				cable.stdin?.write("?\n");
				const [sent = 0, received = 0, dropped = 0] = (await said()).split(" ").map(Number);
				return { sent, received, dropped };
			},
			close: () => household.end(),
		};
	} catch (error) {
		household.end();
		throw error;
	}
}

/** New namespaces, by the paths that lead to them; they last as long as their process. */
async function namespaces(
	household: Household,
	...kinds: readonly string[]
): Promise<{ net: string; mount: string }> {
	const holder = household.start(["unshare", ...kinds, "--", "cat"], "pipe");
	const said = lines(holder);
	holder.stdin?.write("made\n");
	await said();
	return { net: `/proc/${holder.pid}/ns/net`, mount: `/proc/${holder.pid}/ns/mnt` };
}

function enter(network: string): string[] {
	return ["nsenter", `--net=${network}`];
}

function within(network: string, words: readonly string[], input = ""): void {
	const [program = "", ...args] = [...enter(network), ...words];
	execFileSync(program, args, { input, stdio: ["pipe", "ignore", "inherit"] });
}

function configure(network: string, own: string, other: string): void {
	for (const [name, value] of Object.entries(tcp)) {
		within(network, ["tee", `/proc/sys/net/ipv4/${name}`], value);
	}
	within(network, ["ip", "link", "set", "lo", "up"]);
	within(network, ["ip", "address", "add", own, "peer", other, "dev", "wire"]);
	within(network, ["ip", "link", "set", "wire", "up", "txqueuelen", "10000"]);
}

/** sshd with a key of its own, and a port that swallows. */
async function startTarget(
	household: Household,
	folder: string,
	entering: readonly string[],
	image: string,
): Promise<OperatorSetup> {
	const file = (name: string): string => join(folder, name);
	for (const name of ["host", "login"]) {
		execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file(name)]);
	}
	const hostKey = readFileSync(file("host.pub"), "utf8").split(" ").slice(0, 2).join(" ");
	writeFileSync(file("known_hosts"), `${targetEnd} ${hostKey}\n`);
	writeFileSync(
		file("config"),
		[
			`UserKnownHostsFile ${file("known_hosts")}`,
			"GlobalKnownHostsFile /dev/null",
			"StrictHostKeyChecking yes",
			`IdentityFile ${file("login")}`,
			"IdentitiesOnly yes",
			"IdentityAgent none",
			"",
		].join("\n"),
	);
	writeFileSync(
		file("sshd_config"),
		[
			`ListenAddress ${targetEnd}`,
			`HostKey ${file("host")}`,
			`AuthorizedKeysFile ${file("login.pub")}`,
			"PidFile none",
			"StrictModes no",
			"UsePAM no",
			"PermitRootLogin yes",
			"Subsystem sftp internal-sftp",
			"",
		].join("\n"),
	);
	mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
	household.start([
		...entering,
		...[find("sshd") ?? "sshd", "-D", "-e", "-o", "LogLevel=ERROR", "-f", file("sshd_config")],
	]);
	const swallow = `require("node:net").createServer((s) => {
		s.setNoDelay(true); s.on("error", () => {}); s.resume(); s.on("end", () => s.write("."));
	}).listen({ host: "${targetEnd}", port: ${sinkPort} }, () => console.log("ready"))`;
	const swallower = household.start([...entering, process.execPath, "-e", swallow], "pipe");
	await lines(swallower)();
	return {
		image,
		address: targetEnd,
		sink: sinkPort,
		config: file("config"),
		key: file("login.pub"),
	};
}

/** What a process says, a line at a time. */
function lines(child: ChildProcess): () => Promise<string> {
	if (child.stdout === null) throw new Error("a pipe was asked for");
	const reader = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
	return async () => {
		const { value, done } = await reader.next();
		if (done) throw new Error(`${child.spawnfile} ended`);
		return value;
	};
}

function answerOf(worker: ChildProcess): Promise<Answer> {
	return new Promise((resolve, reject) => {
		const left = (): void => reject(new Error("the operator's process ended"));
		worker.once("exit", left);
		worker.once("message", (answer) => {
			worker.removeListener("exit", left);
			resolve(answer as Answer);
		});
	});
}
