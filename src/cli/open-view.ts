import { printable } from "../bytes/index.ts";
import type { Io } from "./command.ts";
import { jsonText, type View } from "./view.ts";

/** The view that fits: JSON lines if asked for, a live one on a terminal, plain lines elsewhere. */
export async function openView(io: Io, json: boolean): Promise<View> {
	if (json) return jsonView(io);
	// A terminal that cannot erase a line gets plain ones.
	if (!io.terminal.stderr || io.env.TERM === "dumb") return plainView(io);
	const { terminalView } = await import("./view-terminal.ts");
	return terminalView(io);
}

function jsonView(io: Io): View {
	return {
		report: (event) => void io.stdout.write(`${jsonText(event)}\n`),
		say: (text) => void io.stderr.write(`${printable(text)}\n`),
		show: (text) => void io.stderr.write(`${text}\n`),
		hold: () => () => {},
		end: () => {},
	};
}

/** A line for each step's end, and for each tenth of the upload. */
function plainView(io: Io): View {
	const show = (text: string): void => void io.stderr.write(`${text}\n`);
	const say = (text: string): void => show(printable(text));
	let tenth = 0;
	return {
		report(event) {
			if (event.event === "step" && event.state !== "start") say(`${event.step}: ${event.detail}`);
			else if (event.event === "remark") say(`${event.step}: ${event.text}`);
			else if (event.event === "progress") {
				const now = Math.floor((10 * event.done) / Math.max(1, event.total));
				if (now > tenth) say(`${event.step}: ${now * 10} %`);
				tenth = now;
			}
		},
		say,
		show,
		hold: () => () => {},
		end: () => {},
	};
}
