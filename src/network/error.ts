/** Codes of errors thrown by this room. */
export type NetworkCode =
	/** A text is no IP address or prefix. */
	| "NETWORK_ADDRESS"
	/** SSH_CONNECTION, or what stands for it, cannot be read. */
	| "NETWORK_SSH_CONNECTION"
	/** The plan cannot carry the login that was used. */
	| "NETWORK_WAY_BACK"
	/** The format asked for cannot say what the plan holds. */
	| "NETWORK_UNSAYABLE"
	/** A file is no snapshot of a network. */
	| "NETWORK_SNAPSHOT"
	/** A name or value has no place in a configuration file. */
	| "NETWORK_VALUE";
