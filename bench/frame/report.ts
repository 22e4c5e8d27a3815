import { readFileSync, writeFileSync } from "node:fs";
import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from "node:os";
import type { Record_, Table } from "./frame.ts";

const page = new URL("../README.md", import.meta.url);

const preface = `# Benchmarks

\`npm run bench [NAME…]\` measures and writes this page; \`npm run bench compress\` replaces the tables of one room alone.
Contestants take turns (A B C A B C …). *Ratio* is the median, over the rounds, of a contestant's time divided by
the first one's in the same round: above 1 it was slower. Processes are timed from before their start to their end.
*Processor* is the time that all threads and children were running, *of processor* its ratio: on a busy machine the fairer
numbers (ticks of 10 ms). *Load* is how many processes wanted the machine before the first turn.
Nothing asserts a time. Output goes to memory (tmpfs), not to a disk.
`;

/** How many processes wanted the processor before the first turn: above the number of cores the clock tells little. */
const load = loadavg()[0] ?? 0;

/** What the numbers were measured on. */
function machine(): string {
	const model = cpus()[0]?.model.trim() ?? "unknown processor";
	const memory = Math.round(totalmem() / 2 ** 30);
	return `${availableParallelism()} cores of ${model} (${arch()}), ${memory} GiB, ${type()} ${release()}, Node ${process.versions.node}; load ${load.toFixed(1)} before`;
}

function showSeconds(seconds: number): string {
	if (seconds >= 10) return `${seconds.toFixed(1)} s`;
	return seconds >= 1 ? `${seconds.toFixed(2)} s` : `${(seconds * 1000).toFixed(1)} ms`;
}

/** A table in Markdown. */
export function show(table: Table | Record_): string {
	if ("text" in table) return `### ${table.title}\n\n${table.text}`;
	const rate = table.bytes !== undefined;
	const first = table.rows[0]?.processor;
	const lines = [
		`### ${table.title}`,
		"",
		`| | median | fastest | processor |${rate ? " MB/s |" : ""} ratio | of processor |`,
		`| --- | ---: | ---: | ---: |${rate ? " ---: |" : ""} ---: | ---: |`,
	];
	for (const row of table.rows) {
		if (row.missing !== undefined) {
			lines.push(`| ${row.name} | ${row.missing} | | |${rate ? " |" : ""} | |`);
			continue;
		}
		const speed = rate ? ` ${((table.bytes ?? 0) / 1e6 / row.median).toFixed(0)} |` : "";
		const busy = row.processor === undefined ? "" : showSeconds(row.processor);
		const share = first && row.processor !== undefined ? (row.processor / first).toFixed(2) : "";
		lines.push(
			`| ${row.name} | ${showSeconds(row.median)} | ${showSeconds(row.fastest)} | ${busy} |${speed} ${row.ratio.toFixed(2)} | ${share} |`,
		);
	}
	const note = table.note === undefined ? "" : ` ${table.note}`;
	lines.push("", `${table.rounds} rounds.${note}`);
	return lines.join("\n");
}

/** Puts the tables of one benchmark in place of those of its last run. */
export function publish(name: string, tables: readonly (Table | Record_)[], now: Date): void {
	let text = preface;
	try {
		text = readFileSync(page, "utf8");
	} catch {
		// The first run makes the page.
	}
	const [open, close] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
	const section = [
		open,
		`## ${name}`,
		"",
		`${now.toISOString().slice(0, 10)}, ${machine()}.`,
		"",
		...tables.map((table) => `${show(table)}\n`),
		close,
	].join("\n");
	const from = text.indexOf(open);
	const to = text.indexOf(close);
	text =
		from >= 0 && to > from
			? text.slice(0, from) + section + text.slice(to + close.length)
			: `${text.trimEnd()}\n\n${section}\n`;
	writeFileSync(page, text);
}
