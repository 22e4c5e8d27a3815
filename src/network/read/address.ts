import {
	addressFlags,
	addressProtocols,
	families,
	scopes,
	type Address as WireAddress,
} from "../../netlink/index.ts";
import { isLinkLocal, isLoopback } from "../ip.ts";
import type { Address, Family, Origin } from "../model.ts";
import type { LinkNames } from "./link.ts";
import { bitNames, defined, nameOf, positive, snake } from "./names.ts";

/** Family of a message, or undefined for those the model does not hold. */
export function familyOfMessage(family: number): Family | undefined {
	if (family === families.inet) return 4;
	return family === families.inet6 ? 6 : undefined;
}

/** Names that `ip` gives to flags where the kernel's differ. */
const flagNames: Readonly<Record<string, string>> = {
	homeaddress: "home",
	managetempaddr: "mngtmpaddr",
	mcautojoin: "autojoin",
	stablePrivacy: "stable-privacy",
};

/** IFA_CACHEINFO of an address that lasts. */
const forever = 0xffff_ffff;

export function readAddress(
	address: WireAddress,
	names: LinkNames,
	leased: ReadonlySet<string>,
): Address | undefined {
	const family = familyOfMessage(address.family);
	const link = names(address.index);
	const own = address.local ?? address.address;
	if (family === undefined || link === undefined || own === undefined) return undefined;
	const peer = address.address !== own ? address.address : undefined;
	const bits = bitNames(addressFlags, address.flags);
	const flags = bits
		.filter((bit) => bit !== "permanent")
		.map((bit) =>
			bit === "secondary" && family === 6 ? "temporary" : (flagNames[bit] ?? snake(bit)),
		);
	if (!bits.includes("permanent")) flags.push("dynamic");
	const lifetime = (seconds: number | undefined) => (seconds === forever ? undefined : seconds);
	const protocol = positive(address.proto);
	return defined({
		link,
		family,
		address: own,
		prefix: address.prefixlen,
		peer,
		broadcast: address.broadcast,
		scope: nameOf(scopes, address.scope),
		label: address.label === link ? undefined : address.label,
		metric: positive(address.rtPriority),
		flags,
		validLifetime: lifetime(address.cacheinfo?.valid),
		preferredLifetime: lifetime(address.cacheinfo?.preferred),
		protocol: protocol === undefined ? undefined : snake(nameOf(addressProtocols, protocol)),
		origin: originOf(family, own, address, flags, leased),
	});
}

function originOf(
	family: Family,
	own: string,
	address: WireAddress,
	flags: readonly string[],
	leased: ReadonlySet<string>,
): Origin {
	if (isLoopback(own)) return "loopback";
	if (family === 6 && isLinkLocal(own)) return "link-local";
	if (flags.includes("temporary")) return "temporary";
	if (leased.has(own)) return "lease";
	if (!flags.includes("dynamic")) return "static";
	if (family === 4) return "lease";
	const announced = flags.includes("mngtmpaddr") || address.proto === addressProtocols.kernelRa;
	// DHCPv6 hands out single addresses; what has a shorter prefix was made from an announced one.
	return announced || address.prefixlen < 128 ? "slaac" : "lease";
}
