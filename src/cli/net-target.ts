import type { Network } from "../network/index.ts";
import { helperOf, openSession, probe } from "../rescue/index.ts";
import type { Io } from "./command.ts";
import { sessionOptions } from "./connect.ts";
import { openLog } from "./log.ts";
import type { SshArguments } from "./ssh-options.ts";

/** The network of a host, read there by the helper, and the SSH_CONNECTION of the login that did so. */
export async function networkOf(
	target: string,
	args: SshArguments,
	io: Io,
): Promise<{ readonly network: Network; readonly connection: string | undefined }> {
	const log = openLog(args.log, io);
	const { signal } = io;
	try {
		const session = await openSession(target, sessionOptions(args, io, log));
		try {
			const client = await helperOf(session, "probe", { signal });
			try {
				const { login } = session.connection;
				const context = { loginUser: login.user, allUsers: false };
				const { network } = await probe(client, context, login.host, signal);
				return { network, connection: session.sshConnection };
			} finally {
				client.close();
			}
		} finally {
			await session.connection.close();
		}
	} finally {
		log.close();
	}
}
