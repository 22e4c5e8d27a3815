import { showBytes, utf8 } from "../bytes/index.ts";
import { sshError } from "./error.ts";

/** Lines of ssh -v that tell what happened; they have been the same since OpenSSH 7. */
const hostKeyLine = /^debug1: Server host (?:key|certificate): ([\w@.-]+) (SHA256:[\w+/=]+)/;
const acceptedLine = /^debug1: Server accepts key: (.*) (\S+) (SHA256:[\w+/=]+)(?: .*)?$/;
const methodLine =
	/^(?:debug1: )?Authenticat(?:ed to .* using "([a-z-]+)"|ion succeeded \(([a-z-]+)\))/;

const softwareLine = /^debug1: Remote protocol version [\d.]+, remote software version (\S+)/;
const partLine = /^(?:debug1: )?Authenticated using "publickey" with partial success/;

/** The key that a server took. */
export interface Accepted {
	/** Its file, or the comment that an agent has for it. */
	readonly source: string;
	/** Of the key itself, where a certificate vouched for it as well. */
	readonly fingerprint: string;
	readonly certified: boolean;
}

/** What ssh told of one login. */
export interface Heard {
	readonly hostKey: { readonly type: string; readonly fingerprint: string } | undefined;
	readonly accepted: Accepted | undefined;
	readonly method: string | undefined;
	/** Software version of the server. */
	readonly software: string | undefined;
	/** Whether the server took the key and wanted more. */
	readonly partly: boolean;
	/** The other lines, for errors: at most twenty. */
	readonly words: readonly string[];
}

const maxWords = 20;

/**
 * Reads ssh's own log (-v -E), and what came on its standard error. Facts are taken from the log alone: what a
 * server, a jump host or a command says appears on standard error, and could look like anything.
 */
export function listen(log: string, talk: string): Heard {
	let hostKey: Heard["hostKey"];
	let accepted: Heard["accepted"];
	let method: string | undefined;
	let software: string | undefined;
	let partly = false;
	const words: string[] = [];
	for (const line of log.split(/\r?\n/)) {
		const shown = hostKeyLine.exec(line);
		const key = acceptedLine.exec(line);
		const by = methodLine.exec(line);
		if (shown) {
			const type = (shown[1] ?? "").replace(/-cert-v01@openssh\.com$/, "");
			hostKey = { type, fingerprint: shown[2] ?? "" };
		} else if (key) {
			const [, source = "", type = "", fingerprint = ""] = key;
			accepted = { source, fingerprint, certified: type.endsWith("-CERT") };
		} else if (by) method = by[1] ?? by[2];
		else if (partLine.test(line)) partly = true;
		else if (softwareLine.test(line)) software = softwareLine.exec(line)?.[1];
		else if (!/^(?:debug\d:|OpenSSH_|\s*$)/.test(line)) words.push(line);
	}
	const spoken = talk.split(/\r?\n/).filter((line) => line.trim() !== "");
	words.push(...spoken.slice(-maxWords));
	return {
		hostKey,
		accepted,
		method,
		software,
		partly,
		words: words.slice(-maxWords).map((line) => showBytes(utf8(line.trim()))),
	};
}

export function lastWords(heard: Heard): string | undefined {
	return heard.words.length === 0 ? undefined : heard.words.join(" ").slice(-1000);
}

/**
 * ssh has one exit code for everything. How far it came tells most of it apart; the rest only its (untranslated)
 * messages do.
 */
export function explain(heard: Heard, where: string): Error {
	const found = lastWords(heard);
	const text = found ?? "";
	if (heard.method !== undefined) {
		return sshError("SSH_CHANNEL", "the server closed the login at once", { where, found });
	}
	if (/REMOTE HOST IDENTIFICATION HAS CHANGED|differs from the key/.test(text)) {
		return sshError("SSH_HOST_KEY_CHANGED", "the host key has changed", { where, found });
	}
	if (/REVOKED HOST KEY/.test(text)) {
		return sshError("SSH_HOST_KEY_REVOKED", "the host shows a revoked key", { where, found });
	}
	if (/Host key verification failed|host key is known/.test(text)) {
		return sshError("SSH_HOST_KEY_UNKNOWN", "the host key is not known", {
			where,
			found: [heard.hostKey?.type, heard.hostKey?.fingerprint, found].join(" "),
			remedy: "Log in once with ssh, or allow new hosts with -o StrictHostKeyChecking=accept-new",
		});
	}
	if (heard.hostKey !== undefined) {
		return sshError("SSH_AUTH", "the server takes none of the ways to log in", { where, found });
	}
	if (
		/Bad configuration option|bad configuration options|unsupported option|keyword .* extra arguments/i.test(
			text,
		)
	) {
		return sshError("SSH_CONFIG", "ssh does not take the configuration", { where, found });
	}
	if (/Unable to negotiate/.test(text)) {
		return sshError("SSH_HANDSHAKE", "key exchange failed", { where, found });
	}
	return sshError("SSH_UNREACHABLE", "no connection to the SSH port", { where, found });
}
