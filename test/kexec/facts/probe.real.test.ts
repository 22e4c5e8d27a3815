import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { hostname, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { text } from "../../../src/bytes/index.ts";
import { Evidence } from "../../../src/kexec/facts/evidence.ts";
import { gatherFacts, secondSources } from "../../../src/kexec/facts/gather.ts";
import { networkSources, rawNetwork } from "../../../src/kexec/facts/network.ts";
import { firstSources } from "../../../src/kexec/facts/sources.ts";
import { HelperClient, helperFile, helperStream } from "../../../src/kexec/index.ts";
import { snapshot } from "../../../src/network/index.ts";

const arch = process.arch === "x64" ? "x86_64" : "aarch64";

/** Probes this very machine with the real helper, as `probe` does it over SSH. */
async function probeHere(env: NodeJS.ProcessEnv) {
	const child = spawn(fileURLToPath(helperFile(arch)), ["probe"], { env });
	const exit = new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
	const client = await HelperClient.open(helperStream({ ...child, exit }));
	const context = { loginUser: "root", allUsers: true };
	const first = await client.probe([...firstSources(), ...networkSources()]);
	const second = await client.probe(secondSources(new Evidence(first), context));
	client.close();
	expect(await exit).toBe(0);
	const evidence = new Evidence([...first, ...second]);
	return { evidence, facts: gatherFacts(evidence, context) };
}

test("the facts of this machine are those that the machine tells by other ways", async () => {
	const { evidence, facts } = await probeHere({ SSH_CONNECTION: "192.0.2.9 50000 192.0.2.1 22" });
	expect(facts.architecture).toBe(process.arch === "x64" ? "amd64" : "arm64");
	expect(facts.kernelRelease).toBe(release());
	expect(facts.hostname).toBe(hostname());
	expect(facts.bootId).toBe(readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
	expect(facts.commandLine).toBe(readFileSync("/proc/cmdline", "utf8").trim());
	expect(facts.memory?.total).toBe(totalmem());
	expect(facts.user.uid).toBe(process.geteuid?.());
	expect(Math.abs(facts.time - Date.now())).toBeLessThan(60_000);
	expect(facts.mounts.map(({ target }) => target)).toContain("/proc");
	expect(facts.users.map(({ name }) => name)).toContain("root");
	expect(facts.ssh.connection).toEqual({
		client: "192.0.2.9",
		clientPort: 50_000,
		server: "192.0.2.1",
		serverPort: 22,
	});
	expect(facts.places.length).toBeGreaterThan(0);
	const network = snapshot(rawNetwork(evidence));
	expect(network.links.map(({ name }) => name)).toContain("lo");
	for (const { what } of facts.unreadable) expect(what).not.toMatch(/^netlink/);
});

test("no private host key is among what the probe brings", async () => {
	const { evidence, facts } = await probeHere({});
	const path = "/etc/ssh/ssh_host_ed25519_key";
	expect(evidence.file(path)).toBeUndefined();
	// Whether it can be read is known all the same, by its first bytes, which all keys share.
	const head = evidence.head(path);
	if (existsSync(path)) {
		expect(text(head?.bytes ?? new Uint8Array())).toBe("-----BEGIN ");
		expect(facts.ssh.hostKeys.find((key) => key.path === path)).not.toHaveProperty("trouble");
	} else expect(head).toMatchObject({ bytes: new Uint8Array() });
});
