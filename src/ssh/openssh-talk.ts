import { sshError } from "./error.ts";

/** Lines of ssh -v that tell what happened; they have been the same since OpenSSH 7. */
const hostKeyLine = /^debug1: Server host (?:key|certificate): (\S+) (SHA256:\S+)/;
const acceptedLine = /^debug1: Server accepts key: (.*) \S+ (SHA256:\S+)(?: .*)?$/;
const methodLine =
	/^(?:debug1: )?Authenticat(?:ed to .* using "([a-z-]+)"|ion succeeded \(([a-z-]+)\))/;

const partLine = /^(?:debug1: )?Authenticated using "publickey" with partial success/;

/** What the -v lines of one login said. The last word counts: those of jump hosts come before the target's. */
export interface Heard {
	hostKey: { type: string; fingerprint: string } | undefined;
	accepted: { source: string; fingerprint: string } | undefined;
	method: string | undefined;
	/** Whether the server took the key and wanted more. */
	partly: boolean;
	/** The other lines, for errors. */
	readonly words: string[];
}

/** Before the first word. */
export function silence(): Heard {
	return {
		hostKey: undefined,
		accepted: undefined,
		method: undefined,
		partly: false,
		words: [],
	};
}

export function hear(heard: Heard, line: string): void {
	const hostKey = hostKeyLine.exec(line);
	const accepted = acceptedLine.exec(line);
	const method = methodLine.exec(line);
	if (hostKey) {
		heard.hostKey = {
			type: (hostKey[1] ?? "").replace(/-cert-v01@openssh\.com$/, ""),
			fingerprint: hostKey[2] ?? "",
		};
		heard.accepted = undefined;
		heard.partly = false;
	} else if (accepted)
		heard.accepted = { source: accepted[1] ?? "", fingerprint: accepted[2] ?? "" };
	else if (method) heard.method = method[1] ?? method[2];
	else if (partLine.test(line)) heard.partly = true;
	else if (!line.startsWith("debug") && !line.startsWith("OpenSSH_") && line.trim() !== "") {
		heard.words.push(line.trim());
		if (heard.words.length > 20) heard.words.shift();
	}
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

export function lineSplitter(give: (line: string) => void): (text: string) => void {
	let rest = "";
	return (text) => {
		const parts = (rest + text).split(/\r?\n/);
		rest = (parts.pop() ?? "").slice(-64 * 1024);
		for (const line of parts) give(line);
	};
}
