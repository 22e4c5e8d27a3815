import { isIP } from "node:net";
import { sshError } from "./error.ts";

/** What the operator typed, before ssh_config is asked. */
export interface Target {
	readonly user: string | undefined;
	/** Alias, name or address; an IPv6 address without brackets, its scope kept (`fe80::1%eth0`). */
	readonly host: string;
	readonly port: number | undefined;
}

/**
 * Reads `[user@]host`, `[user@]host:port`, `[user@][v6]:port`, a bare IPv6 address, or `ssh://[user@]host[:port]`.
 * The last `@` ends the user, as ssh does it. Throws `SSH_TARGET`.
 */
export function parseTarget(written: string): Target {
	const uri = /^ssh:\/\//i.test(written);
	let rest = uri ? written.slice("ssh://".length) : written;
	if (uri) {
		if (rest.endsWith("/")) rest = rest.slice(0, -1);
		if (/[/?#]/.test(rest)) throw wrong(written, "no path after the host");
	}
	const at = rest.lastIndexOf("@");
	let user = at < 0 ? undefined : rest.slice(0, at);
	if (uri && user !== undefined) {
		// Connection parameters such as ;fingerprint= are in no released ssh.
		if (user.includes(";")) throw wrong(written, "no ;parameters in front of @");
		if (user.includes(":")) throw wrong(written, "no password in a URI");
		user = decodePercent(user, written);
	}
	if (user !== undefined) checkUser(user, written);
	const { host, port } = splitHost(rest.slice(at + 1), written);
	checkHost(host, written);
	return { user, host, port };
}

/** The target as it can be typed again. */
export function formatTarget(target: Target): string {
	const user = target.user === undefined ? "" : `${target.user}@`;
	if (target.port === undefined) return user + target.host;
	return `${user}${target.host.includes(":") ? `[${target.host}]` : target.host}:${target.port}`;
}

function splitHost(text: string, written: string): { host: string; port: number | undefined } {
	const bracketed = /^\[([^[\]]*)\](?::(.*))?$/.exec(text);
	if (bracketed) {
		return { host: bracketed[1] ?? "", port: parsePort(bracketed[2], written) };
	}
	const colons = text.split(":").length - 1;
	if (colons === 1) {
		const [host = "", port] = text.split(":");
		return { host, port: parsePort(port, written) };
	}
	return { host: text, port: undefined };
}

/** A TCP port from 1 to 65535; undefined stays undefined. */
export function parsePort(text: string | undefined, written: string): number | undefined {
	if (text === undefined) return undefined;
	const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
	if (port < 1 || port > 65535) throw wrong(written, "a port from 1 to 65535", text);
	return port;
}

/** Throws `SSH_TARGET` for a user name that could be taken for an option or for shell syntax. */
export function checkUser(user: string, written: string): void {
	// What ssh refuses since CVE-2023-51385, and any backslash: a user name ends up in the shell line of a ProxyCommand.
	if (user === "" || /(?:^|\s)-/.test(user) || /[\p{Cc}'"`;&<>|(){}\\]/u.test(user)) {
		throw wrong(written, "a user name without quotes, shell characters or a leading -", user);
	}
}

function checkHost(host: string, written: string): void {
	if (host === "") throw wrong(written, "a host");
	if (host.includes(":")) {
		// All behind the first %: a second one must not carry anything past this look.
		const percent = host.indexOf("%");
		const address = percent < 0 ? host : host.slice(0, percent);
		const scope = percent < 0 ? undefined : host.slice(percent + 1);
		if (isIP(address) === 6 && (scope === undefined || /^[A-Za-z0-9_.-]+$/.test(scope))) return;
		throw wrong(written, "an IPv6 address, or one port after one colon", host);
	}
	if (host.startsWith("-") || /[\p{Cc}\s'"`$\\;&<>|(){}/@[\]]/u.test(host)) {
		throw wrong(written, "a host name without spaces, quotes or a leading -", host);
	}
}

function decodePercent(text: string, written: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		throw wrong(written, "UTF-8 behind each %", text);
	}
}

function wrong(written: string, expected: string, found: string = written): Error {
	return sshError("SSH_TARGET", "cannot be read as a target", {
		where: JSON.stringify(written),
		expected,
		found: JSON.stringify(found),
		remedy: "Write [user@]host[:port], ssh://[user@]host[:port], or an alias of ssh_config",
	});
}
