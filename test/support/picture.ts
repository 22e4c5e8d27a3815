// npm run picture [FILE]
// A picture for the README from a real run: a victim is made and broken, `ekexec root@broken-server -F ssh_config` runs against it in a
// terminal (tmux) of 100 columns, its question is answered, and what stands on the screen in the end becomes an SVG.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../../src/debian/index.ts";
import { breakRoot, startVictim } from "../../src/vm/index.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const columns = 100;
const command = ["ekexec", "root@broken-server", "-F", "ssh_config"];
/** Milliseconds for one rescue under software emulation on a busy machine. */
const within = 15 * 60_000;

/** The look of a run of characters, by SGR parameters (ECMA-48). */
interface Look {
	readonly bold: boolean;
	readonly dim: boolean;
	readonly colour: number | undefined;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what a terminal is told.
const sgr = /\u001b\[([0-9;]*)m/;

const none: Look = { bold: false, dim: false, colour: undefined };
const palette: Readonly<Record<number, string>> = {
	31: "#ff7b72",
	32: "#56d364",
	33: "#e3b341",
	34: "#79c0ff",
	35: "#d2a8ff",
	36: "#76e3ea",
};
const [background, bar, foreground, faint] = ["#0d1117", "#161b22", "#d0d7de", "#8b949e"];
const [glyph, leading, size, edge, top] = [8.4, 19, 14, 18, 44];

function applied(look: Look, parameters: string): Look {
	let now = look;
	for (const number of parameters.split(";").map(Number)) {
		if (number === 0) now = none;
		else if (number === 1) now = { ...now, bold: true };
		else if (number === 2) now = { ...now, dim: true };
		else if (number === 22) now = { ...now, bold: false, dim: false };
		else if (number === 39) now = { ...now, colour: undefined };
		else if (number in palette) now = { ...now, colour: number };
	}
	return now;
}

function escaped(text: string): string {
	return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** A screen with its SGR sequences as a picture that needs nothing besides; every run of characters at its column. */
export function pictureOf(screen: string, title: string): string {
	const lines = screen.replace(/\s+$/, "").split("\n");
	const body: string[] = [];
	let look = none;
	for (const [row, line] of lines.entries()) {
		let column = 0;
		for (const [index, part] of line.split(sgr).entries()) {
			// Between the texts stand what the pattern caught: the parameters.
			if (index % 2 === 1) {
				look = applied(look, part);
				continue;
			}
			const length = [...part].length;
			if (part.trim() !== "") {
				const lead = [...part].length - [...part.trimStart()].length;
				const shown = part.trim();
				const fill = look.dim
					? faint
					: look.colour === undefined
						? foreground
						: palette[look.colour];
				const weight = look.bold ? ' font-weight="600"' : "";
				const wide = ([...shown].length * glyph).toFixed(1);
				const x = (edge + (column + lead) * glyph).toFixed(1);
				body.push(
					`<text x="${x}" y="${top + (row + 1) * leading - 5}" fill="${fill}"${weight} textLength="${wide}" lengthAdjust="spacingAndGlyphs">${escaped(shown)}</text>`,
				);
			}
			column += length;
		}
	}
	const width = Math.ceil(2 * edge + columns * glyph);
	const height = top + lines.length * leading + edge;
	const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
		(fill, index) => `<circle cx="${20 + 20 * index}" cy="15" r="6" fill="${fill}"/>`,
	);
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
		`<rect width="${width}" height="${height}" rx="10" fill="${background}"/>`,
		`<path d="M0 30V10a10 10 0 0 1 10-10h${width - 20}a10 10 0 0 1 10 10v20z" fill="${bar}"/>`,
		...dots,
		`<text x="${width / 2}" y="20" fill="${faint}" font-size="13" text-anchor="middle" font-family="system-ui, sans-serif">${escaped(title)}</text>`,
		`<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace" font-size="${size}" xml:space="preserve">`,
		...body,
		"</g>",
		"</svg>",
		"",
	].join("\n");
}

/** A terminal of its own. */
class Terminal {
	readonly #socket: string;

	/** Runs a command line; what it left stays on the screen. */
	constructor(folder: string, line: readonly string[], rows: number) {
		this.#socket = join(folder, "tmux");
		const words = ["new-session", "-d", "-c", folder, "-x", `${columns}`, "-y", `${rows}`];
		this.#tmux("-f", "/dev/null", ...words, `${line.join(" ")}; sleep 600`);
		this.#tmux("set-option", "-g", "status", "off");
	}

	type(line: string): void {
		this.#tmux("send-keys", "-l", line);
		this.#tmux("send-keys", "Enter");
	}

	/** The screen; with `colours`, its SGR sequences as well. */
	screen(colours: boolean): string {
		return this.#tmux("capture-pane", "-p", ...(colours ? ["-e"] : []));
	}

	async until(pattern: RegExp): Promise<void> {
		const end = Date.now() + within;
		while (!pattern.test(this.screen(false))) {
			if (Date.now() > end) throw new Error(`no ${pattern} on the screen:\n${this.screen(false)}`);
			await sleep(300);
		}
	}

	close(): void {
		this.#tmux("kill-server");
	}

	#tmux(...words: string[]): string {
		return execFileSync("tmux", ["-S", this.#socket, ...words], { encoding: "utf8" });
	}
}

async function main(file: string): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), "ekexec-picture-"));
	const victim = await startVictim({ suite: "bookworm", say: console.error });
	try {
		await breakRoot(victim);
		const { identities = [] } = victim.login;
		const config = [
			"Host broken-server",
			"HostName 127.0.0.1",
			`Port ${victim.port}`,
			`UserKnownHostsFile ${join(victim.folder, "known_hosts")}`,
			"GlobalKnownHostsFile none",
			...identities.map((path) => `IdentityFile ${path}`),
			"IdentitiesOnly yes",
			"IdentityAgent none",
			"",
		];
		writeFileSync(join(folder, "ssh_config"), config.join("\n"));
		const bin = join(folder, "bin");
		mkdirSync(bin);
		writeFileSync(
			join(bin, "ekexec"),
			`#!${process.execPath}\nimport(${JSON.stringify(join(root, "dist/cli/main.js"))});\n`,
			{ mode: 0o755 },
		);
		const variables = [`PATH=${bin}:${process.env.PATH}`, `EKEXEC_CACHE=${cacheFolder()}`];
		const terminal = new Terminal(folder, ["env", ...variables, ...command], 70);
		try {
			await terminal.until(/\[yes\/no\]/);
			terminal.type("yes");
			await terminal.until(/^ +ssh .*root@broken-server/m);
			const shown = command.join(" ");
			writeFileSync(file, pictureOf(`$ ${shown}\n${terminal.screen(true)}`, shown));
			console.error(terminal.screen(false));
		} finally {
			terminal.close();
		}
	} finally {
		await victim.stop();
		rmSync(folder, { recursive: true, force: true });
	}
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	if (!existsSync(join(root, "dist/cli/main.js"))) throw new Error("npm run build first");
	await main(process.argv[2] ?? join(root, "fixtures/rescue.svg"));
}
