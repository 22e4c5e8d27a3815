// From what the helper found to facts about the target: sources to ask for, answers decoded, nothing guessed.
export type { AuthorizedKey, AuthorizedKeys, KeyOption, UnusableLine } from "./authorized-keys.ts";
export { keyOption, parseAuthorizedKeys } from "./authorized-keys.ts";
export type { PrincipalLine } from "./authorized-principals.ts";
export { Evidence } from "./evidence.ts";
export {
	type AuthoritiesFile,
	type AuthorizedKeysFile,
	type BlockDevice,
	type CallState,
	type CertifiedLogin,
	capSysBoot,
	type EnvironmentFacts,
	type Facts,
	type HostCertificate,
	type HostKeyFile,
	hasCapability,
	type KexecFacts,
	type Place,
	type RevokedKeysFile,
	type SecurityFacts,
	type SshFacts,
	type Unreadable,
	type Watchdog,
} from "./facts.ts";
export { gatherFacts, secondSources } from "./gather.ts";
export type { LoginContext } from "./login.ts";
export { networkSources, rawNetwork } from "./network.ts";
export type { Memory, Mount, Swap, User } from "./proc.ts";
export { firstSources } from "./sources.ts";
