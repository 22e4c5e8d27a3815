import { showBytes, text, utf8 } from "../../bytes/index.ts";
import { canonicalIp, isLoopback, parseIp } from "../ip.ts";
import type { Family, Resolver } from "../model.ts";
import type { RawNetwork } from "../raw.ts";
import { addressesIn, type Lease } from "./lease.ts";

/** `resolver.source` where nothing better was found. */
export const publicResolvers = "public resolvers";

/** Cloudflare and Quad9: two companies, so that one may fail. */
const publicServers: Readonly<Record<Family, readonly string[]>> = {
	4: ["1.1.1.1", "9.9.9.9"],
	6: ["2606:4700:4700::1111", "2620:fe::9"],
};

/** What the resolver needs to know of the host beside its files. */
export interface ResolverContext {
	readonly leases: readonly Lease[];
	/** Addresses of the host: a server there is a program that will not run. */
	readonly own: ReadonlySet<string>;
	/** Names of links by index, for zones. */
	readonly names: (index: number | undefined) => string | undefined;
	/** Families in which the host reaches the world. */
	readonly families: readonly Family[];
}

interface ResolvConf {
	readonly servers: readonly string[];
	readonly search: readonly string[];
	readonly options: readonly string[];
}

/**
 * Finds the nameservers that answer without this host's help: those of resolv.conf, or, where these are a stub on
 * the host itself, those that the stub asks. Public ones as the last resort.
 */
export function readResolver(raw: RawNetwork, context: ResolverContext): Resolver {
	const main = parseResolvConf(file(raw, "/etc/resolv.conf"), context);
	for (const [source, servers] of candidates(raw, main, context)) {
		const outside = [...new Set(servers)].filter((server) => !isOwn(server, context.own));
		if (outside.length === 0) continue;
		const search = main.search.length > 0 ? main.search : searchOf(raw, context);
		// The name of a lease's file is the target's to choose, and this is printed.
		return { servers: outside, search, options: main.options, source: showBytes(utf8(source)) };
	}
	const families: readonly Family[] = context.families.length > 0 ? context.families : [4];
	return {
		servers: families.flatMap((family) => publicServers[family]),
		search: main.search,
		options: main.options,
		source: publicResolvers,
	};
}

/** Places to look, best first, each with the servers it names. */
function* candidates(
	raw: RawNetwork,
	main: ResolvConf,
	context: ResolverContext,
): Generator<readonly [string, readonly string[]]> {
	yield ["/etc/resolv.conf", main.servers];
	for (const path of [
		"/run/systemd/resolve/resolv.conf",
		"/run/NetworkManager/no-stub-resolv.conf",
		"/run/NetworkManager/resolv.conf",
	]) {
		yield [path, parseResolvConf(file(raw, path), context).servers];
	}
	// Without systemd-resolved's own list: what networkd would tell it, link by link.
	const links = [...raw.files.keys()].filter((path) =>
		path.startsWith("/run/systemd/netif/links/"),
	);
	yield [
		"/run/systemd/netif/links",
		links.flatMap((path) => addressesIn(/^DNS=(.*)$/m.exec(file(raw, path))?.[1])),
	];
	for (const lease of context.leases) yield [lease.source, lease.servers];
	for (const path of raw.files.keys()) {
		if (/^\/run\/(resolvconf\/interfaces?|dhcpcd\/hook-state\/resolv\.conf)\//.test(path)) {
			yield [path, parseResolvConf(file(raw, path), context).servers];
		}
	}
}

function searchOf(raw: RawNetwork, context: ResolverContext): readonly string[] {
	const behind = parseResolvConf(file(raw, "/run/systemd/resolve/resolv.conf"), context).search;
	if (behind.length > 0) return behind;
	return [...new Set(context.leases.flatMap((lease) => lease.search))].filter(isDomain);
}

/** resolv.conf(5). The last of `search` and `domain` counts; what is no address or domain is passed over. */
function parseResolvConf(content: string, context: ResolverContext): ResolvConf {
	const servers: string[] = [];
	let search: readonly string[] = [];
	const options: string[] = [];
	for (const line of content.split("\n")) {
		const [word, ...values] = line
			.replace(/[#;].*/, "")
			.trim()
			.split(/\s+/);
		if (word === "nameserver") servers.push(...serverOf(values[0] ?? "", context));
		// systemd-resolved writes "search ." where there is none.
		if (word === "search" || word === "domain") search = values.filter(isDomain);
		// trust-ad is a word about the stub, not about the servers behind it.
		if (word === "options") {
			for (const each of values) {
				if (/^[a-z0-9:-]+$/.test(each) && each !== "trust-ad") options.push(each);
			}
		}
	}
	return { servers, search, options };
}

function serverOf(word: string, context: ResolverContext): readonly string[] {
	const [address = "", zone] = word.split("%", 2);
	if (parseIp(address) === undefined) return [];
	if (zone === undefined) return [canonicalIp(address)];
	const link = /^\d+$/.test(zone) ? context.names(Number(zone)) : zone;
	return link === undefined || !/^[\x21-\x7e]{1,15}$/.test(link)
		? []
		: [`${canonicalIp(address)}%${link}`];
}

function isOwn(server: string, own: ReadonlySet<string>): boolean {
	const [address = ""] = server.split("%", 1);
	return isLoopback(address) || own.has(address) || address === "0.0.0.0" || address === "::";
}

function isDomain(word: string): boolean {
	return /^[\w-]+(\.[\w-]+)*\.?$/.test(word) && word.length <= 253;
}

function file(raw: RawNetwork, path: string): string {
	const bytes = raw.files.get(path);
	return bytes === undefined ? "" : text(bytes);
}
