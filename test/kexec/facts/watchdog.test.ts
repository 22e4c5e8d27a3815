import { expect, test } from "vitest";
import { utf8 } from "../../../src/bytes/index.ts";
import { armedWatchdogs, watchdogPatterns } from "../../../src/kexec/facts/devices.ts";
import { Evidence } from "../../../src/kexec/facts/evidence.ts";
import { source } from "../../../src/kexec/index.ts";

const files: Readonly<Record<string, string>> = {
	"watchdog0/state": "active\n",
	"watchdog0/identity": "iTCO_wdt\n",
	"watchdog0/timeout": "30\n",
	"watchdog1/state": "active\n",
	"watchdog1/identity": "Software Watchdog\n",
	"watchdog1/timeout": "10\n",
	"watchdog2/state": "inactive\n",
	"watchdog2/identity": "i6300ESB timer\n",
	"watchdog3/state": "active\n",
};

test("watchdogs that count down; those of the kernel itself and those at rest are none", () => {
	const evidence = new Evidence(
		Object.entries(watchdogPatterns).map(([name, pattern]) => ({
			source: source.read(pattern),
			errno: 0,
			state: "whole" as const,
			items: Object.entries(files)
				.filter(([path]) => path.endsWith(`/${name}`))
				.map(([path, content]) => ({
					path: utf8(`/sys/class/watchdog/${path}`),
					errno: 0,
					state: "whole" as const,
					size: content.length,
					bytes: utf8(content),
				})),
		})),
	);
	expect(armedWatchdogs(evidence)).toEqual([
		{ name: "watchdog0", identity: "iTCO_wdt", timeout: 30 },
		{ name: "watchdog3", identity: "" },
	]);
});
