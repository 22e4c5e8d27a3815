// The model of a host's network: what it is (snapshot), what it will be (plan), and how that is told (renderers).
export { collectNetwork } from "./collect.ts";
export { type Difference, diffNetworks } from "./diff.ts";
export { type EmergencyFiles, renderEmergency } from "./emergency.ts";
export type { NetworkCode } from "./error.ts";
export { parseNetwork, planJson } from "./json.ts";
export type { LeftOut } from "./left-out.ts";
export type { LinkMatch } from "./match.ts";
export {
	type Address,
	type BondDetails,
	type BondPort,
	type BridgeDetails,
	type BridgePort,
	emptyNetwork,
	type Family,
	type Hop,
	type Link,
	type LinkDetails,
	type MacvlanDetails,
	type Neighbour,
	type Network,
	type Nexthop,
	type Origin,
	type PortDetails,
	type PortVlan,
	type Resolver,
	type Route,
	type RouteMetrics,
	type Rule,
	type TunnelDetails,
	type VlanDetails,
	type VrfDetails,
	type VxlanDetails,
} from "./model.ts";
export type { Rename } from "./names.ts";
export { type NixosFiles, renderNixosImages } from "./nixos-images.ts";
export { type Plan, type PlanOptions, planNetwork } from "./plan.ts";
export { networkFileCap, networkFiles, networkSymlinks, type RawNetwork } from "./raw.ts";
export { snapshot } from "./snapshot.ts";
export { renderResolvConf, renderUnits, type UnitFile } from "./systemd/units.ts";
export { renderPlanTable, renderTable } from "./table.ts";
export {
	findWayBack,
	parseSshConnection,
	type SshConnection,
	type WayBack,
} from "./way-back.ts";
