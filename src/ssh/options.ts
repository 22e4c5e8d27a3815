/** What ssh_config and the command line decide about one host, defaults filled in. */
export interface SshOptions {
	/** The name as typed (%n). */
	readonly originalHost: string;
	/** Name or address to connect to (%h). */
	readonly host: string;
	readonly port: number;
	readonly user: string;
	/** Paths, expanded. */
	readonly identityFiles: readonly string[];
	/** Whether IdentityFile was given at all, by the operator or a configuration. */
	readonly identityFilesGiven: boolean;
	readonly certificateFiles: readonly string[];
	readonly identitiesOnly: boolean;
	/** Socket of the agent; undefined for none. */
	readonly identityAgent: string | undefined;
	/** Hops in order; empty for none. */
	readonly proxyJump: readonly string[];
	/** For the operator's own shell, tokens expanded. */
	readonly proxyCommand: string | undefined;
	readonly hostKeyAlias: string | undefined;
	readonly userKnownHostsFiles: readonly string[];
	readonly globalKnownHostsFiles: readonly string[];
	readonly strictHostKeyChecking: "yes" | "ask" | "accept-new" | "no";
	readonly hashKnownHosts: boolean;
	/** Bits that an RSA key of a host must have. */
	readonly requiredRsaSize: number;
	/** Seconds until TCP and key exchange must be done. */
	readonly connectTimeout: number;
	/** Seconds between questions to a silent server; 0 for never. */
	readonly serverAliveInterval: number;
	readonly serverAliveCountMax: number;
	readonly addressFamily: "any" | "inet" | "inet6";
	readonly bindAddress: string | undefined;
	readonly batchMode: boolean;
	readonly numberOfPasswordPrompts: number;
	readonly pubkeyAuthentication: boolean;
	readonly passwordAuthentication: boolean;
	readonly kbdInteractiveAuthentication: boolean;
	readonly preferredAuthentications: readonly string[];
	readonly compression: boolean;
	/** Lists as written, with their leading `+`, `-` or `^`. */
	readonly algorithms: {
		readonly kex: string | undefined;
		readonly hostKey: string | undefined;
		readonly cipher: string | undefined;
		readonly mac: string | undefined;
	};
	/** Patterns of words that a configuration may hold without ssh knowing them. */
	readonly ignoreUnknown: string | undefined;
	/** Words that were met and that ssh2 cannot honour. */
	readonly unsupported: readonly Unsupported[];
}

/** A word of ssh_config that this transport cannot follow. */
export interface Unsupported {
	readonly word: string;
	/** File and line, or `command line`. */
	readonly where: string;
	/** `openssh`: the connection differs without it, so the system's ssh is needed. `note`: only convenience is lost. */
	readonly weight: "openssh" | "note";
}
