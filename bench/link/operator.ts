// The operator's end of the link: a process in its network namespace, told over IPC what to do next.
// Argument: JSON of OperatorSetup. Answers each order with how long it took, or why it did not work.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { performance } from "node:perf_hooks";
import { about } from "../../src/cli/host-run.ts";
import { type Image, openImage, readDrivers } from "../../src/image/index.ts";
import { deliver } from "../../src/rescue/deliver.ts";
import { identityOf } from "../../src/rescue/identity.ts";
import {
	chooseLayers,
	helperOf,
	imageTraits,
	openSession,
	planRescue,
	probe,
} from "../../src/rescue/index.ts";
import { loginKnown } from "../../src/rescue/session.ts";
import { stagedFiles } from "../../src/rescue/stage.ts";
import { type Delivery, keepSeconds } from "../../src/rescue/take-up.ts";
import { noPrompt } from "../../src/ssh/index.ts";
import { ofChildren } from "../frame/processor.ts";

export interface OperatorSetup {
	/** Folder of the image. */
	readonly image: string;
	/** Address of the other end. */
	readonly address: string;
	/** Port where whatever comes is read and, at its end, one byte is answered. */
	readonly sink: number;
	/** ssh's own options for a login at the other end: an empty configuration, a key, known hosts. */
	readonly config: string;
	/** The public half of that key. */
	readonly key: string;
}

export type Order = "tcp" | "ssh" | "ekexec" | "ekexec by ssh";

export interface Answer {
	readonly error?: string;
	/** Milliseconds since the order at which each step was done. */
	readonly steps: Readonly<Record<string, number>>;
	/** Seconds of processor time of the operator, its ssh included. */
	readonly processor: number;
}

const setup = JSON.parse(process.argv[2] ?? "{}") as OperatorSetup;
const image = await openImage(setup.image);
const target = `root@${setup.address}`;

/** What a rescue of this kind of machine sends. */
function filesOf(found: Image): string[] {
	return [found.kernel, ...found.layers].map(({ path }) => path);
}

async function* content(): AsyncGenerator<Buffer> {
	for (const path of filesOf(image)) {
		yield* createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>;
	}
}

/** The bytes alone, over TCP: what the link allows. */
async function bare(): Promise<void> {
	const socket = connectTcp({ host: setup.address, port: setup.sink, noDelay: true });
	const over = new Promise<void>((resolve, reject) => {
		socket.once("error", reject);
		socket.once("data", () => resolve());
	});
	for await (const chunk of content()) {
		if (!socket.write(chunk)) await new Promise((resolve) => socket.once("drain", resolve));
	}
	socket.end();
	await over;
}

/** The bytes through the system's ssh into a file in memory. */
async function bySsh(): Promise<void> {
	// Written there and gone with its last reader: nothing is left of it.
	const keep = "exec 3<>/dev/shm/.ekexec-bench && rm /dev/shm/.ekexec-bench && cat >&3";
	const words = ["-F", setup.config, "-o", "BatchMode=yes", target, keep];
	const child = spawn("ssh", words, { stdio: ["pipe", "ignore", "inherit"] });
	const ended = exitOf(child);
	for await (const chunk of content()) {
		if (!child.stdin.write(chunk)) {
			await Promise.race([ended, new Promise((resolve) => child.stdin.once("drain", resolve))]);
		}
	}
	child.stdin.end();
	await ended;
}

function exitOf(child: ChildProcess): Promise<void> {
	return new Promise((resolve, reject) => {
		child.once("error", reject);
		child.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`exit ${code}`))));
	});
}

/** A rescue as src/rescue/rescue.ts does it, until all bytes are staged; then all of it is dropped. */
async function rescue(transport: "ssh2" | "openssh", step: (name: string) => void): Promise<void> {
	const options = {
		connect: { configFile: setup.config, transport, prompt: noPrompt },
		plan: {
			allKeys: false,
			// The sshd at the other end is not the one that this machine's own configuration tells of.
			addedKeys: [{ name: setup.key, content: new Uint8Array(await readFile(setup.key)) }],
			commandLine: "",
			again: false,
			keepLinks: [],
		},
	};
	const session = await openSession(target, options);
	step("connect");
	try {
		const client = await helperOf(session, "run");
		step("helper");
		const { facts, network, loadFacts } = await probe(
			client,
			{
				loginUser: "root",
				allUsers: false,
				...(session.sshConnection === undefined ? {} : { sshConnection: session.sshConnection }),
			},
			setup.address,
		);
		step("probe");
		const drivers = await readDrivers(image);
		const layers = chooseLayers(image, facts, drivers);
		const traits = await imageTraits(image, layers, facts, drivers);
		const login = await loginKnown(session);
		const plan = planRescue(facts, network, traits, login, options.plan, Date.now());
		step("plan");
		const nonce = randomBytes(16).toString("hex");
		const { adapter } = image.manifest;
		const identity = identityOf(plan, facts, nonce, about(facts), adapter);
		const { kernel, rest } = await stagedFiles(
			image,
			layers,
			identity,
			plan.commandLine,
			loadFacts,
		);
		const token = await client.keep(keepSeconds);
		const delivery: Delivery = { session, client, parts: 0, token, keep: keepSeconds };
		const told = {
			...options,
			progress: () => {},
			remark: (text: string) => {
				throw new Error(text);
			},
		};
		await deliver(target, delivery, [kernel], told);
		// Where a rescue now tries the kernel alone, loads and unloads it, this one only asks to unload: the target's kernel is
		// this machine's own.
		await client.unload();
		step("kernel");
		await deliver(target, delivery, rest, told);
		step("staged");
		await client.abort();
	} finally {
		await session.connection.close();
	}
}

async function act(order: Order): Promise<Answer> {
	const begin = performance.now();
	const [used, children] = [process.cpuUsage(), ofChildren() ?? 0];
	const processor = (): number => {
		const { user, system } = process.cpuUsage(used);
		return (user + system) / 1e6 + (ofChildren() ?? 0) - children;
	};
	const steps: Record<string, number> = {};
	const step = (name: string): void => {
		steps[name] = performance.now() - begin;
	};
	try {
		if (order === "tcp") await bare();
		else if (order === "ssh") await bySsh();
		else await rescue(order === "ekexec" ? "ssh2" : "openssh", step);
		steps.staged ??= performance.now() - begin;
		return { steps, processor: processor() };
	} catch (error) {
		return { steps, processor: processor(), error: String(error) };
	}
}

process.on("message", async (order: Order) => process.send?.(await act(order)));
process.on("disconnect", () => process.exit(0));
process.send?.({ steps: {}, processor: 0 } satisfies Answer);
