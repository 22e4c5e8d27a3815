import type { Link, LinkDetails, Network } from "./model.ts";

/** The same network with links called otherwise. */
export function renameLinks(network: Network, names: ReadonlyMap<string, string>): Network {
	if (names.size === 0) return network;
	const to = (name: string): string => names.get(name) ?? name;
	const on = <T extends { readonly link?: string }>(part: T): T =>
		part.link === undefined ? part : { ...part, link: to(part.link) };
	const details = (value: LinkDetails): LinkDetails =>
		value.kind === "bond"
			? {
					...value,
					...(value.primary === undefined ? {} : { primary: to(value.primary) }),
					...(value.activePort === undefined ? {} : { activePort: to(value.activePort) }),
				}
			: value;
	const link = (value: Link): Link => ({
		...value,
		name: to(value.name),
		...(value.master === undefined ? {} : { master: to(value.master) }),
		...(value.parent === undefined ? {} : { parent: to(value.parent) }),
		...(value.details === undefined ? {} : { details: details(value.details) }),
	});
	return {
		...network,
		links: network.links.map(link),
		addresses: network.addresses.map(on),
		neighbours: network.neighbours.map(on),
		nexthops: network.nexthops.map(on),
		routes: network.routes.map((route) => ({
			...on(route),
			...(route.hops === undefined ? {} : { hops: route.hops.map(on) }),
		})),
		rules: network.rules.map((rule) => ({
			...rule,
			...(rule.incoming === undefined ? {} : { incoming: to(rule.incoming) }),
			...(rule.outgoing === undefined ? {} : { outgoing: to(rule.outgoing) }),
		})),
		resolver: {
			...network.resolver,
			servers: network.resolver.servers.map((server) => {
				const [address = "", zone] = server.split("%", 2);
				return zone === undefined ? server : `${address}%${to(zone)}`;
			}),
		},
	};
}
