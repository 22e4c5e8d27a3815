import { text, utf8 } from "../bytes/index.ts";
import type { CpioEntry, Splice } from "../cpio/index.ts";
import { imageError } from "./errors.ts";
import type { Adapter } from "./manifest.ts";

/** Bytes known here, or bytes that only the target has: then a splice that says where. */
export type IdentityContent<R> = Uint8Array | Splice<R>;

/** One host key as the target's sshd uses it. */
export interface IdentityHostKey<R> {
	/** `ed25519`, `rsa`, `ecdsa`, or whatever else tells it from the others: it becomes part of the file's name. */
	readonly type: string;
	readonly private: IdentityContent<R>;
	readonly public?: IdentityContent<R>;
	/** A host certificate for this key. */
	readonly certificate?: IdentityContent<R>;
}

/** A file with a bare name. */
export interface NamedFile {
	readonly name: string;
	readonly content: Uint8Array | string;
}

/** What makes the rescue system answer as this one target. */
export interface Identity<R = never> {
	readonly hostKeys: readonly IdentityHostKey<R>[];
	/**
	 * In place of host keys: the system makes one when it starts, and nobody but it ever has it. Only for `rootfs`; who
	 * logs in first has to insist on the {@link nonce}.
	 */
	readonly makesHostKey?: boolean;
	/** The text of root's `authorized_keys`. */
	readonly authorizedKeys: IdentityContent<R>;
	/**
	 * Whose certificates let in root, and for which names: files of TrustedUserCAKeys and AuthorizedPrincipalsFile
	 * (sshd_config(5)). Not for `nixos-images`.
	 */
	readonly certified?: {
		readonly authorities: IdentityContent<R>;
		readonly principals: IdentityContent<R>;
	};
	/** Keys that open nothing, whatever else speaks for them (RevokedKeys of sshd_config(5)). Not for `nixos-images`. */
	readonly revokedKeys?: IdentityContent<R>;
	/** Ports that sshd listens on; 22 unless told. */
	readonly ports?: readonly number[];
	/**
	 * The network: units of systemd-networkd (`*.network`, `*.netdev`, `*.link`), or, for the adapter `nixos-images`,
	 * `addrs.json`, `routes-v4.json` and `routes-v6.json`.
	 */
	readonly network: readonly NamedFile[];
	/** `/etc/resolv.conf`. Not for `nixos-images`, which has no place for it. */
	readonly resolvConf?: Uint8Array | string;
	/** `/etc/machine-id` of the target, 32 hex digits: with it, DHCP sees the same client. */
	readonly machineId?: string;
	/** This run's random word; the system is proven to be ours by reading it back at {@link noncePath}. */
	readonly nonce: string;
	/** Lines for the greeting: whom this replaced, when, by whom. */
	readonly about?: string;
}

/** Where the nonce is to be read in the running rescue system. */
export function noncePath(adapter: Adapter): string {
	// The nixos-images restore copies every further *.json of the archive's root to /root/network.
	return adapter === "nixos-images" ? "/root/network/ekexec.json" : "/etc/ekexec/nonce";
}

/** What the file at {@link noncePath} holds. */
export function nonceContent(adapter: Adapter, nonce: string): Uint8Array<ArrayBuffer> {
	return utf8(adapter === "nixos-images" ? `${JSON.stringify({ nonce })}\n` : `${nonce}\n`);
}

const networkFile = /^[\w.@:+-]+\.(?:network|netdev|link)$/;
const nixosFiles = ["addrs.json", "routes-v4.json", "routes-v6.json"];

/**
 * The entries of the identity layer, for `writeCpio`: secrets readable by root only, splices left as they are.
 * Throws `IMAGE_IDENTITY` for what this adapter cannot say, so that nothing gets lost in silence.
 */
export function identityEntries<R>(adapter: Adapter, identity: Identity<R>): CpioEntry<R>[] {
	checkIdentity(adapter, identity);
	switch (adapter) {
		case "rootfs":
			return finalPlaces("", "etc/systemd/network", identity);
		case "stage1":
			// Stage 1 copies the tree below /ekexec onto the new root; of /run, systemd takes over what is there.
			return [
				{ kind: "directory", name: "ekexec", mode: 0o700 },
				...finalPlaces("ekexec/", "run/systemd/network", identity),
			];
		case "nixos-images":
			return nixosPlaces(identity);
	}
}

const userAuthorities = "etc/ssh/user_authorities";
/** Below root's home: sshd looks at who may write to every folder above it (StrictModes), the initramfs' root included. */
const userPrincipals = "root/.ssh/authorized_principals";
const revokedKeys = "etc/ssh/revoked_keys";
const madeHostKey = "etc/ssh/ssh_host_ed25519_key";
const makerOfHostKey = "ekexec-host-key.service";
/** Runs before sshd, which starts only where a host key is. */
const makerUnit = `[Unit]
Description=Host key of this rescue system
Before=ssh.service
ConditionPathExists=!/${madeHostKey}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -C ekexec -f /${madeHostKey}
`;

function finalPlaces<R>(prefix: string, units: string, identity: Identity<R>): CpioEntry<R>[] {
	const entries: CpioEntry<R>[] = [];
	const directory = (name: string, mode: number): void => {
		entries.push({ kind: "directory", name: prefix + name, mode });
	};
	const file = (name: string, content: IdentityContent<R> | string, mode = 0o644): void => {
		entries.push({ kind: "file", name: prefix + name, mode, content });
	};
	directory("etc", 0o755);
	directory("etc/ekexec", 0o755);
	file("etc/ekexec/nonce", nonceContent("rootfs", identity.nonce), 0o600);
	file("etc/ekexec/identity", identity.about === undefined ? "" : `${identity.about.trimEnd()}\n`);

	directory("etc/ssh", 0o755);
	directory("etc/ssh/sshd_config.d", 0o755);
	const lines: string[] = (identity.ports ?? [22]).map((port) => `Port ${port}`);
	for (const key of identity.hostKeys) {
		const name = `etc/ssh/ssh_host_${key.type}_key`;
		file(name, key.private, 0o600);
		lines.push(`HostKey /${name}`);
		if (key.public !== undefined) file(`${name}.pub`, key.public);
		if (key.certificate !== undefined) {
			file(`${name}-cert.pub`, key.certificate);
			lines.push(`HostCertificate /${name}-cert.pub`);
		}
	}
	if (identity.makesHostKey) {
		lines.push(`HostKey /${madeHostKey}`);
		directory("etc/systemd", 0o755);
		directory("etc/systemd/system", 0o755);
		file(`etc/systemd/system/${makerOfHostKey}`, makerUnit);
		directory("etc/systemd/system/ssh.service.wants", 0o755);
		entries.push({
			kind: "symlink",
			name: `etc/systemd/system/ssh.service.wants/${makerOfHostKey}`,
			target: `../${makerOfHostKey}`,
		});
	}
	if (identity.certified !== undefined) {
		file(userAuthorities, identity.certified.authorities);
		lines.push(
			`TrustedUserCAKeys /${userAuthorities}`,
			`AuthorizedPrincipalsFile /${userPrincipals}`,
		);
	}
	if (identity.revokedKeys !== undefined) {
		file(revokedKeys, identity.revokedKeys);
		lines.push(`RevokedKeys /${revokedKeys}`);
	}
	file("etc/ssh/sshd_config.d/10-identity.conf", `${lines.join("\n")}\n`);

	directory("root", 0o700);
	directory("root/.ssh", 0o700);
	file("root/.ssh/authorized_keys", identity.authorizedKeys, 0o600);
	if (identity.certified !== undefined) {
		file(userPrincipals, identity.certified.principals, 0o600);
	}

	if (identity.network.length > 0) {
		directory(units, 0o755);
		for (const unit of identity.network) file(`${units}/${unit.name}`, unit.content);
		// The image's own "DHCP on every NIC" must not touch what the plan leaves alone.
		entries.push({
			kind: "symlink",
			name: `${prefix}etc/systemd/network/89-ekexec-default.network`,
			target: "/dev/null",
		});
	}
	if (identity.resolvConf !== undefined) file("etc/resolv.conf", toBytes(identity.resolvConf));
	if (identity.machineId !== undefined) file("etc/machine-id", `${identity.machineId}\n`, 0o444);
	return entries;
}

function nixosPlaces<R>(identity: Identity<R>): CpioEntry<R>[] {
	const entries: CpioEntry<R>[] = [{ kind: "directory", name: "ssh", mode: 0o700 }];
	for (const key of identity.hostKeys) {
		const name = `ssh/ssh_host_${key.type}_key`;
		entries.push({ kind: "file", name, mode: 0o600, content: key.private });
		if (key.public !== undefined) {
			entries.push({ kind: "file", name: `${name}.pub`, mode: 0o644, content: key.public });
		}
	}
	entries.push({
		kind: "file",
		name: "ssh/authorized_keys",
		mode: 0o600,
		content: identity.authorizedKeys,
	});
	for (const { name, content } of identity.network) {
		entries.push({ kind: "file", name, mode: 0o644, content: toBytes(content) });
	}
	entries.push({
		kind: "file",
		name: "ekexec.json",
		mode: 0o600,
		content: nonceContent("nixos-images", identity.nonce),
	});
	if (identity.machineId !== undefined) {
		entries.push({
			kind: "file",
			name: "machine-id",
			mode: 0o444,
			content: `${identity.machineId}\n`,
		});
	}
	return entries;
}

function checkIdentity<R>(adapter: Adapter, identity: Identity<R>): void {
	const demand = (holds: boolean, field: string, expected: string, found: string): void => {
		if (holds) return;
		throw imageError("refused", "IMAGE_IDENTITY", "this identity cannot be put into the image", {
			where: `identity adapter ${adapter}`,
			field,
			expected,
			found,
		});
	};
	const {
		hostKeys,
		ports = [22],
		network,
		nonce,
		machineId,
		authorizedKeys,
		about = "",
	} = identity;
	if (identity.makesHostKey === true) {
		demand(adapter === "rootfs", "makesHostKey", "an image that can make a host key", "none");
		demand(hostKeys.length === 0, "hostKeys", "none besides the one that is made", "some");
	} else {
		demand(hostKeys.length > 0, "hostKeys", "at least one host key", "none");
	}
	demand(
		identity.certified !== undefined ||
			!(authorizedKeys instanceof Uint8Array) ||
			text(authorizedKeys).trim() !== "",
		"authorizedKeys",
		"at least one key, or nobody could log in",
		"an empty file",
	);
	const types = hostKeys.map((key) => key.type);
	for (const type of types) demand(/^[\w.-]+$/.test(type), "hostKeys.type", "a bare word", type);
	demand(new Set(types).size === types.length, "hostKeys", "one key of a type", types.join(", "));
	for (const port of ports) {
		const valid = Number.isInteger(port) && port > 0 && port < 65_536;
		demand(valid, "ports", "1 to 65535", String(port));
	}
	demand(
		/^[\w.-]{8,128}$/.test(nonce),
		"nonce",
		"8 to 128 letters and digits",
		JSON.stringify(nonce),
	);
	if (machineId !== undefined) {
		demand(/^[0-9a-f]{32}$/.test(machineId), "machineId", "32 lower-case hex digits", machineId);
	}
	demand(!about.includes("\0"), "about", "text", "a NUL");
	const names = network.map((file) => file.name);
	demand(new Set(names).size === names.length, "network", "each name once", names.join(", "));
	if (adapter !== "nixos-images") {
		for (const name of names) {
			demand(networkFile.test(name), "network", "a unit of systemd-networkd", name);
		}
		return;
	}
	for (const name of nixosFiles) {
		demand(names.includes(name), "network", name, names.join(", ") || "nothing");
	}
	for (const name of names)
		demand(nixosFiles.includes(name), "network", nixosFiles.join(", "), name);
	const only22 = ports.length === 1 && ports[0] === 22;
	demand(only22, "ports", "22 alone: this image's sshd listens on no other", ports.join(", "));
	demand(
		identity.certified === undefined,
		"certified",
		"none: this image has no place for certificate authorities",
		"some",
	);
	const revoked = identity.revokedKeys === undefined;
	demand(revoked, "revokedKeys", "none: this image has no place for them", "some");
	const certified = hostKeys.find((key) => key.certificate !== undefined);
	demand(
		certified === undefined,
		"certificate",
		"no host certificate: this image has no place for it",
		certified?.type ?? "",
	);
}

function toBytes(content: Uint8Array | string): Uint8Array {
	return typeof content === "string" ? utf8(content) : content;
}
