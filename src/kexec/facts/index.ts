// From what the helper found to facts about the target: sources to ask for, answers decoded, nothing guessed.
export type { AuthorizedKey, AuthorizedKeys, KeyOption, UnusableLine } from "./authorized-keys.ts";
export { keyOption, parseAuthorizedKeys } from "./authorized-keys.ts";
export { Evidence } from "./evidence.ts";
export {
	type AuthorizedKeysFile,
	type BlockDevice,
	type CallState,
	capSysBoot,
	type EnvironmentFacts,
	type Facts,
	type HostKeyFile,
	hasCapability,
	type KexecFacts,
	type Place,
	type SecurityFacts,
	type SshFacts,
	type Unreadable,
	type Watchdog,
} from "./facts.ts";
export { gatherFacts, secondSources } from "./gather.ts";
export { networkSources, rawNetwork } from "./network.ts";
export type { Memory, Mount, Swap, User } from "./proc.ts";
export { firstSources } from "./sources.ts";
export type { LoginContext } from "./ssh.ts";
