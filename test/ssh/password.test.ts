import { expect, test } from "vitest";
import { answered, type Question } from "../../src/ssh/password.ts";
import { playedChannel } from "./channel.ts";

const marker = "ekexec-0123456789abcdef:";
const question: Question = { is: (seen) => seen.includes(marker), again: marker };
const soon = () => new Promise((resolve) => setImmediate(resolve));

test("a question that comes again in two pieces means that the password was wrong", async () => {
	const channel = playedChannel();
	let wrong = 0;
	const through = answered(
		channel,
		question,
		false,
		async () => "secret",
		() => wrong++,
	);
	channel.stderr.write(marker);
	await soon();
	expect(String(channel.stdin.read())).toBe("secret\n");
	channel.stderr.write(`Sorry, try again.\n${marker.slice(0, 9)}`);
	await soon();
	expect(wrong).toBe(0);
	channel.stderr.write(marker.slice(9));
	await soon();
	expect(wrong).toBe(1);
	expect(through.stderr.errored).toMatchObject({ code: "SSH_ELEVATE" });
});

test.each(["end", "close"] as const)(
	"the operator is asked no longer than the command runs: %s",
	async (how) => {
		const channel = playedChannel();
		let asked: AbortSignal | undefined;
		const supply = (signal: AbortSignal) => {
			asked = signal;
			return new Promise<string>((_, reject) => {
				signal.addEventListener("abort", () => reject(signal.reason));
			});
		};
		const through = answered(channel, question, false, supply, () => {});
		channel.stderr.write(marker);
		await soon();
		expect(asked?.aborted).toBe(false);
		if (how === "end") channel.end();
		else through.close();
		await soon();
		expect(asked?.aborted).toBe(true);
	},
);
