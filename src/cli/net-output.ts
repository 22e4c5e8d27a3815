import { mkdir, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { printable } from "../bytes/index.ts";
import {
	type Network,
	parseSshConnection,
	planJson,
	planNetwork,
	renderEmergency,
	renderNixosImages,
	renderPlanTable,
	renderTable,
	renderUnits,
} from "../network/index.ts";
import type { Io } from "./command.ts";
import { jsonText } from "./view.ts";

/** What `ekexec net` can be asked for, wherever the network was read. */
export interface NetOutput {
	readonly json?: boolean | undefined;
	readonly units?: boolean | undefined;
	readonly emergency?: boolean | undefined;
	readonly nixos?: boolean | undefined;
	readonly plan?: boolean | undefined;
	readonly keep?: readonly string[] | undefined;
	/** Folder for the three files of emergency-kexec. */
	readonly dumpNetwork?: string | undefined;
	/** Value of SSH_CONNECTION on the host whose network it is. */
	readonly connection?: string | undefined;
}

/** Prints a network, or the plan made of it, in the form asked for. Throws the plan's refusal, after the plan itself is shown. */
export async function outputNetwork(network: Network, asked: NetOutput, io: Io): Promise<number> {
	const print = (text: string) => void io.stdout.write(text);
	const printFiles = (files: readonly { readonly name: string; readonly content: string }[]) =>
		print(files.map(({ name, content }) => `==> ${name} <==\n${content}`).join("\n"));
	const emergency = renderEmergency(network);
	const files = Object.entries(emergency).map(([name, content]) => ({
		name,
		content: String(content),
	}));
	const folder = asked.dumpNetwork ?? (io.env.EMERGENCY_DUMP_NETWORK === "1" ? "." : undefined);
	if (folder !== undefined) {
		const place = resolve(io.cwd, folder);
		await mkdir(place, { recursive: true });
		for (const { name, content } of files) await writeFile(resolve(place, name), content);
		io.stderr.write(`wrote ${files.map((each) => each.name).join(", ")} to ${place}\n`);
	}
	if (asked.emergency) {
		printFiles(files);
		return 0;
	}
	if (!asked.plan && !asked.units && !asked.nixos) {
		print(asked.json ? json(network) : printable(renderTable(network)));
		return 0;
	}
	const plan = planNetwork(network, {
		...(asked.connection === undefined ? {} : { connection: parseSshConnection(asked.connection) }),
		keep: asked.keep ?? [],
	});
	if (asked.plan) print(asked.json ? json(planJson(plan)) : printable(renderPlanTable(plan)));
	if (plan.refusal !== undefined) throw plan.refusal;
	if (asked.units) printFiles(renderUnits(plan));
	if (asked.nixos) {
		const { files: told, leftOut } = renderNixosImages(plan);
		printFiles(told);
		for (const each of leftOut) io.stderr.write(`left out: ${printable(each)}\n`);
	}
	return 0;
}

function json(value: unknown): string {
	return `${jsonText(value, 2)}\n`;
}
