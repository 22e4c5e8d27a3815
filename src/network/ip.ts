import { EkexecError } from "../bytes/index.ts";
import { parseIp as parseWire, showIp as showWire } from "../netlink/index.ts";
import type { NetworkCode } from "./error.ts";
import type { Family } from "./model.ts";

/** An IP address in network byte order: 4 or 16 bytes. */
export type IpBytes = Uint8Array;

/** Bytes of an address in any usual spelling (no zone), or undefined. IPv4 with exactly four decimal parts. */
export function parseIp(text: string): IpBytes | undefined {
	// Most words that are tried are addresses; the rest need no exception made and caught.
	if (!/^[\da-fA-F:.]{2,45}$/.test(text)) return undefined;
	try {
		return parseWire(text);
	} catch {
		return undefined;
	}
}

/** Canonical text: dotted quad, or RFC 5952 as glibc writes it. */
export function showIp(bytes: IpBytes): string {
	return showWire(bytes, 0, bytes.length);
}

/** Canonical spelling of an address; throws `NETWORK_ADDRESS`. */
export function canonicalIp(text: string): string {
	return showIp(bytesOf(text));
}

export function familyOf(address: string): Family {
	return address.includes(":") ? 6 : 4;
}

/** Full length of a prefix of this family. */
export function widthOf(family: Family): 32 | 128 {
	return family === 4 ? 32 : 128;
}

/** Address and length of `address/length`; without a length the full one. */
export function splitPrefix(prefix: string): { readonly address: string; readonly length: number } {
	const [address = "", length] = prefix.split("/", 2);
	return { address, length: length === undefined ? widthOf(familyOf(address)) : Number(length) };
}

/** `address/length` with all bits behind the length cleared. */
export function networkOf(address: string, length: number): string {
	const bytes = Uint8Array.from(bytesOf(address));
	for (let i = 0; i < bytes.length; i++) {
		const keep = Math.min(8, Math.max(0, length - i * 8));
		const step = 2 ** (8 - keep);
		bytes[i] = Math.floor((bytes[i] ?? 0) / step) * step;
	}
	return `${showIp(bytes)}/${length}`;
}

/** Whether the prefix (`address/length`) holds the address. An address of the other family is never held. */
export function holds(prefix: string, address: string): boolean {
	const { address: base, length } = splitPrefix(prefix);
	if (familyOf(base) !== familyOf(address)) return false;
	// Most IPv4 prefixes differ in the first number already, and of routes there may be a million.
	if (
		length >= 8 &&
		base.includes(".") &&
		!address.startsWith(base.slice(0, base.indexOf(".") + 1))
	)
		return false;
	const [a, b] = [bytesOf(base), bytesOf(address)];
	const whole = Math.floor(length / 8);
	for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
	const step = 2 ** (8 - (length % 8));
	return step === 256 || Math.floor((a[whole] ?? 0) / step) === Math.floor((b[whole] ?? 0) / step);
}

/** 127.0.0.0/8, ::1 and IPv4-mapped loopback. */
export function isLoopback(address: string): boolean {
	const plain = unmapped(address);
	return familyOf(plain) === 4 ? holds("127.0.0.0/8", plain) : plain === "::1";
}

/** fe80::/10 or 169.254.0.0/16. */
export function isLinkLocal(address: string): boolean {
	return familyOf(address) === 4 ? holds("169.254.0.0/16", address) : holds("fe80::/10", address);
}

/** The IPv4 address within ::ffff:0:0/96, any other address as it is. */
export function unmapped(address: string): string {
	const bytes = bytesOf(address);
	const mapped =
		bytes.length === 16 &&
		bytes.subarray(0, 10).every((byte) => byte === 0) &&
		bytes[10] === 0xff &&
		bytes[11] === 0xff;
	return showIp(mapped ? bytes.subarray(12) : bytes);
}

/** The link-local address that the kernel derives from a MAC (RFC 4291, appendix A). */
export function eui64(mac: string): string | undefined {
	const octets = mac.split(":").map((part) => Number.parseInt(part, 16));
	if (octets.length !== 6 || octets.some(Number.isNaN)) return undefined;
	const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = octets;
	const flipped = a % 4 >= 2 ? a - 2 : a + 2;
	const tail = [flipped, b, c, 0xff, 0xfe, d, e, f];
	return showIp(Uint8Array.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...tail]));
}

function bytesOf(text: string): IpBytes {
	const bytes = parseIp(text);
	if (bytes === undefined) {
		throw new EkexecError<NetworkCode>("check", "NETWORK_ADDRESS", "not an IP address", {
			expected: "an IPv4 or IPv6 address",
			found: JSON.stringify(text),
		});
	}
	return bytes;
}
