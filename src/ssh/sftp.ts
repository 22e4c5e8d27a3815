import type { Client, SFTPWrapper } from "ssh2";
import SftpClient from "ssh2-sftp-client";

/** The server's refusal of the subsystem comes at once; a login shell that hangs instead must not hang us. */
const openWithin = 15_000;

/**
 * ssh2-sftp-client on a login that exists already. It makes a client of its own and connects it; this one is
 * given ours, so that commands and files share one connection.
 */
export class SharedSftp extends SftpClient {
	/** The calls of the protocol itself, for the loop that writes at given offsets. */
	readonly raw: SFTPWrapper;

	private constructor(client: Client, raw: SFTPWrapper) {
		super("ekexec", {});
		this.raw = raw;
		Object.assign(this, { client, sftp: raw });
	}

	/** Undefined if the server has no sftp. */
	static open(client: Client): Promise<SharedSftp | undefined> {
		return new Promise((resolve) => {
			const timer = setTimeout(() => resolve(undefined), openWithin);
			client.sftp((error, raw) => {
				clearTimeout(timer);
				resolve(error ? undefined : new SharedSftp(client, raw));
			});
		});
	}
}
