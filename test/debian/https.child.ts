// Fetches the URL given first, with the idle time given second, through the proxies of the environment; prints what came. Run by https.real.test.ts.
import { get } from "../../src/debian/transport.ts";

const answer = await get(
	new URL(process.argv[2] ?? ""),
	0,
	{},
	{
		idle: Number(process.argv[3] ?? 30_000),
	},
);
let text = "";
for await (const chunk of answer.body) text += Buffer.from(chunk).toString();
console.log(`${answer.status} ${text}`);
