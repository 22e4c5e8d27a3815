import { readFileSync, writeFileSync } from "node:fs";
import { arch, availableParallelism, cpus, release, totalmem, type } from "node:os";
import type { Record_, Table } from "./frame.ts";

const page = new URL("../README.md", import.meta.url);

const preface = `# Benchmarks

\`npm run bench [NAME…]\` measures and writes this page; \`npm run bench compress\` replaces the tables of one room alone.
Contestants take turns (A B C A B C …). *Ratio* is the median, over the rounds, of a contestant's time divided by the time
of the first one that takes part in the same round: above 1 it was slower. Processes are timed from before their start to
their end. *Processor* is the time that all threads and children were running, *of processor* the median of its ratios,
round by round as well: on a busy machine the fairer numbers. A cgroup counts it of processes where a section says so; else
it comes in ticks of 10 ms, and whoever does not wait for its own children has none. *Load* is how many processes wanted the
machine, a mean of the minute before a section was begun: in a run of several sections that is the one before, too.
A contestant that fails, or whose output is not what it should be, is an error and no winner. Nothing asserts a time.
`;

/** Under which conditions a benchmark ran. */
export interface Conditions {
	readonly now: Date;
	/** How many processes wanted the processor, a mean of the minute before: above the number of cores the clock tells little. */
	readonly load: number;
	/** Where output went, in words. */
	readonly place: string;
	/** How processor time of processes was counted, in words; undefined where there were none. */
	readonly counted: string | undefined;
}

/** What the numbers were measured on. */
function machine({ now, load, place, counted }: Conditions): string {
	const model = cpus()[0]?.model.trim() ?? "unknown processor";
	const memory = Math.round(totalmem() / 2 ** 30);
	const hardware = `${availableParallelism()} cores of ${model} (${arch()}), ${memory} GiB`;
	const software = `${type()} ${release()}, Node ${process.versions.node}`;
	const rest = [`load ${load.toFixed(1)} in the minute before`, `output to ${place}`];
	if (counted !== undefined) rest.push(counted);
	return `${now.toISOString().slice(0, 10)}, ${hardware}, ${software}; ${rest.join("; ")}.`;
}

function showSeconds(seconds: number): string {
	if (seconds >= 10) return `${seconds.toFixed(1)} s`;
	return seconds >= 1 ? `${seconds.toFixed(2)} s` : `${(seconds * 1000).toFixed(1)} ms`;
}

/** A table in Markdown. */
export function show(table: Table | Record_): string {
	if ("text" in table) return `### ${table.title}\n\n${table.text}`;
	const rate = table.bytes !== undefined;
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
		const share = row.share?.toFixed(2) ?? "";
		lines.push(
			`| ${row.name} | ${showSeconds(row.median)} | ${showSeconds(row.fastest)} | ${busy} |${speed} ${row.ratio.toFixed(2)} | ${share} |`,
		);
	}
	const notes = [`${table.rounds} ${table.rounds === 1 ? "round" : "rounds"}.`];
	if (table.note !== undefined) notes.push(table.note);
	for (const { name, unwaited } of table.rows) {
		if (unwaited) notes.push(`${name} does not wait for its own children: no processor time.`);
	}
	lines.push("", notes.join(" "));
	return lines.join("\n");
}

const marks = (name: string) => [`<!-- ${name} -->`, `<!-- end of ${name} -->`] as const;

function readPage(): string {
	try {
		return readFileSync(page, "utf8");
	} catch {
		// The first run makes the page.
		return preface;
	}
}

/** Contestants that are published with figures and now have none, as `title: contestant`: what is good is not overwritten. */
export function lost(name: string, tables: readonly (Table | Record_)[]): string[] {
	const text = readPage();
	const [open, close] = marks(name);
	const section = text.slice(text.indexOf(open), Math.max(text.indexOf(open), text.indexOf(close)));
	const found: string[] = [];
	for (const table of tables) {
		if ("text" in table) continue;
		const lines = section.split(/^### /m).find((part) => part.startsWith(`${table.title}\n`));
		for (const { name: contestant, missing } of table.rows) {
			if (missing === undefined) continue;
			const cells = (lines ?? "").split("\n").map((line) => line.split("|").map((c) => c.trim()));
			const measured = cells.some(
				([, first, second]) => first === contestant && /^\d/.test(second ?? ""),
			);
			if (measured) found.push(`${table.title}: ${contestant}`);
		}
	}
	return found;
}

/** Puts the tables of one benchmark in place of those of its last run. */
export function publish(
	name: string,
	tables: readonly (Table | Record_)[],
	conditions: Conditions,
): void {
	// The words above the first section are these ones, whatever they were.
	const old = readPage();
	const first = old.indexOf("<!-- ");
	const text = `${preface}\n${first < 0 ? "" : old.slice(first)}`;
	const [open, close] = marks(name);
	const section = [
		open,
		`## ${name}`,
		"",
		machine(conditions),
		"",
		...tables.map((table) => `${show(table)}\n`),
		close,
	].join("\n");
	const from = text.indexOf(open);
	const to = text.indexOf(close);
	const next =
		from >= 0 && to > from
			? text.slice(0, from) + section + text.slice(to + close.length)
			: `${text.trimEnd()}\n\n${section}\n`;
	writeFileSync(page, next);
}
