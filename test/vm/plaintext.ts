import { createRequire } from "node:module";

/** The parts of ssh2 through which every message of a connection comes after it was decrypted. */
interface Crypto {
	createDecipher(config: unknown): Decipher;
	NullDecipher: new (...args: unknown[]) => Decipher;
}
/** Both ends of a key exchange put another taker in. */
interface Decipher {
	_onPayload: Take;
}
type Take = (this: unknown, payload: Buffer) => unknown;

/** SSH_MSG_CHANNEL_DATA (RFC 4254, 5.2): byte, channel, length, data. */
const channelData = 94;
const channelDataHead = 9;

/** Everything that SSH connections of this process receive, decrypted, at the lowest place where it is so. */
export class Plaintext {
	#payloads: Buffer[] = [];

	/** Begins anew. */
	clear(): void {
		this.#payloads = [];
	}

	take(payload: Buffer): void {
		this.#payloads.push(Buffer.from(payload));
	}

	get bytes(): number {
		return this.#payloads.reduce((sum, { length }) => sum + length, 0);
	}

	/** Whether the bytes came, within one message or over several of a channel's. */
	includes(needle: Buffer): boolean {
		const streams = new Map<number, Buffer[]>();
		for (const payload of this.#payloads) {
			if (payload[0] !== channelData) continue;
			const channel = payload.readUInt32BE(1);
			const parts = streams.get(channel) ?? [];
			parts.push(payload.subarray(channelDataHead));
			streams.set(channel, parts);
		}
		const all = [...this.#payloads, ...[...streams.values()].map((parts) => Buffer.concat(parts))];
		return all.some((bytes) => bytes.includes(needle));
	}
}

/** Puts itself into ssh2. To be called before ssh2 is loaded. */
export function recordPlaintext(): Plaintext {
	const plaintext = new Plaintext();
	const require = createRequire(import.meta.url);
	const crypto = require("ssh2/lib/protocol/crypto.js") as Crypto;
	const { createDecipher, NullDecipher } = crypto;
	const watch = (decipher: Decipher): Decipher => {
		let next = decipher._onPayload;
		const take: Take = function (payload) {
			plaintext.take(payload);
			return next.call(this, payload);
		};
		return Object.defineProperty(decipher, "_onPayload", {
			get: () => take,
			set: (taker: Take) => {
				next = taker;
			},
		});
	};
	crypto.createDecipher = (config) => watch(createDecipher(config));
	crypto.NullDecipher = class extends NullDecipher {
		constructor(...args: unknown[]) {
			super(...args);
			watch(this);
		}
	};
	return plaintext;
}
