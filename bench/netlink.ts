import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { cannotUnshare } from "../test/support/netlink/namespace.ts";
import type { Benchmark, Contestant } from "./frame/frame.ts";

const count = 1_000_000;
const dist = (path: string) => JSON.stringify(new URL(`../dist/${path}`, import.meta.url).href);
const script = (code: string, ...words: string[]): readonly string[] => [
	process.execPath,
	"--input-type=module",
	"-e",
	code,
	...words,
];

/** The raw dump of the routes of the namespace at hand, into a file. */
const capture = `
import { writeFileSync } from "node:fs";
import { collect, writeSnapshot } from ${dist("netlink/index.js")};
const { raw } = await collect({ timeout: 120000 });
writeFileSync(process.argv[1], writeSnapshot(raw));`;

/** From the file: every route as an object, all of them held. */
const held = `
import { readFileSync } from "node:fs";
import { decodeSnapshot, readSnapshot } from ${dist("netlink/index.js")};
const { routes } = decodeSnapshot(readSnapshot(readFileSync(process.argv[1])));
if (routes.length < ${count}) process.exit(1);`;

/** From the file: every route as an object, looked at and dropped. */
const streamed = `
import { createReadStream } from "node:fs";
import { DumpParser } from ${dist("netlink/index.js")};
let seen = 0;
const parser = new DumpParser({ object: (_, route) => { if (route.type === 1) seen++; }, other() {} });
for await (const chunk of createReadStream(process.argv[1], { highWaterMark: 262144 })) parser.push(chunk);
parser.end();
if (seen < ${count}) process.exit(1);`;

/** From the file to the model of the network. */
const model = `
import { readFileSync } from "node:fs";
import { readSnapshot } from ${dist("netlink/index.js")};
import { snapshot } from ${dist("network/index.js")};
const dumps = readSnapshot(readFileSync(process.argv[1]));
const { routes } = snapshot({ dumps, files: new Map(), symlinks: new Map() });
if (routes.length < ${count}) process.exit(1);`;

/** From the kernel: every route as an object, all of them held. */
const asked = `
import { collect } from ${dist("netlink/index.js")};
const { snapshot } = await collect({ only: ["routes"], timeout: 120000 });
if (snapshot.routes.length < ${count}) process.exit(1);`;

/** A process that is ended with this one, however that ends. */
function start(argv: readonly string[]): ChildProcess {
	const [program = "", ...words] = argv;
	const child = spawn(program, words, { stdio: "ignore" });
	const end = (): void => {
		child.kill("SIGKILL");
	};
	process.once("exit", end);
	child.once("exit", () => process.removeListener("exit", end));
	return child;
}

/** The memory that a process has at its highest (VmHWM), in MiB. */
async function peak(argv: readonly string[]): Promise<number> {
	const child = start(argv);
	let memory = 0;
	let ended = false;
	child.on("close", () => {
		ended = true;
	});
	while (!ended) {
		try {
			const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
			memory = Math.max(memory, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
		} catch {
			// It ended between two looks.
		}
		await setTimeout(3);
	}
	return memory;
}

/** A network namespace that lasts as long as a process that sleeps in it. */
function openNamespace(): { readonly enter: readonly string[]; readonly process: ChildProcess } {
	const sleeper = start(["unshare", "-n", "sleep", "3600"]);
	return { enter: ["nsenter", `--net=/proc/${sleeper.pid}/ns/net`, "--"], process: sleeper };
}

/** Routes of many lengths and gateways, in three tables, as ip -batch takes them. */
function batch(): string {
	const lines = [
		"link set lo up",
		"link add p0 type veth peer name p1",
		"link set p0 up",
		"link set p1 up",
		"addr add 192.0.2.1/24 dev p0",
	];
	for (let i = 0; i < count; i++) {
		const prefix = `${10 + Math.floor(i / 65536)}.${Math.floor(i / 256) % 256}.${i % 256}.0/24`;
		const table = i % 16 === 0 ? ` table ${1000 + (i % 3)}` : "";
		lines.push(
			`route add ${prefix} via 192.0.2.${2 + (i % 200)} dev p0 metric ${1 + (i % 7)}${table}`,
		);
	}
	return `${lines.join("\n")}\n`;
}

export const benchmarks: readonly Benchmark[] = [
	{
		name: "netlink/routes",
		async run(frame) {
			const reason = cannotUnshare();
			if (reason !== "") frame.leaveOut(reason);
			const namespace = openNamespace();
			try {
				// The namespace is there once the sleeper has another one than we have.
				await setTimeout(500);
				const inside = (argv: readonly string[]) => [...namespace.enter, ...argv];
				const run = ([program = "", ...words]: readonly string[]) =>
					execFileSync(program, words, { stdio: "ignore", timeout: 300_000 });
				const file = join(frame.scratch, "routes.batch");
				const dumps = join(frame.scratch, "all.netlink");
				const routes = join(frame.scratch, "routes.dump");
				writeFileSync(file, batch());
				run(inside(["ip", "-batch", file]));
				run(inside(script(capture, dumps)));
				extract(dumps, routes);
				const contestants: readonly Contestant[] = [
					{
						name: "ip -json route show table all",
						argv: inside(["ip", "-json", "route", "show", "table", "all"]),
					},
					{ name: "ekexec, dump to objects, all held", argv: script(held, dumps) },
					{ name: "ekexec, dump to objects, one by one", argv: script(streamed, routes) },
					{ name: "ekexec, dump to the network model", argv: script(model, dumps) },
					{ name: "ekexec, kernel to objects, all held", argv: inside(script(asked)) },
				];
				const peaks: string[] = [];
				for (const { name, argv = [] } of contestants) {
					peaks.push(`${name} ${(await peak(argv)).toFixed(0)} MiB`);
				}
				const bare = (await peak(script("setTimeout(() => {}, 200)"))).toFixed(0);
				await frame.compare(`${count} IPv4 routes, whole processes`, contestants, {
					bytes: statSync(routes).size,
					note: `Peak memory: ${peaks.join("; ")}. A Node that does nothing takes ${bare} MiB.`,
				});
			} finally {
				namespace.process.kill();
			}
		},
	},
];

/** The routes' dump alone, out of the file of all dumps. */
function extract(dumps: string, to: string): void {
	execFileSync(
		process.execPath,
		[
			"--input-type=module",
			"-e",
			`import { readFileSync, writeFileSync } from "node:fs";
			import { readSnapshot } from ${dist("netlink/index.js")};
			writeFileSync(process.argv[2], readSnapshot(readFileSync(process.argv[1])).routes.bytes);`,
			dumps,
			to,
		],
		{ timeout: 60_000 },
	);
}
