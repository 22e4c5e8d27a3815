// The local transport: a routing netlink socket of this machine, through the optional package `netlink`.
//
// That package cannot set socket options. NETLINK_GET_STRICT_CHK is missed little: it lets the kernel refuse or apply
// filters of a request, and the requests here filter nothing; without it dumps of routes hold cached ones as well,
// which `decodeSnapshot` leaves out. Without NETLINK_EXT_ACK an error comes as a bare errno.
import { alignUp, concat, EkexecError } from "../bytes/index.ts";
import type { NetlinkCode } from "./error.ts";
import { messageHeaderSize, messageTypes } from "./message.ts";
import { hostEndian } from "./reader.ts";
import { type DumpName, dumpNames, dumpRequest, groupsOf } from "./request.ts";
import { decodeSnapshot, type RawDump, type RawSnapshot, type Snapshot } from "./snapshot.ts";

/** What is used of the package's RawNetlinkSocket. */
interface NativeSocket {
	on(event: "message", listener: (datagram: Uint8Array, from: { port: number }) => void): unknown;
	on(
		event: "truncatedMessage",
		listener: (datagram: Uint8Array, from: { truncated?: number }) => void,
	): unknown;
	on(event: "error", listener: (error: Error & { code?: string }) => void): unknown;
	send(message: Uint8Array, options: undefined, callback: (error?: Error) => void): void;
	addMembership(group: number): void;
	address(): { port: number };
	close(): void;
}

export interface CollectOptions {
	/** Gives up between and within dumps. */
	readonly signal?: AbortSignal;
	/** Milliseconds that the kernel may take for one dump; 30000 unless told. */
	readonly timeout?: number;
	/** How often all is read again while things change; 5 unless told. After that the last reading is given as unstable. */
	readonly attempts?: number;
	/** Dumps to take; all unless told. */
	readonly only?: readonly DumpName[];
}

/** The network of this machine (of the network namespace at hand): raw as the kernel told it, and decoded. */
export interface Collected {
	readonly raw: RawSnapshot;
	readonly snapshot: Snapshot;
}

/** NETLINK_ROUTE of linux/netlink.h */
const netlinkRoute = 0;
/** Kernels fill datagrams of a dump up to 32 kB, given room for them. */
const datagramSize = 65_536;
/** A single message larger than this is none that a kernel makes. */
const largestDatagram = 16 * 1024 * 1024;
/** For notifications, which come unasked; the kernel takes as much of it as net.core.rmem_max allows. */
const receiveBuffer = 4 * 1024 * 1024;

/**
 * Reads the network of this machine. A second socket listens for changes meanwhile: kernels mark torn dumps of links,
 * addresses and nexthops, never those of routes and rules. If anything changed, all is read again.
 *
 * Needs no privilege. Throws `NETLINK_UNAVAILABLE` on systems without netlink, `NETLINK_TIMEOUT`, `NETLINK_SOCKET`,
 * and what `decodeSnapshot` throws.
 */
export async function collect(options: CollectOptions = {}): Promise<Collected> {
	const attempts = options.attempts ?? 5;
	const names = options.only ?? dumpNames;
	for (let attempt = 1; ; attempt++) {
		const { raw, changed } = await readOnce(names, options);
		const snapshot = decodeSnapshot(raw, { where: "this machine" });
		if (!changed && snapshot.unstable.length === 0) return { raw, snapshot };
		if (attempt >= attempts) {
			const unstable = Object.fromEntries(
				Object.entries(raw).map(([name, dump]) => [
					name,
					{ ...dump, stable: dump.stable && !changed },
				]),
			) as RawSnapshot;
			return { raw: unstable, snapshot: decodeSnapshot(unstable, { where: "this machine" }) };
		}
	}
}

async function readOnce(
	names: readonly DumpName[],
	options: CollectOptions,
): Promise<{ raw: RawSnapshot; changed: boolean }> {
	const raw: { [N in DumpName]?: RawDump } = {};
	const watch = await Watch.open(new Set(names.flatMap((name) => groupsOf(name))));
	try {
		for (const name of names) raw[name] = { bytes: await dump(name, options), stable: true };
		return { raw, changed: await watch.changed() };
	} finally {
		watch.close();
	}
}

/** Listens for changes from when it is opened. */
class Watch {
	readonly #socket: NativeSocket;
	#changed = false;

	static async open(groups: Iterable<number>): Promise<Watch> {
		const watch = new Watch(await openSocket(datagramSize));
		for (const group of groups) {
			try {
				watch.#socket.addMembership(group);
			} catch {
				// Older kernels lack the later groups, and then what they would tell of, too.
			}
		}
		return watch;
	}

	private constructor(socket: NativeSocket) {
		this.#socket = socket;
		const changed = () => {
			this.#changed = true;
		};
		// An error is ENOBUFS: more changes than the socket could hold.
		socket.on("message", changed);
		socket.on("truncatedMessage", changed);
		socket.on("error", changed);
	}

	/** Whether there was a change up to now. The kernel has queued its news by now; the event loop must fetch them. */
	async changed(): Promise<boolean> {
		for (let turn = 0; turn < 2; turn++) {
			await new Promise<void>((resolve) => setImmediate(resolve));
		}
		return this.#changed;
	}

	close(): void {
		this.#socket.close();
	}
}

/** Takes one dump: the datagrams up to NLMSG_DONE or an error, which is left to whoever decodes them. */
async function dump(name: DumpName, options: CollectOptions): Promise<Uint8Array> {
	for (let size = datagramSize; ; ) {
		const answer = await tryDump(name, size, options);
		if (typeof answer !== "number") return answer;
		if (answer > largestDatagram) throw socketError(name, `a datagram of ${answer} bytes`);
		size = answer;
	}
}

/** Answers the bytes, or the size of a datagram that did not fit. */
async function tryDump(
	name: DumpName,
	size: number,
	{ signal, timeout = 30_000 }: CollectOptions,
): Promise<Uint8Array | number> {
	signal?.throwIfAborted();
	const socket = await openSocket(size);
	const cleanUp: (() => void)[] = [() => socket.close()];
	try {
		return await new Promise((resolve, reject) => {
			const parts: Uint8Array[] = [];
			socket.on("message", (datagram, from) => {
				// Any process may send to this port; only the kernel is port 0.
				if (from.port !== 0) return;
				// A copy: the package's buffers are twice the size of what is in them.
				const copy = new Uint8Array(datagram);
				parts.push(copy);
				try {
					if (isLast(copy)) resolve(concat(parts));
				} catch (error) {
					reject(error);
				}
			});
			socket.on("truncatedMessage", (_, from) => resolve(from.truncated ?? 2 * size));
			socket.on("error", (error) => reject(socketError(name, error.code ?? error.message, error)));
			const timer = setTimeout(() => reject(timedOut(name, timeout)), timeout);
			cleanUp.push(() => clearTimeout(timer));
			const abort = () => reject(signal?.reason);
			signal?.addEventListener("abort", abort);
			cleanUp.push(() => signal?.removeEventListener("abort", abort));
			const request = Buffer.from(dumpRequest(name, { sequence: 1 }));
			socket.send(request, undefined, (error) => {
				if (error !== undefined) reject(socketError(name, error.message, error));
			});
		});
	} finally {
		for (const action of cleanUp) action();
	}
}

/** Whether a datagram holds NLMSG_DONE or NLMSG_ERROR. Objects are not decoded. */
function isLast(datagram: Uint8Array): boolean {
	const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
	const little = hostEndian === "little";
	for (let at = 0; at + messageHeaderSize <= datagram.length; ) {
		const length = view.getUint32(at, little);
		const type = view.getUint16(at + 4, little);
		if (type === messageTypes.done || type === messageTypes.error) return true;
		if (length < messageHeaderSize) throw socketError("nlmsg_len", `${length}`);
		at += alignUp(length, 4);
	}
	return false;
}

async function openSocket(size: number): Promise<NativeSocket> {
	let open: new (protocol: number, options: object) => NativeSocket;
	try {
		// Optional: it has a native part, which only Linux can have.
		({ RawNetlinkSocket: open } = (await import("netlink")) as unknown as {
			RawNetlinkSocket: typeof open;
		});
	} catch (cause) {
		throw new EkexecError<NetlinkCode>(
			"usage",
			"NETLINK_UNAVAILABLE",
			"no netlink socket on this machine",
			{
				expected: "Linux, with the optional package `netlink` installed",
				found: process.platform,
				remedy:
					process.platform === "linux"
						? "Install it: npm install netlink. Or name a target: its network is read over SSH."
						: "Name a target: its network is read over SSH.",
				cause,
			},
		);
	}
	try {
		return new open(netlinkRoute, {
			messagePeeking: false,
			msgBufferSize: size,
			recvBufferSize: receiveBuffer,
		});
	} catch (cause) {
		throw socketError("socket", cause instanceof Error ? cause.message : String(cause), cause);
	}
}

function socketError(name: string, found: string, cause?: unknown): EkexecError<NetlinkCode> {
	return new EkexecError("failed", "NETLINK_SOCKET", "the netlink socket failed", {
		where: "this machine",
		field: name,
		found,
		cause,
	});
}

function timedOut(name: string, timeout: number): EkexecError<NetlinkCode> {
	return new EkexecError("failed", "NETLINK_TIMEOUT", "the kernel did not finish a dump", {
		where: "this machine",
		field: name,
		expected: `NLMSG_DONE within ${timeout} ms`,
		remedy: "A host with very many routes may need more time.",
	});
}
