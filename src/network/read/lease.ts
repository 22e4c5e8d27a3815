// Leases as DHCP clients keep them. Each says which address was leased, and which servers came with it.

import { text } from "../../bytes/index.ts";
import { canonicalIp, parseIp } from "../ip.ts";
import type { RawNetwork } from "../raw.ts";

export interface Lease {
	/** Path of the file. */
	readonly source: string;
	readonly addresses: readonly string[];
	readonly servers: readonly string[];
	readonly search: readonly string[];
}

/** All leases found, those of systemd-networkd first. */
export function readLeases(raw: RawNetwork): readonly Lease[] {
	const found: Lease[] = [];
	for (const [path, bytes] of raw.files) {
		if (path.startsWith("/run/systemd/netif/leases/")) found.push(ofNetworkd(path, text(bytes)));
		else if (path.startsWith("/var/lib/NetworkManager/")) {
			const whole = text(bytes);
			found.push(whole.includes("lease {") ? ofDhclient(path, whole) : ofNetworkd(path, whole));
		} else if (/^\/var\/lib\/(dhcp|dhclient)\//.test(path))
			found.push(ofDhclient(path, text(bytes)));
		else if (path.startsWith("/var/lib/dhcpcd/")) found.push(ofDhcpcd(path, bytes));
	}
	return found;
}

/** The addresses among words, canonical; what is none is passed over. */
export function addressesIn(words: string | undefined): readonly string[] {
	return (words ?? "")
		.split(/[\s,;]+/)
		.flatMap((word) => (parseIp(word) === undefined ? [] : [canonicalIp(word)]));
}

/** KEY=value lines of systemd-networkd (sd-dhcp-lease) and of NetworkManager's own client. */
function ofNetworkd(source: string, file: string): Lease {
	const value = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(file)?.[1]?.trim();
	const domains = [value("DOMAIN_SEARCH_LIST"), value("DOMAINNAME")].join(" ");
	return {
		source,
		addresses: addressesIn(value("ADDRESS")),
		servers: addressesIn(value("DNS")),
		search: domains.split(/\s+/).filter((word) => word !== ""),
	};
}

/** dhclient.leases(5): the last lease of each interface counts, later ones being appended. */
function ofDhclient(source: string, file: string): Lease {
	const last = new Map<string, string>();
	for (const block of file.split(/^(?=lease6? \{)/m)) {
		if (!/^lease6? \{/.test(block)) continue;
		last.set(`${/interface "([^"]*)"/.exec(block)?.[1]} ${block.startsWith("lease6")}`, block);
	}
	const blocks = [...last.values()];
	// Up to the semicolon or the end, never back: the file is the target's, and a list without an end must not take minutes.
	const lists = (option: string) =>
		blocks.flatMap((block) =>
			[...block.matchAll(new RegExp(`option (?:${option})\\s([^;]*)(;?)`, "g"))].flatMap(
				([, list = "", end]) => (end === ";" ? list : []),
			),
		);
	return {
		source,
		addresses: blocks.flatMap((block) =>
			[...block.matchAll(/(?:fixed-address|iaaddr)\s+([\da-f.:]+)/gi)].flatMap(([, word]) =>
				addressesIn(word),
			),
		),
		servers: addressesIn(lists("domain-name-servers|dhcp6\\.name-servers").join(" ")),
		search: lists("domain-search|dhcp6\\.domain-search|domain-name")
			.flatMap((list) => [...list.matchAll(/"([^"]*)"/g)].map((m) => m[1] ?? ""))
			.filter((word) => word !== ""),
	};
}

// RFC 2131, section 2: yiaddr at 16; options begin at 236 with a magic word (RFC 2132, section 2).
const yourAddress = 16;
const options = 236;
const magic = [99, 130, 83, 99];
const optionServers = 6;
const optionDomain = 15;
const optionEnd = 255;

/** dhcpcd keeps the server's answer as it came. */
function ofDhcpcd(source: string, packet: Uint8Array): Lease {
	const servers: string[] = [];
	const search: string[] = [];
	if (!magic.every((byte, at) => packet[options + at] === byte)) {
		return { source, addresses: [], servers, search };
	}
	for (let at = options + magic.length; at + 1 < packet.length; ) {
		const code = packet[at] ?? optionEnd;
		if (code === optionEnd) break;
		if (code === 0) {
			at += 1;
			continue;
		}
		const length = packet[at + 1] ?? 0;
		const value = packet.subarray(at + 2, at + 2 + length);
		if (code === optionServers) {
			for (let i = 0; i + 4 <= value.length; i += 4)
				servers.push(value.subarray(i, i + 4).join("."));
		}
		if (code === optionDomain) search.push(text(value).replace(/\0+$/, ""));
		at += 2 + length;
	}
	const address = packet.subarray(yourAddress, yourAddress + 4).join(".");
	return { source, addresses: [address], servers, search };
}
