import { concat, EkexecError, type Endian } from "../bytes/index.ts";
import { type CompiledSet, compileSet, type Draft } from "./attributes.ts";
import { errnoName } from "./errno.ts";
import { damaged, type NetlinkCode } from "./error.ts";
import type { SetValue } from "./layout.ts";
import {
	kindOf,
	messageFlags,
	messageHeaderSize,
	messageTypes,
	type ObjectKind,
	type Objects,
	readObject,
} from "./message.ts";
import { Reader } from "./reader.ts";
import { extendedAck } from "./tables/ack.ts";
import type { Address, BridgeLink, Link, Neighbour, Nexthop, Route, Rule } from "./types.ts";

/** Longest message accepted. Dumps come in datagrams of some 32 kB; a link with hundreds of VFs has more. */
const longestMessage = 1024 * 1024;

/** A message of a type that has no table here. */
export interface OtherMessage {
	readonly type: number;
	/** Everything after struct nlmsghdr. */
	readonly payload: Uint8Array;
}

/** What the kernel said beside the objects. */
export interface DumpStatus {
	/** NLM_F_DUMP_INTR: things changed while they were told; some may be missing or twice. Read again. */
	interrupted: boolean;
	/** NLM_F_DUMP_FILTERED: a filter of the request was applied. */
	filtered: boolean;
	/** Warning of the extended acknowledgement, if any. */
	warning?: string;
}

export interface DumpOptions {
	/** Byte order of the machine that made the dump; told from the first message unless given. */
	readonly endian?: Endian;
	/** File or host, for errors. */
	readonly where?: string;
	/** nlmsg_seq of the request; that of the first message unless given. */
	readonly sequence?: number;
	/** nlmsg_pid of the asking socket; that of the first message unless given. */
	readonly port?: number;
}

/** Who gets what a dump holds, message by message. */
export interface DumpSink {
	object<K extends ObjectKind>(kind: K, object: Objects[K]): void;
	other(message: OtherMessage): void;
}

/**
 * Puts the answer to one dump request together: the datagrams one after another, cut anywhere. Objects go to the
 * sink as soon as their message is whole.
 *
 * Throws `NETLINK_ERRNO` when the kernel answered with an error (in NLMSG_ERROR or in the payload of NLMSG_DONE),
 * `NETLINK_OVERRUN`, `NETLINK_SEQUENCE`, and `NETLINK_TRUNCATED`, `NETLINK_MESSAGE` or `NETLINK_ATTRIBUTE` for
 * bytes that are no such answer.
 */
export class DumpParser {
	readonly status: DumpStatus = { interrupted: false, filtered: false };
	/** Whether NLMSG_DONE was seen. */
	done = false;
	readonly #sink: DumpSink;
	readonly #options: DumpOptions;
	#endian: Endian | undefined;
	#sequence: number | undefined;
	#port: number | undefined;
	/** Offset in the whole dump of the first byte not yet read. */
	#offset = 0;
	/** Bytes of padding after the last message that are yet to come. */
	#padding = 0;
	#pending: Uint8Array[] = [];
	#pendingLength = 0;
	/** Bytes to be there before it is worth looking again. */
	#wanted = messageHeaderSize;

	constructor(sink: DumpSink, options: DumpOptions = {}) {
		this.#sink = sink;
		this.#options = options;
		this.#endian = options.endian;
		this.#sequence = options.sequence;
		this.#port = options.port;
	}

	/** Takes the next bytes. They are not copied: do not overwrite them while objects with payloads are in use. */
	push(chunk: Uint8Array): void {
		if (this.#pendingLength > 0) {
			this.#pending.push(chunk);
			this.#pendingLength += chunk.length;
			if (this.#pendingLength < this.#wanted) return;
			const joined = concat(this.#pending);
			this.#pending = [];
			this.#pendingLength = 0;
			this.#read(joined);
		} else {
			this.#read(chunk);
		}
	}

	/** Says that no more bytes come. Throws `NETLINK_TRUNCATED` within a message, `NETLINK_UNFINISHED` without an end. */
	end(): DumpStatus {
		if (this.#pendingLength > 0) {
			throw damaged("NETLINK_TRUNCATED", "dump ends within a message", {
				where: this.#options.where,
				offset: this.#offset,
				field: "nlmsghdr",
				expected: `${this.#wanted} bytes`,
				found: `${this.#pendingLength} bytes`,
			});
		}
		if (!this.done) {
			throw damaged("NETLINK_UNFINISHED", "dump has no end", {
				where: this.#options.where,
				offset: this.#offset,
				expected: "NLMSG_DONE",
				found: "nothing",
			});
		}
		return this.status;
	}

	#read(bytes: Uint8Array): void {
		let reader: Reader | undefined;
		let at = Math.min(this.#padding, bytes.length);
		this.#padding -= at;
		while (bytes.length - at >= messageHeaderSize) {
			this.#endian ??= endianOf(bytes, at);
			if (reader === undefined) {
				reader = new Reader(bytes, this.#endian, this.#options.where);
				reader.base = this.#offset;
			}
			const length = reader.view.getUint32(at, reader.little);
			if (length < messageHeaderSize || length > longestMessage) {
				throw this.#damagedMessage(
					at,
					"nlmsg_len",
					`${messageHeaderSize} to ${longestMessage}`,
					`${length}`,
				);
			}
			if (length > bytes.length - at) {
				this.#wanted = length;
				break;
			}
			this.#message(reader, at, at + length);
			// NLMSG_ALIGN: the padding may be in the next chunk, or missing after the last message of all.
			at += length;
			this.#padding = (4 - (length % 4)) % 4;
			const skipped = Math.min(this.#padding, bytes.length - at);
			at += skipped;
			this.#padding -= skipped;
		}
		this.#offset += at;
		if (at < bytes.length) {
			if (bytes.length - at < messageHeaderSize) this.#wanted = messageHeaderSize;
			this.#pending = [at === 0 ? bytes : bytes.subarray(at)];
			this.#pendingLength = bytes.length - at;
		}
	}

	#message(reader: Reader, at: number, end: number): void {
		const { view, little } = reader;
		const type = view.getUint16(at + 4, little);
		const flags = view.getUint16(at + 6, little);
		if (type === messageTypes.noop) return;
		if (this.done)
			throw this.#damagedMessage(at, "nlmsg_type", "nothing after NLMSG_DONE", `${type}`);
		this.#belongs(view.getUint32(at + 8, little), view.getUint32(at + 12, little), at);
		if (flags % 32 >= messageFlags.dumpInterrupted) this.status.interrupted = true;
		const body = at + messageHeaderSize;
		if (type >= 16) {
			if (flags % 64 >= messageFlags.dumpFiltered) this.status.filtered = true;
			const kind = kindOf(type, reader.bytes[body] ?? 0);
			if (kind === undefined || body === end) {
				this.#sink.other({ type, payload: reader.bytes.subarray(body, end) });
			} else this.#sink.object(kind, readObject(kind, reader, body, end));
		} else if (type === messageTypes.done) {
			this.done = true;
			this.#finish(reader, body, end, flags);
		} else if (type === messageTypes.error) {
			this.#error(reader, body, end, flags);
		} else if (type === messageTypes.overrun) {
			throw new EkexecError<NetlinkCode>(
				"failed",
				"NETLINK_OVERRUN",
				"the kernel lost messages of this dump",
				{
					where: this.#options.where,
					offset: reader.base + at,
					remedy: "Read again with a larger receive buffer.",
				},
			);
		} else {
			throw this.#damagedMessage(at, "nlmsg_type", "a control message or 16 and up", `${type}`);
		}
	}

	#belongs(sequence: number, port: number, at: number): void {
		this.#sequence ??= sequence;
		this.#port ??= port;
		if (sequence === this.#sequence && port === this.#port) return;
		throw damaged("NETLINK_SEQUENCE", "message of another dump", {
			where: this.#options.where,
			offset: this.#offset + at,
			field: "nlmsg_seq, nlmsg_pid",
			expected: `${this.#sequence}, ${this.#port}`,
			found: `${sequence}, ${port}`,
		});
	}

	// NLMSG_DONE: int error (absent from very old kernels), then attributes if NLM_F_ACK_TLVS.
	#finish(reader: Reader, body: number, end: number, flags: number): void {
		if (end - body < 4) return;
		const errno = reader.view.getInt32(body, reader.little);
		const ack = hasAck(flags) ? readAck(reader, body + 4, end) : {};
		if (errno < 0) throw this.#errno(-errno, ack);
		if (ack.message !== undefined) this.status.warning = ack.message;
	}

	// struct nlmsgerr { int error; struct nlmsghdr msg; }, the request's payload unless NLM_F_CAPPED, then attributes.
	#error(reader: Reader, body: number, end: number, flags: number): void {
		if (end - body < 4 + messageHeaderSize) {
			throw this.#damagedMessage(
				body,
				"nlmsgerr",
				`${4 + messageHeaderSize} bytes`,
				`${end - body} bytes`,
			);
		}
		const errno = reader.view.getInt32(body, reader.little);
		let ack: SetValue<typeof extendedAck> = {};
		if (hasAck(flags)) {
			const asked = reader.view.getUint32(body + 4, reader.little);
			const capped = flags % 512 >= messageFlags.capped;
			const echoed = capped ? messageHeaderSize : asked + ((4 - (asked % 4)) % 4);
			if (asked < messageHeaderSize || body + 4 + echoed > end) {
				throw this.#damagedMessage(
					body + 4,
					"nlmsgerr.msg.nlmsg_len",
					`${messageHeaderSize} to ${end - body - 4}`,
					`${asked}`,
				);
			}
			ack = readAck(reader, body + 4 + echoed, end);
		}
		if (errno !== 0) throw this.#errno(Math.abs(errno), ack);
		// An error of 0 is an acknowledgement, which ends nothing.
		if (ack.message !== undefined) this.status.warning = ack.message;
	}

	#errno(errno: number, ack: SetValue<typeof extendedAck>): EkexecError<NetlinkCode> {
		const name = errnoName(errno);
		const said = ack.message === undefined ? "" : `: ${ack.message}`;
		return new EkexecError("failed", "NETLINK_ERRNO", `the kernel answered ${name}${said}`, {
			where: this.#options.where,
			field: ack.offset === undefined ? undefined : `byte ${ack.offset} of the request`,
			cause: new KernelAnswer(errno, ack),
		});
	}

	#damagedMessage(
		at: number,
		field: string,
		expected: string,
		found: string,
	): EkexecError<NetlinkCode> {
		return damaged("NETLINK_MESSAGE", "not a netlink message", {
			where: this.#options.where,
			offset: this.#offset + at,
			field,
			expected,
			found,
		});
	}
}

/** Cause of `NETLINK_ERRNO`: the number and what the extended acknowledgement adds. */
export class KernelAnswer extends Error {
	override readonly name = "KernelAnswer";
	/** Positive. */
	readonly errno: number;
	/** Members as in linux/netlink.h, enum nlmsgerr_attrs. */
	readonly ack: SetValue<typeof extendedAck>;

	constructor(errno: number, ack: SetValue<typeof extendedAck>) {
		super(errnoName(errno));
		this.errno = errno;
		this.ack = ack;
	}
}

/** Whether an error is the kernel's `errno` (positive), wrapped as this room does. */
export function isErrno(error: unknown, ...errnos: readonly number[]): boolean {
	if (!(error instanceof EkexecError) || error.code !== "NETLINK_ERRNO") return false;
	const cause = error.details.cause;
	return cause instanceof KernelAnswer && errnos.includes(cause.errno);
}

let ackSet: CompiledSet | undefined;

function readAck(reader: Reader, at: number, end: number): SetValue<typeof extendedAck> {
	ackSet ??= compileSet(extendedAck);
	const draft: Draft = {};
	ackSet.read(draft, reader, at, end, 0);
	return draft;
}

function hasAck(flags: number): boolean {
	return flags % 1024 >= messageFlags.ackTlvs;
}

/** No type of routing netlink reaches 256, and none is 0: one of its two bytes is zero, and tells the order. */
function endianOf(bytes: Uint8Array, at: number): Endian {
	return bytes[at + 5] === 0 ? "little" : "big";
}

/** All objects of a dump, by kind and in the order they came. */
export interface Decoded extends DumpStatus {
	links: Link[];
	bridgeLinks: BridgeLink[];
	addresses: Address[];
	routes: Route[];
	rules: Rule[];
	nexthops: Nexthop[];
	neighbours: Neighbour[];
	/** Messages of types that have no table here. */
	others: OtherMessage[];
}

/** A sink that keeps everything. */
export class Collector implements DumpSink {
	readonly links: Link[] = [];
	readonly bridgeLinks: BridgeLink[] = [];
	readonly addresses: Address[] = [];
	readonly routes: Route[] = [];
	readonly rules: Rule[] = [];
	readonly nexthops: Nexthop[] = [];
	readonly neighbours: Neighbour[] = [];
	readonly others: OtherMessage[] = [];
	readonly #lists: { readonly [K in ObjectKind]: Objects[K][] } = {
		link: this.links,
		bridgeLink: this.bridgeLinks,
		address: this.addresses,
		route: this.routes,
		rule: this.rules,
		nexthop: this.nexthops,
		neighbour: this.neighbours,
	};

	readonly #onRoute: ((route: Route) => void) | undefined;

	constructor(onRoute?: (route: Route) => void) {
		this.#onRoute = onRoute;
	}

	object<K extends ObjectKind>(kind: K, object: Objects[K]): void {
		if (kind === "route" && this.#onRoute !== undefined) this.#onRoute(object as Route);
		else this.#lists[kind].push(object);
	}

	other(message: OtherMessage): void {
		this.others.push(message);
	}
}

/**
 * Decodes the whole answer to one dump request. Throws as {@link DumpParser}. A dump that was interrupted is
 * decoded all the same: look at `interrupted`. Routes go to `onRoute`, if there is one, and into no list.
 */
export function decodeDump(
	bytes: Uint8Array,
	options: DumpOptions = {},
	onRoute?: (route: Route) => void,
): Decoded {
	const all = new Collector(onRoute);
	const parser = new DumpParser(all, options);
	parser.push(bytes);
	const status = parser.end();
	const { links, bridgeLinks, addresses, routes, rules, nexthops, neighbours, others } = all;
	return { ...status, links, bridgeLinks, addresses, routes, rules, nexthops, neighbours, others };
}
