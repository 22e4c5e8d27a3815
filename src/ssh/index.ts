export { type ConnectOptions, connect, type Transport } from "./connect.ts";
export type {
	AuthenticatedBy,
	Channel,
	Connection,
	ExecOptions,
	Executor,
	Exit,
	PublicKey,
	Uploaded,
	UploadOptions,
	UploadProgress,
	UploadSource,
} from "./connection.ts";
export { loginName } from "./connection.ts";
export { type Elevated, type ElevateOptions, elevate } from "./elevate.ts";
export type { SshCode } from "./error.ts";
export { type AskOptions, noPrompt, type Prompt, terminalPrompt } from "./prompt.ts";
export { publicKey } from "./public-key.ts";
export { type Ran, type RunOptions, run } from "./run.ts";
export { formatTarget, parseTarget, type Target } from "./target.ts";
export { bytesSource, fileSource } from "./upload-source.ts";
export { type WaitOptions, waitForSsh } from "./wait.ts";
export { commandLine, isPlainWord } from "./words.ts";
