import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { missing } from "../support/programs.ts";

const own = ["--user", "--map-root-user", "--net"];
const tap = ["ip", "tuntap", "add", "dev", "tap0", "mode", "tap"];

/** Why no network of one's own can be made here. Empty: it can. */
export async function noNamespace(): Promise<string> {
	const lacking = missing("unshare", "nsenter", "ip");
	if (lacking !== "") return lacking;
	return promisify(execFile)("unshare", [...own, ...tap]).then(
		() => "",
		() => "(this kernel gives users no network cards of their own)",
	);
}

/** A network namespace of one's own with one end of a cable to a virtual machine: the card tap0. */
export class Namespace {
	readonly #keeper: ChildProcess;
	/** Words in front of a program that is to run in it. */
	readonly within: readonly string[];

	private constructor(keeper: ChildProcess) {
		this.#keeper = keeper;
		const target = ["--target", String(keeper.pid)];
		this.within = ["nsenter", ...target, "--user", "--net", "--preserve-credentials"];
	}

	/** `address` with its prefix length is this end's. */
	static async make(address: string): Promise<Namespace> {
		// cat answers once it runs in the namespace, and ends with this process.
		const keeper = spawn("unshare", [...own, "cat"], { stdio: ["pipe", "pipe", "inherit"] });
		keeper.stdin?.write("\n");
		await once(keeper.stdout ?? keeper, "data");
		const namespace = new Namespace(keeper);
		await namespace.run("ip", "link", "set", "lo", "up");
		await namespace.run(...tap);
		await namespace.run("ip", "address", "add", address, "dev", "tap0", "nodad");
		await namespace.run("ip", "link", "set", "tap0", "up");
		return namespace;
	}

	async run(...words: string[]): Promise<string> {
		const [program = "", ...rest] = [...this.within, ...words];
		return (await promisify(execFile)(program, rest)).stdout;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		const ended = once(this.#keeper, "close");
		this.#keeper.stdin?.end();
		await ended;
	}
}
