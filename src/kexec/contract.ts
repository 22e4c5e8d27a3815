// The wire between ekexec and its helper, as types. The prose is helper/CONTRACT.md; the numbers are helper/helper.h's.
import { Cursor, concat, EkexecError, struct, text, u8, u16, u32, u64 } from "../bytes/index.ts";

/** Version of the conversation; both sides must have the same. */
export const contractVersion = 1;

/** What stands before the helper's first frame: a login shell may print anything before it. The last byte is the version. */
export const preamble: Uint8Array = Uint8Array.of(
	0,
	...Array.from("ekexec-helper", (letter) => letter.charCodeAt(0)),
	0,
	contractVersion,
);

/** A frame's payload is at most this long: the helper keeps one in static memory. */
export const maxFrame = 65_536;

/** Types of frames; below 64 to the helper, from 64 on from it. */
export const frameType = {
	source: 1,
	probe: 2,
	keep: 3,
	file: 4,
	part: 5,
	data: 6,
	seal: 7,
	loadFile: 8,
	loadSegments: 9,
	unload: 10,
	go: 11,
	abort: 12,
	received: 13,
	token: 14,
	alive: 15,
	hello: 64,
	item: 65,
	bytes: 66,
	end: 67,
	event: 68,
} as const;

/** `length` bytes of payload follow; `tag` is the number of the source, file or part the frame is about. */
const frameHead = struct("frame", { length: u32, type: u16, tag: u16 });

/** Bytes before a frame's payload. */
export const frameHeadSize = 8;

export interface Frame {
	readonly type: number;
	readonly tag: number;
	readonly payload: Uint8Array;
}

/** The bytes of one frame. Throws `HELPER_RANGE` where the payload is too long for one. */
export function encodeFrame(
	type: number,
	tag = 0,
	payload: Uint8Array = new Uint8Array(),
): Uint8Array<ArrayBuffer> {
	if (payload.length > maxFrame) {
		throw new EkexecError<HelperCode>("bug", "HELPER_RANGE", "payload too long for one frame", {
			expected: `at most ${maxFrame} bytes`,
			found: `${payload.length}`,
		});
	}
	return concat([frameHead.write({ length: payload.length, type, tag }), payload]);
}

/** Everything that can go wrong between ekexec and its helper. */
export type HelperCode =
	| "HELPER_SILENT"
	| "HELPER_VERSION"
	| "HELPER_ENDED"
	| "HELPER_TIMEOUT"
	| "HELPER_FRAMES"
	| "HELPER_RANGE"
	| "HELPER_ORDER"
	| "HELPER_DIGEST"
	| "HELPER_SPLICE"
	| "HELPER_SYSTEM"
	| "HELPER_NOT_KEPT"
	| "HELPER_INTERRUPTED"
	| "HELPER_LOAD";

/** The helper's first words. */
export interface Hello {
	readonly contract: number;
	/** `x86_64` or `aarch64`: what the helper was built for, which is what the target runs. */
	readonly arch: string;
	readonly command: "probe" | "run" | "resume";
	/** Whether this connection took up a staging that another one lost. */
	readonly resumed: boolean;
	readonly pid: number;
	/** Effective user id. */
	readonly uid: number;
}

/** How far an item or a source got. */
export type State = "whole" | "cut" | "timed-out" | "refused" | "unstable";
const states: readonly State[] = ["whole", "cut", "timed-out", "refused", "unstable"];

/** One thing that a source found: a file, a directory, a pass of a dump. */
export interface Item {
	/** Path as found (patterns resolved), or empty where there is none. */
	readonly path: Uint8Array;
	/** 0, or why there is no content (errno of Linux). */
	readonly errno: number;
	/** `cut`: longer than the cap. `refused`: a private key, or no regular file. */
	readonly state: State;
	/** Size in bytes as stat tells it; for netlink 1 where the kernel checks requests strictly. */
	readonly size: number;
	readonly bytes: Uint8Array;
}

/** The answer to one source. A source that could not be read says so here; it never vanishes. */
export interface Answer {
	readonly source: Source;
	/** What was found; of a netlink dump that was taken several times, the last pass alone. */
	readonly items: readonly Item[];
	/** 0, or why the source as a whole failed. 110 (ETIMEDOUT) where it hung. */
	readonly errno: number;
	/** `cut`: more items than asked for. `timed-out`: it hung. `unstable`: it kept changing while it was read. */
	readonly state: State;
}

/** Kinds of sources, in the order of the helper's numbers. */
export const operations = [
	"read",
	"list",
	"stat",
	"readlink",
	"access",
	"statfs",
	"place",
	"netlink",
	"system",
	"names",
	"permaddr",
] as const;
export type Operation = (typeof operations)[number];

/** Something the probe reads. Make them with {@link source}. */
export interface Source {
	readonly op: Operation;
	readonly flags: number;
	/** Most items that are told. */
	readonly items: number;
	/** Milliseconds until it counts as stuck. */
	readonly deadline: number;
	/** Most bytes of an item. */
	readonly cap: number;
	readonly argument: Uint8Array;
}

/** What all sources of files can be told. */
export interface SourceOptions {
	/** Milliseconds until the source counts as stuck and is abandoned; 3000 unless told, at most 60000. */
	readonly deadline?: number;
	/** Most paths that a pattern may give; 1024 unless told. */
	readonly items?: number;
	/** Most bytes of one file or listing; 64 KiB unless told, at most 8 MiB. */
	readonly cap?: number;
}

const sourceHead = struct("source", { op: u8, flags: u8, items: u16, deadline: u32, cap: u32 });

/** The payload of a SOURCE frame. */
export function encodeSource(from: Source): Uint8Array {
	const { flags, items, deadline, cap } = from;
	const op = operations.indexOf(from.op);
	return concat([sourceHead.write({ op, flags, items, deadline, cap }), from.argument]);
}

const itemHead = struct("item", { errno: u32, state: u32, size: u64 });
const endLayout = struct("end", { errno: u32, state: u32 });

function stateOf(number: number): State {
	const state = states[number];
	if (state === undefined) throw badFrame("state", `0 to ${states.length - 1}`, `${number}`);
	return state;
}

/** Head of an item; its bytes come in further frames. */
export function decodeItem(payload: Uint8Array): Omit<Item, "bytes"> {
	const cursor = new Cursor(payload, { where: "helper's item" });
	const head = itemHead.read(cursor);
	const path = cursor.take(cursor.remaining, "path").slice();
	return { path, errno: head.errno, state: stateOf(head.state), size: Number(head.size) };
}

export function decodeEnd(payload: Uint8Array): { errno: number; state: State } {
	const end = endLayout.read(new Cursor(payload, { where: "helper's end of source" }));
	return { errno: end.errno, state: stateOf(end.state) };
}

/** An event of the helper: one JSON object. */
export type Event =
	| { readonly event: "probed"; readonly sources: number; readonly abandoned: number }
	| { readonly event: "keeping"; readonly seconds: number; readonly token: string }
	| {
			readonly event: "file";
			readonly file: number;
			readonly size: number;
			readonly locked: boolean;
	  }
	| { readonly event: "part"; readonly part: number; readonly size: number }
	| { readonly event: "sealed" }
	| { readonly event: "alive"; readonly tag: number }
	| { readonly event: "loaded"; readonly method: LoadMethod; readonly kexec_loaded: number }
	| { readonly event: "unloaded" | "aborted"; readonly kexec_loaded: number }
	| { readonly event: "going" }
	| { readonly event: "held"; readonly file: number; readonly size: number }
	| {
			readonly event: "state";
			readonly part: number;
			readonly received: number;
			readonly size: number;
			readonly whole: boolean;
	  }
	| { readonly event: "resumed"; readonly sealed: boolean; readonly loaded: boolean }
	| ErrorEvent;

export interface ErrorEvent {
	readonly event: "error";
	readonly code: HelperFault;
	/** The step or system call. */
	readonly at: string;
	/** errno of Linux, 0 where no system call was to blame. */
	readonly errno: number;
	readonly part?: number;
	readonly expected?: number;
	readonly found?: number;
}

/** What the helper complains about. */
export type HelperFault =
	| "ORDER"
	| "RANGE"
	| "SYSTEM"
	| "DIGEST"
	| "INCOMPLETE"
	| "SPLICE"
	| "SPLICE_SHORTER"
	| "SPLICE_LONGER"
	| "LOAD"
	| "NOT_KEPT"
	| "SIGNAL"
	| "IDLE"
	| "FRAMES";

export type LoadMethod = "kexec_file_load" | "kexec_load";

/** An event's JSON. Throws `HELPER_FRAMES` on anything else. */
export function decodeEvent(payload: Uint8Array): Event {
	const value = decodeJson(payload);
	if (typeof value.event !== "string") throw badFrame("event", "an event", text(payload));
	return value as unknown as Event;
}

export function decodeHello(payload: Uint8Array): Hello {
	const value = decodeJson(payload);
	if (typeof value.contract !== "number" || typeof value.arch !== "string") {
		throw badFrame("hello", "the helper's greeting", text(payload));
	}
	return value as unknown as Hello;
}

function decodeJson(payload: Uint8Array): Record<string, unknown> {
	let value: unknown;
	try {
		value = JSON.parse(text(payload));
	} catch {
		value = undefined;
	}
	if (typeof value !== "object" || value === null)
		throw badFrame("JSON", "an object", text(payload));
	return value as Record<string, unknown>;
}

export function badFrame(field: string, expected: string, found: string): EkexecError<HelperCode> {
	return new EkexecError("failed", "HELPER_FRAMES", "the helper's answer cannot be understood", {
		field,
		expected,
		found,
	});
}

/** Kinds of directory entries (linux/fs_types.h), for those that matter. */
export const entryType = {
	fifo: 1,
	character: 2,
	directory: 4,
	block: 6,
	file: 8,
	link: 10,
	socket: 12,
} as const;

/** The entries of a `list` item, in the order of the directory; without `.` and `..` only if the caller leaves them out. */
export function decodeList(bytes: Uint8Array): { type: number; name: Uint8Array }[] {
	const entries: { type: number; name: Uint8Array }[] = [];
	for (let at = 0; at < bytes.length; ) {
		const end = bytes.indexOf(0, at + 1);
		if (end < 0) throw badFrame("list", "a name that ends in NUL", "none");
		entries.push({ type: bytes[at] ?? 0, name: bytes.slice(at + 1, end) });
		at = end + 1;
	}
	return entries;
}

/** Answers of system calls tried harmlessly: errno, positive. */
export interface SystemFacts {
	/** 22 (EINVAL): there and allowed. 1 (EPERM): no right, or lockdown. 13 (EACCES): IMA. 38 (ENOSYS): not built in. */
	readonly kexec_load: number;
	/** As `kexec_load`. */
	readonly kexec_file_load: number;
	/** 22 (EINVAL): there. 38: not. */
	readonly memfd_create: number;
	readonly uid: number;
	readonly euid: number;
	readonly gid: number;
	readonly pid: number;
	/** As uname(2) tells; bytes that are no ASCII come as the code points of the same numbers. */
	readonly sysname?: string;
	readonly nodename?: string;
	readonly release?: string;
	readonly version?: string;
	readonly machine?: string;
	/** Seconds since 1970, and since boot. */
	readonly realtime: number;
	readonly boottime?: number;
}

/** The content of a `system` item. */
export function decodeSystem(bytes: Uint8Array): SystemFacts {
	return decodeJson(bytes) as unknown as SystemFacts;
}

/** Whether a file made in this place may be executed: errno, 0 for yes. Whether one can be made at all is the item's errno. */
export function decodePlace(bytes: Uint8Array): number {
	return new Cursor(bytes, { where: "place" }).u32("executed");
}
