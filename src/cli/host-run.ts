import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { EkexecError, printable, wrap } from "../bytes/index.ts";
import type { Facts } from "../kexec/index.ts";
import { diffNetworks, type Network, renderEmergency } from "../network/index.ts";
import {
	check,
	type HostOptions,
	host,
	openSession,
	type Proof,
	showPlan,
	unload,
} from "../rescue/index.ts";
import { parseTarget } from "../ssh/index.ts";
import type { Arguments, Io } from "./command.ts";
import { besides, sessionOptions } from "./connect.ts";
import type { jumpOptions, planOptions } from "./host-options.ts";
import { imageForTarget } from "./image-source.ts";
import { type Log, openLog } from "./log.ts";
import { wholeNumber } from "./number.ts";
import { openView } from "./open-view.ts";
import { asFileError, reason } from "./show-error.ts";
import type { SshArguments, sshOptions } from "./ssh-options.ts";
import { columnsOf, jsonText, type View, wantsColour } from "./view.ts";

/** Most of `--timeout`, in seconds: a day. Timers take no more than 24 of them. */
const longest = 86_400;

type PlanArguments = Arguments<typeof sshOptions & typeof planOptions, Record<never, never>>;
type HostArguments = PlanArguments & Arguments<typeof jumpOptions, Record<never, never>>;

/** How long `--sync` lets the target write to its disks, in milliseconds. */
const syncFor = 30_000;

export async function runHost(target: string, args: HostArguments, io: Io): Promise<number> {
	const timeout = wholeNumber("--timeout", Number(args.timeout), 1, longest);
	if (args["dry-run"]) return runCheck(target, args, io);
	if (!args.yes) await somebodyThere(target, io);
	return withView(args, io, async (view, log) => {
		const result = await host(target, {
			...(await common(args, io, view, log)),
			confirm: async (plan, network) => {
				view.show(`\n${showPlan(plan, looks(io, "stderr"))}`);
				// Before anything is done: a folder that takes nothing shows here.
				await dumpNetwork(network, args["dump-network"], io);
				return args.yes || confirm(target, io, view);
			},
			until: args["load-only"] ? "load" : "jump",
			wait: args.wait,
			timeout: timeout * 1000,
			sync: args.sync ? syncFor : 0,
			via: args.via,
		});
		view.end();
		if (result.proof) io.stderr.write(showProof(result.proof, loginCommand(target, args)));
		else if (!result.jumped) io.stderr.write(`Loaded. ekexec abort ${target} unloads it.\n`);
		return result.proof === undefined || result.proof.network.length === 0 ? 0 : 5;
	});
}

export async function runCheck(target: string, args: PlanArguments, io: Io): Promise<number> {
	return withView(args, io, async (view, log) => {
		const { plan, network } = await check(target, {
			...(await common(args, io, view, log)),
			confirm: async () => false,
			until: "plan",
			wait: false,
			timeout: 0,
			sync: 0,
			via: "reboot",
		});
		await dumpNetwork(network, args["dump-network"], io);
		view.end();
		if (!args.json) io.stdout.write(showPlan(plan, looks(io, "stdout")));
		return plan.refused ? 3 : 0;
	});
}

export async function runAbort(target: string, args: SshArguments, io: Io): Promise<number> {
	const log = openLog(args.log, io);
	try {
		const session = await openSession(target, sessionOptions(args, io, log));
		try {
			const unloaded = await unload(session, io.signal);
			io.stderr.write(unloaded ? "Unloaded.\n" : "Nothing was loaded.\n");
			return 0;
		} finally {
			await session.connection.close();
		}
	} finally {
		log.close();
	}
}

/** Whatever fails before the jump leaves nothing; where the connection is lost, the helper sees to it by itself. */
const stillThere =
	"The target runs on as before; what was sent is dropped: where the connection was lost, two minutes after the target notices, which may take ten.";

async function withView(
	args: PlanArguments,
	io: Io,
	act: (view: View, log: Log) => Promise<number>,
): Promise<number> {
	const log = openLog(args.log, io);
	const view = await openView(io, args.json);
	let touched = false;
	io.halfDone?.(4);
	const watched: View = {
		report(event) {
			if (event.event === "step" && event.step === "probe") touched = true;
			// From here on nobody can say that nothing was done.
			if (event.event === "step" && event.step === "jump") io.halfDone?.(5);
			view.report(event);
		},
		say: (text) => view.say(text),
		show: (text) => view.show(text),
		hold: () => view.hold(),
		end: (error) => view.end(error),
	};
	try {
		return await act(watched, log);
	} catch (error) {
		log(String(error));
		view.end(error);
		// At three in the morning the first question is what state the host is in.
		if (touched && error instanceof EkexecError && error.kind === "failed") {
			io.stderr.write(`${wrap(stillThere, columnsOf(io, "stderr"), 0)}\n`);
		}
		if (args.json && error instanceof EkexecError) {
			const { code, summary, details, exitCode } = error;
			io.stdout.write(`${jsonText({ event: "error", code, summary, details, exitCode })}\n`);
		}
		throw error;
	} finally {
		log.close();
	}
}

async function common(args: PlanArguments, io: Io, view: View, log: Log) {
	const added = await Promise.all(
		(args.key ?? []).map(async (name) => ({ name, content: await keyFile(resolve(io.cwd, name)) })),
	);
	if (args.image !== undefined) {
		// Better now than after the login.
		const where = resolve(io.cwd, args.image);
		await access(where).catch((cause: Error) => {
			throw new EkexecError("usage", "CLI_FILE", "the image cannot be read", {
				where,
				found: reason(cause),
				cause,
			});
		});
	}
	const settings: Omit<HostOptions, "confirm" | "until" | "wait" | "timeout" | "sync" | "via"> = {
		...sessionOptions(args, io, log, view),
		plan: {
			allKeys: args.keys === "all",
			addedKeys: added,
			commandLine: args.cmdline ?? "",
			again: args.again,
			keepLinks: args["keep-link"] ?? [],
		},
		image: imageForTarget(
			args,
			io,
			(text) => view.report({ event: "remark", step: "plan", text }),
			(text) => view.report({ event: "remark", step: "plan", text, passing: true }),
		),
		compare,
		report: (event) => {
			view.report(event);
			if (event.event !== "progress") log(jsonText(event));
		},
		about,
	};
	return settings;
}

/** A public key file of `--key`. A private one is refused before a byte of it is used. */
async function keyFile(path: string): Promise<Uint8Array> {
	const content = await readFile(path).then(
		(bytes) => new Uint8Array(bytes),
		(cause: Error) => {
			throw new EkexecError("usage", "CLI_FILE", "the public key file cannot be read", {
				where: path,
				found: reason(cause),
				cause,
			});
		},
	);
	if (/PRIVATE KEY/.test(Buffer.from(content).toString("latin1"))) {
		throw new EkexecError("usage", "CLI_PRIVATE_KEY", "this is a private key", {
			where: path,
			remedy: `Give its public half: ${path}.pub`,
		});
	}
	return content;
}

export function about(facts: Facts): string {
	const system = facts.system === undefined ? "" : ` (${facts.system})`;
	return `In place of ${facts.hostname}${system}, kernel ${facts.kernelRelease}, since ${new Date().toISOString()}`;
}

/** What of the plan is missing in the rescue system, in words. */
export function compare(planned: Network, found: Network): readonly string[] {
	return diffNetworks(planned, found).map(({ what, name, change, field, before, after }) =>
		change === "missing"
			? `${what} ${name} is missing`
			: `${what} ${name}: ${field} is ${JSON.stringify(after)} instead of ${JSON.stringify(before)}`,
	);
}

/** Whether the question before the jump can be asked is known long before it is. */
async function somebodyThere(target: string, io: Io): Promise<void> {
	const { terminalPrompt } = await import("../ssh/index.ts");
	if (io.terminal.stdin && terminalPrompt().possible) return;
	throw new EkexecError("usage", "CLI_NOT_CONFIRMED", "nobody is there to say yes", {
		where: target,
		remedy: "Run it on a terminal, or add --yes; --dry-run shows the plan and asks nothing.",
	});
}

async function confirm(target: string, io: Io, view: View): Promise<boolean> {
	const { terminalPrompt } = await import("../ssh/index.ts");
	const prompt = besides(view, terminalPrompt());
	const question = `Everything that runs on ${target} ends at once, unsaved data is lost.\nGo ahead? [yes/no] `;
	const answer = await prompt.ask(question, { echo: true, signal: io.signal });
	return /^y(es)?$/i.test(answer.trim());
}

async function dumpNetwork(network: Network, folder: string | undefined, io: Io): Promise<void> {
	const place = folder ?? (io.env.EMERGENCY_DUMP_NETWORK === "1" ? "." : undefined);
	if (place === undefined) return;
	const path = resolve(io.cwd, place);
	try {
		await mkdir(path, { recursive: true });
		for (const [name, content] of Object.entries(renderEmergency(network))) {
			await writeFile(resolve(path, name), String(content));
		}
	} catch (error) {
		throw asFileError(error) ?? error;
	}
}

function looks(io: Io, stream: "stdout" | "stderr") {
	return { colour: wantsColour(io, stream), columns: columnsOf(io, stream) };
}

/** The command that logs in by the way that was taken before; only root is there now. */
function loginCommand(target: string, args: SshArguments): string {
	const { user: _, port, ...rest } = parseTarget(target);
	const words = ["ssh"];
	for (const file of args.identity ?? []) words.push("-i", file);
	if (args.config !== undefined) words.push("-F", args.config);
	if (args.jump !== undefined) words.push("-J", args.jump);
	for (const setting of args.option ?? []) words.push("-o", setting);
	const at = port ?? args.port;
	if (at !== undefined) words.push("-p", String(at));
	return [...words, `root@${rest.host}`]
		.map((word) => (/^[\w@%+=:,./[\]-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
		.join(" ");
}

function showProof(proof: Proof, login: string): string {
	const lines = [`\nThe rescue system answers, ${Math.round(proof.seconds)} s after the jump.`];
	if (proof.network.length === 0) lines.push("Every planned address and route is there.");
	for (const difference of proof.network) lines.push(`  network: ${difference}`);
	for (const unit of proof.failedUnits) lines.push(`  failed unit: ${unit}`);
	const { made, type, fingerprint } = proof.hostKey;
	if (made)
		lines.push(`Its host key is new: ${type} ${fingerprint}. ssh will ask, or call it changed.`);
	lines.push("", `  ${login}`, "");
	return printable(lines.join("\n"));
}
