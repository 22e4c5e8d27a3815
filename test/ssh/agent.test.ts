import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { agentKeys } from "../../src/ssh/agent.ts";

test.each([
	["an answer that ends before its keys", [0, 0, 0, 5, 12, 0, 0, 0, 9]],
	["a key longer than the answer", [0, 0, 0, 9, 12, 0, 0, 0, 1, 255, 255, 255, 255]],
	["an empty answer", [0, 0, 0, 0]],
	["another answer", [0, 0, 0, 1, 5]],
])("an agent that makes no sense has no keys: %s", async (_name, answer) => {
	const place = mkdtempSync(join(tmpdir(), "ekexec-agent-"));
	const path = join(place, "agent");
	const server = createServer((socket) => socket.end(Uint8Array.from(answer)));
	await new Promise<void>((resolve) => server.listen(path, resolve));
	try {
		expect(await agentKeys(path)).toEqual([]);
	} finally {
		server.close();
		rmSync(place, { recursive: true });
	}
});
