import { resolve } from "node:path";
import { EkexecError, printable } from "../bytes/index.ts";
import { buildImage, openImage } from "../image/index.ts";
import { host, showPlan } from "../rescue/index.ts";
import { breakRoot, repairRoot, startVictim } from "../vm/index.ts";
import type { Io } from "./command.ts";
import { about, compare } from "./host-run.ts";
import { tell } from "./image-source.ts";
import { openView } from "./open-view.ts";
import { columnsOf, wantsColour } from "./view.ts";

interface DemoArguments {
	readonly suite: "trixie" | "bookworm";
	readonly memory: string;
	readonly image?: string | undefined;
	readonly mirror?: string | undefined;
	readonly json: boolean;
}

/** e2fsck's exit code for "errors were corrected" (e2fsck(8)); 0 would mean that there were none. */
const corrected = 1;

/** A victim made, broken, rescued and repaired. Exit code 0 only if its file system is whole again. */
export async function runDemo(args: DemoArguments, io: Io): Promise<number> {
	const { signal } = io;
	const say = (text: string): void => void io.stderr.write(`${printable(text)}\n`);
	const mirror = args.mirror === undefined ? {} : { mirror: args.mirror };
	const progress = tell((text) => say(`  ${text}`));
	const memory = Number(args.memory);
	if (!(memory >= 256)) {
		throw new EkexecError("usage", "CLI_USAGE", "not a usable size", {
			field: "--memory",
			expected: "256 MiB or more",
			found: args.memory,
		});
	}
	say("The rescue image and the victim, from Debian's packages or the cache:");
	const image =
		args.image === undefined
			? (await buildImage({ ...mirror, env: io.env, signal, progress })).image
			: await openImage(resolve(io.cwd, args.image), { signal });
	const victim = await startVictim({ suite: args.suite, memory, signal, say, progress, ...mirror });
	try {
		say(`The victim runs: Debian ${args.suite}, ${memory} MiB, its sshd answers.`);
		say(`Its root file system is broken now; a write says: ${await breakRoot(victim)}`);
		const view = await openView(io, args.json);
		const result = await host("root@127.0.0.1", {
			connect: victim.login,
			signal,
			plan: {
				allKeys: false,
				addedKeys: [],
				commandLine: "",
				again: false,
				keepLinks: [],
			},
			image: async () => image,
			confirm: async (plan) => {
				const looks = { colour: wantsColour(io, "stderr"), columns: columnsOf(io, "stderr") };
				if (!args.json) view.show(`\n${showPlan(plan, looks)}`);
				return true;
			},
			report: (event) => view.report(event),
			compare,
			until: "jump",
			wait: true,
			timeout: 600_000,
			sync: 0,
			via: "reboot",
			about,
		}).catch(async (error: unknown) => {
			view.end(error);
			say(`\nThe victim's console:\n${victim.vm.console.tail(60)}`);
			throw error;
		});
		view.end();
		const { proof } = result;
		if (!proof) throw new Error("the rescue ended without a proof");
		const repair = await repairRoot(victim, result.hostKey);
		say(
			`\nSame host key, a new kernel (boot id ${proof.bootId}), ${Math.round(proof.seconds)} s after the jump.`,
		);
		say(
			`Planned network: ${proof.network.length === 0 ? "all of it is there" : proof.network.join("; ")}`,
		);
		say(`Failed units: ${proof.failedUnits.join(", ") || "none"}`);
		say(`\n$ ip -brief address\n${repair.addresses}`);
		say(`\n$ ip route\n${repair.routes}`);
		say(`\n$ findmnt --source /dev/vda\n${repair.mounted || "(not mounted)"}`);
		say(`\n$ e2fsck -f -y /dev/vda\n${repair.check}`);
		const whole = repair.code === corrected && repair.mounted === "" && proof.network.length === 0;
		say(
			whole
				? "\nThe file system is repaired."
				: `\nNot repaired: e2fsck ended with ${repair.code}.`,
		);
		return whole ? 0 : 1;
	} finally {
		await victim.stop();
	}
}
