export {
	type Decoded,
	type DumpOptions,
	DumpParser,
	type DumpSink,
	type DumpStatus,
	decodeDump,
	isErrno,
	KernelAnswer,
	type OtherMessage,
} from "./dump.ts";
export type { NetlinkCode } from "./error.ts";
export { parseIp, showIp } from "./ip.ts";
export type { Hop, LinkInfo, UnknownAttribute, Via } from "./layout.ts";
export {
	encodeMessage,
	type MessageOptions,
	messageFlags,
	messageTypes,
	type ObjectKind,
	type Objects,
} from "./message.ts";
export {
	type DumpName,
	dumpNames,
	dumpRequest,
	groupMask,
	groupsOf,
	multicastGroups,
} from "./request.ts";
export {
	decodeSnapshot,
	type RawDump,
	type RawSnapshot,
	readSnapshot,
	type Snapshot,
	type SnapshotOptions,
	unsupportedErrnos,
	writeSnapshot,
} from "./snapshot.ts";
export { type Collected, type CollectOptions, collect } from "./socket.ts";
export { addressFlags, addressProtocols } from "./tables/address.ts";
export { bondModes, vlanFlagBits } from "./tables/kinds.ts";
export {
	addrGenModes,
	bridgeVlanFlags,
	families,
	hardwareTypes,
	linkFlags,
	operStates,
} from "./tables/link.ts";
export { neighbourFlags, neighbourStates } from "./tables/neighbour.ts";
export { nexthopGroupTypes } from "./tables/nexthop.ts";
export {
	encapTypes,
	hopFlags,
	routeFlags,
	routeProtocols,
	routeTypes,
	scopes,
	tables,
} from "./tables/route.ts";
export { ruleActions, ruleFlags } from "./tables/rule.ts";
export type { Address, BridgeLink, Link, Neighbour, Nexthop, Route, Rule } from "./types.ts";
