// The three files of emergency-kexec (EMERGENCY_DUMP_NETWORK=1): fields by `;`, one thing a line.

import { mainTable } from "./kernel-made.ts";
import { waysOf } from "./lookup.ts";
import type { Network, Route } from "./model.ts";

export interface EmergencyFiles {
	/** `name;address/length;address/length…`, a line per interface; scopes host and link left out. */
	readonly emergency_ips: string;
	/** `target;via;dev`, routes of links before routes via gateways; empty where there is none. */
	readonly emergency_routes: string;
	/** An address a line. */
	readonly emergency_nameservers: string;
}

/**
 * Renders a host's network as emergency-kexec does from `ip a`, `ip r` and `ip -6 r`: addresses and the main
 * table. Where that program's text parsing breaks, this does not: multipath routes are a line a way, `via inet6`
 * is the gateway, interface names come without `@parent`, and servers stand behind any stub, not only 127.0.0.53.
 */
export function renderEmergency(network: Network): EmergencyFiles {
	const ips = network.links.flatMap((link) => {
		const own = network.addresses
			.filter((each) => each.link === link.name && each.scope !== "host" && each.scope !== "link")
			.toSorted((a, b) => a.family - b.family);
		return own.length === 0
			? []
			: [[link.name, ...own.map((each) => `${each.address}/${each.prefix}`)].join(";")];
	});
	const routes = network.routes
		.filter((route) => route.table === mainTable && route.type === "unicast")
		.toSorted((a, b) => a.family - b.family)
		.flatMap((route) => linesOf(network, route));
	const direct = routes.filter((line) => line.via === "");
	const far = routes.filter((line) => line.via !== "");
	return {
		// With a newline at the end even where there is no line.
		emergency_ips: `${ips.join("\n")}\n`,
		emergency_routes: [...direct, ...far]
			.map(({ target, via, dev }) => `${target};${via};${dev}\n`)
			.join(""),
		emergency_nameservers: network.resolver.servers.map((server) => `${server}\n`).join(""),
	};
}

interface Line {
	readonly target: string;
	readonly via: string;
	readonly dev: string;
}

function linesOf(network: Network, route: Route): readonly Line[] {
	const target = shortTarget(route.destination);
	if (target.startsWith("fe80::")) return [];
	return waysOf(network, route)
		.filter((way) => way.link !== "lo")
		.map((way) => ({ target, via: way.gateway ?? "", dev: way.link }));
}

/** A destination as `ip` prints it: `default`, and hosts without their length. */
export function shortTarget(destination: string): string {
	if (destination === "0.0.0.0/0" || destination === "::/0") return "default";
	return destination.replace(destination.includes(":") ? /\/128$/ : /\/32$/, "");
}
