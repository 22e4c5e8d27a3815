import { unwritable } from "./error.ts";

// Made once: joining four of these is twice as fast as turning four numbers into text.
const octets = Array.from({ length: 256 }, (_, octet) => `${octet}`);
const dotted = octets.map((octet) => `.${octet}`);

/** IPv4 address at `at` as text. */
export function showIpv4(bytes: Uint8Array, at: number): string {
	const [a, b, c, d] = [bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0, bytes[at + 3] ?? 0];
	return `${octets[a]}${dotted[b]}${dotted[c]}${dotted[d]}`;
}

/**
 * IPv6 address at `at` as text by RFC 5952: lower case, the longest run of two or more zero groups (the first of
 * equals) as `::`, IPv4-mapped addresses with a dotted tail as glibc and iproute2 write them.
 */
export function showIpv6(bytes: Uint8Array, at: number): string {
	const groups = new Array<number>(8);
	for (let i = 0; i < 8; i++) {
		groups[i] = (bytes[at + 2 * i] ?? 0) * 256 + (bytes[at + 2 * i + 1] ?? 0);
	}
	let start = -1;
	let length = 1;
	for (let i = 0; i < 8; i++) {
		let end = i;
		while (end < 8 && groups[end] === 0) end++;
		if (end - i > length) {
			start = i;
			length = end - i;
		}
		if (end > i) i = end;
	}
	// inet_ntop(3) of glibc: dotted tail after ::ffff: and after six zero groups.
	const mapped = start === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff));
	const stop = mapped ? 6 : 8;
	let shown = "";
	for (let i = 0; i < stop; i++) {
		if (i === start) {
			shown += "::";
			i += length - 1;
		} else {
			if (shown !== "" && !shown.endsWith(":")) shown += ":";
			shown += (groups[i] ?? 0).toString(16);
		}
	}
	if (!mapped) return shown;
	return `${shown.endsWith(":") ? shown : `${shown}:`}${showIpv4(bytes, at + 12)}`;
}

/** IP address of four or sixteen bytes as text. Other lengths, and other families (MPLS labels), as `hex:` and digits. */
export function showIp(bytes: Uint8Array, at: number, length: number, family = 0): string {
	if (family !== 28) {
		if (length === 4) return showIpv4(bytes, at);
		if (length === 16) return showIpv6(bytes, at);
	}
	let digits = "hex:";
	for (let i = at; i < at + length; i++) digits += (bytes[i] ?? 0).toString(16).padStart(2, "0");
	return digits;
}

/** The bytes of {@link showIp}'s text. Throws `NETLINK_VALUE` for what is no address. */
export function parseIp(shown: string, field = "address"): Uint8Array<ArrayBuffer> {
	const bytes = shown.startsWith("hex:")
		? parseHex(shown.slice(4), "")
		: shown.includes(":")
			? parseIpv6(shown)
			: parseIpv4(shown);
	if (bytes === undefined) throw unwritable(field, "an IP address", shown);
	return Uint8Array.from(bytes);
}

/** Bytes of digits in pairs with `separator` between them, or undefined. */
export function parseHex(shown: string, separator: ":" | ""): number[] | undefined {
	if (shown === "") return [];
	const pairs = separator === "" ? (shown.match(/../gs) ?? []) : shown.split(separator);
	if (separator === "" && shown.length % 2 !== 0) return undefined;
	const bytes: number[] = [];
	for (const pair of pairs) {
		if (!/^[0-9a-fA-F]{2}$/.test(pair)) return undefined;
		bytes.push(Number.parseInt(pair, 16));
	}
	return bytes;
}

function parseIpv4(shown: string): number[] | undefined {
	const parts = shown.split(".");
	if (parts.length !== 4) return undefined;
	const bytes: number[] = [];
	for (const part of parts) {
		// No leading zeros: inet_aton(3) would take them for octal.
		if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
		bytes.push(Number(part));
	}
	return bytes;
}

function parseIpv6(shown: string): number[] | undefined {
	const halves = shown.split("::");
	if (halves.length > 2) return undefined;
	const head = parseGroups(halves[0] ?? "", halves.length === 1);
	if (head === undefined) return undefined;
	if (halves.length === 1) return head.length === 16 ? head : undefined;
	const tail = parseGroups(halves[1] ?? "", true);
	if (tail === undefined || head.length + tail.length > 14) return undefined;
	return [...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail];
}

function parseGroups(shown: string, mayEndDotted: boolean): number[] | undefined {
	if (shown === "") return [];
	const bytes: number[] = [];
	const groups = shown.split(":");
	for (const [i, group] of groups.entries()) {
		if (mayEndDotted && i === groups.length - 1 && group.includes(".")) {
			const tail = parseIpv4(group);
			if (tail === undefined) return undefined;
			bytes.push(...tail);
		} else {
			if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
			const value = Number.parseInt(group, 16);
			bytes.push(Math.trunc(value / 256), value % 256);
		}
	}
	return bytes;
}
