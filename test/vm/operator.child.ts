// An operator that stands still at one moment of a rescue, so that it can be killed there.
// Arguments: JSON of { login, image, at }, where `at` is "STEP" (its beginning) or "STEP N" (N per cent of it).
// Prints one line when it is there.
import { writeSync } from "node:fs";
import { openImage } from "../../src/image/index.ts";
import { host } from "../../src/rescue/index.ts";
import { noPrompt } from "../../src/ssh/index.ts";
import { rescueOptions } from "./lab.ts";

const { login, image, at } = JSON.parse(process.argv[2] ?? "{}");
const [step, share] = String(at).split(" ");

function standStill(): never {
	writeSync(1, `${at}\n`);
	for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

await host(
	"root@127.0.0.1",
	await rescueOptions(
		{ login: { ...login, prompt: noPrompt } },
		{
			image: () => openImage(image),
			keep: 10,
			report: (event) => {
				if (event.event === "step" && event.step === step && event.state === "start" && !share) {
					standStill();
				}
				if (event.event === "progress" && event.step === step && share) {
					if ((100 * event.done) / event.total >= Number(share)) standStill();
				}
			},
		},
	),
);
