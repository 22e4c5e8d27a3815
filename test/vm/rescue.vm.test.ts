import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { recordPlaintext } from "./plaintext.ts";

// Before anything that loads ssh2.
const received = recordPlaintext();
const { host } = await import("../../src/rescue/index.ts");
const { breakRoot, repairRoot } = await import("../../src/vm/index.ts");
const { asRoot, bootedVictim, noVictim, rescueOptions } = await import("./lab.ts");

type Victim = Awaited<ReturnType<typeof bootedVictim>>;
type Result = Awaited<ReturnType<typeof host>>;

const lacking = await noVictim("qemu-img");
const privateKeys = ["/etc/ssh/ssh_host_ed25519_key", "/etc/ssh/ssh_host_ecdsa_key"];

/** One rescue of one victim, from its first boot to its repaired disk; the tests below look at it. */
describe.skipIf(lacking)(`a host with a broken root is rescued ${lacking}`, () => {
	let victim: Victim;
	let result: Result;
	let bootId: string;
	let secrets: Secret[];
	let complaint: string;
	let plaintextSaw: boolean[];

	beforeAll(async () => {
		victim = await bootedVictim("bookworm");
		const files: string[] = [];
		await asRoot(victim, async (say) => {
			bootId = (await say("cat", "/proc/sys/kernel/random/boot_id")).text.trim();
			for (const path of privateKeys) files.push((await say("cat", path)).text);
		});
		secrets = files.flatMap(secretsOf);
		// The control: where a private key does come in, it is seen.
		plaintextSaw = secrets
			.filter(({ form }) => form.startsWith("line of"))
			.map(({ bytes }) => received.includes(bytes));
		complaint = await breakRoot(victim);
		received.clear();
		try {
			result = await host("root@127.0.0.1", await rescueOptions(victim));
		} catch (error) {
			console.error(victim.vm.console.tail(60));
			throw error;
		}
	}, 900_000);
	afterAll(() => victim?.stop());

	test("its root file system was read-only before", () => {
		expect(complaint).toContain("Read-only file system");
	});

	test("the same host key answers, with a new boot id, behind this run's nonce", () => {
		expect(result.jumped).toBe(true);
		expect(result.proof?.bootId).toMatch(/^[0-9a-f-]{36}$/);
		expect(result.proof?.bootId).not.toBe(bootId);
		expect(result.facts.bootId).toBe(bootId);
	});

	test("its disk and both cards are known to have drivers in the image, none of which asks for firmware", () => {
		const drivers = result.plan.checks.filter(({ id }) => id === "drivers");
		expect(drivers).toEqual([
			{ id: "drivers", verdict: "ok", found: "for 2 network cards and 1 disk" },
		]);
		expect(result.plan.image.layers).not.toContain("firmware");
	});

	test("every planned address and route is there, and no unit failed", () => {
		expect(result.proof?.network).toEqual([]);
		expect(result.proof?.failedUnits).toEqual([]);
	});

	test("no private host key came to the operator, in no form", () => {
		expect(plaintextSaw.length).toBeGreaterThanOrEqual(privateKeys.length);
		expect(plaintextSaw).not.toContain(false);
		expect(received.bytes).toBeGreaterThan(10_000);
		// The other control: what came during the rescue is seen.
		expect(received.includes(Buffer.from(result.facts.bootId))).toBe(true);
		const leaked = secrets.filter(({ bytes }) => received.includes(bytes));
		expect(leaked.map(({ form }) => form)).toEqual([]);
	});

	test("the disk is not mounted, e2fsck corrects it, addresses and routes are as they were", async () => {
		const repair = await repairRoot(victim, result.hostKey);
		expect(repair.mounted).toBe("");
		// e2fsck(8): 1 means that errors were corrected.
		expect(repair.code).toBe(1);
		expect(repair.check).toContain("FILE SYSTEM WAS MODIFIED");
		expect(repair.addresses).toContain("192.0.2.15/24");
		expect(repair.addresses).toContain("2001:db8:1::15/64");
		expect(repair.routes).toMatch(/^default via 192\.0\.2\.2 /m);
		expect(repair.routes).toMatch(/^198\.51\.100\.0\/24 via 192\.0\.2\.2 .*metric 50 mtu 1400/m);
	});

	test("the rescue system is not rescued once more unless asked to", async () => {
		const { check } = await import("../../src/rescue/index.ts");
		const { plan } = await check("root@127.0.0.1", await rescueOptions(victim));
		expect(plan.refused).toBe(true);
		const refusals = plan.checks.filter(({ verdict }) => verdict === "refusal");
		expect(refusals.map(({ id }) => id)).toContain("rescue-system");
	});
});

interface Secret {
	readonly form: string;
	readonly bytes: Buffer;
}

/** Bytes that a line of the file stands for: 70 characters. */
const bytesOfLine = (70 * 3) / 4;

/** What of a private key file must not be seen: the lines that hold the secret, and the secret in any form. */
function secretsOf(file: string): Secret[] {
	const lines = file.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
	const blob = Buffer.from(lines.join(""), "base64");
	const type = blob.includes("ssh-ed25519") ? "ed25519" : "ecdsa";
	const { start, secret } = secretOf(blob);
	const holding = lines.filter(
		(_line, at) => (at + 1) * bytesOfLine > start && at * bytesOfLine < start + secret.length,
	);
	// In base64 the same bytes look in three ways, by what stands before them.
	const base64 = [0, 1, 2].map((skip) => secret.subarray(skip, skip + 27).toString("base64"));
	return [
		...holding.map((line) => ({ form: `line of the ${type} key`, bytes: Buffer.from(line) })),
		{ form: `the ${type} secret`, bytes: secret },
		{ form: `the ${type} secret in hexadecimal`, bytes: Buffer.from(secret.toString("hex")) },
		...base64.map((text) => ({ form: `the ${type} secret in base64`, bytes: Buffer.from(text) })),
	];
}

/** The secret bytes of an OpenSSH private key (PROTOCOL.key): in its private half the string after the public one. */
function secretOf(blob: Buffer): { readonly start: number; readonly secret: Buffer } {
	let at = "openssh-key-v1".length + 1;
	const next = (): Buffer => {
		const size = blob.readUInt32BE(at);
		at += 4 + size;
		return blob.subarray(at - size, at);
	};
	for (let field = 0; field < 3; field++) next();
	at += 4;
	next();
	// Into the private half: its length, then the check integers.
	at += 4 + 8;
	const type = next().toString();
	if (type.startsWith("ecdsa")) next();
	next();
	const field = next();
	// Ed25519 keeps the seed before the public key; the number of ECDSA may have a zero before it.
	const secret = type === "ssh-ed25519" ? field.subarray(0, 32) : field.subarray(-32);
	return { start: at - field.length + secret.byteOffset - field.byteOffset, secret };
}
