import { connect } from "node:net";
import ssh2 from "ssh2";
import { Cursor, text } from "../bytes/index.ts";
import type { PublicKey } from "./connection.ts";
import { publicKey } from "./public-key.ts";

/** A key that an agent holds. */
export interface AgentKey {
	readonly key: PublicKey;
	readonly comment: string;
}

/** RFC draft-ietf-sshm-ssh-agent, 4.1: SSH_AGENTC_REQUEST_IDENTITIES and its answer. */
const requestIdentities = 11;
const identitiesAnswer = 12;
/** OpenSSH's own limit of one agent message (AGENT_MAX_LEN). */
const maxMessage = 256 * 1024;
/** An agent answers at once; a hung socket (a forwarded agent whose session is gone) must not hang us. */
const answerWithin = 10_000;

/**
 * All keys of the agent at `path`, those included that ssh2 cannot use (certificates, security keys) and would
 * drop in silence. An agent that is not there or makes no sense has no keys.
 */
export async function agentKeys(path: string): Promise<AgentKey[]> {
	try {
		return parseIdentities(await request(path));
	} catch {
		return [];
	}
}

/** Reads SSH_AGENT_IDENTITIES_ANSWER, without its length; throws `BYTES_TRUNCATED`. */
export function parseIdentities(message: Uint8Array): AgentKey[] {
	const cursor = new Cursor(message, { endian: "big", where: "answer of the agent" });
	if (cursor.u8("type") !== identitiesAnswer) return [];
	const keys: AgentKey[] = [];
	for (let left = cursor.u32("count"); left > 0; left--) {
		const key = publicKey(cursor.take(cursor.u32("length of key"), "key"));
		const comment = text(cursor.take(cursor.u32("length of comment"), "comment"));
		if (key !== undefined) keys.push({ key, comment });
	}
	return keys;
}

function request(path: string): Promise<Uint8Array> {
	return new Promise((resolve, reject) => {
		const socket = connect(path);
		let held = Buffer.alloc(0);
		const fail = (reason: Error) => {
			socket.destroy();
			reject(reason);
		};
		socket.setTimeout(answerWithin, () => fail(new Error("the agent does not answer")));
		socket.on("error", fail);
		socket.on("close", () => fail(new Error("the agent hung up")));
		socket.on("connect", () => socket.write(Uint8Array.of(0, 0, 0, 1, requestIdentities)));
		socket.on("data", (chunk: Buffer) => {
			held = Buffer.concat([held, chunk]);
			if (held.length < 4) return;
			const length = held.readUInt32BE(0);
			if (length > maxMessage) fail(new Error("the agent's answer is too long"));
			else if (held.length >= 4 + length) {
				resolve(held.subarray(4, 4 + length));
				socket.destroy();
			}
		});
	});
}

/** Lets the agent sign; `hash` chooses among RSA's algorithms. Resolves with the bare signature. */
export function agentSign(
	path: string,
	key: PublicKey,
	data: Buffer,
	hash: "sha256" | "sha512" | undefined,
): Promise<Buffer> {
	const parsed = ssh2.utils.parseKey(`${key.type} ${Buffer.from(key.blob).toString("base64")}`);
	if (parsed instanceof Error) return Promise.reject(parsed);
	return new Promise((resolve, reject) => {
		const agent = new ssh2.OpenSSHAgent(path);
		agent.sign(parsed, data, hash === undefined ? {} : { hash }, (error, signature) => {
			if (error || signature === undefined) reject(error ?? new Error("no signature"));
			else resolve(signature);
		});
	});
}
