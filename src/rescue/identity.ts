import { alignUp, EkexecError, utf8 } from "../bytes/index.ts";
import { type Splice, writeCpio } from "../cpio/index.ts";
import {
	type Adapter,
	type Identity,
	type IdentityHostKey,
	identityEntries,
	type NamedFile,
} from "../image/index.ts";
import type { Facts, HostKeyFile, LiteralPart, SplicePart, StagedPart } from "../kexec/index.ts";
import { renderNixosImages, renderResolvConf, renderUnits } from "../network/index.ts";
import { readCertificate } from "../ssh/certificate.ts";
import { type Check, ok, refusal, refusesAny, warning } from "./check.ts";
import type { RescuePlan } from "./plan.ts";

/** A file of the target whose bytes the helper fills in there; they never leave it. */
interface TargetFile {
	readonly path: string;
}

/** Makes the identity of one target for one run. Host keys are references, never content. */
export function identityOf(
	plan: RescuePlan,
	facts: Facts,
	nonce: string,
	about: string,
	adapter: Adapter,
): Identity<TargetFile> {
	const { connection } = facts.ssh;
	const foreign = adapter === "nixos-images";
	// The port that this login used comes first: behind it the operator will look for the rescue system.
	const ports = [...(connection ? [connection.serverPort] : []), ...facts.ssh.ports, 22];
	const { certified } = plan.keys;
	const names = new Set<string>();
	return {
		hostKeys: facts.ssh.hostKeys
			.filter(({ path }) => plan.hostKeys.includes(path))
			.map((key, index): IdentityHostKey<TargetFile> => {
				const { path, size, publicKey } = key;
				const name = hostKeyName(path, index);
				// Keys of the same name in two folders are two keys.
				const type = names.has(name) ? `${name}${index}` : name;
				names.add(type);
				const certificate = foreign ? undefined : certificateOf(key, facts);
				return {
					type,
					private: { size, ref: { path } },
					...(publicKey ? { public: utf8(`${publicKey.type} ${publicKey.blob}\n`) } : {}),
					...(certificate ? { certificate } : {}),
				};
			}),
		...(plan.hostKeys.length === 0 ? { makesHostKey: true } : {}),
		authorizedKeys: plan.keys.authorizedKeys,
		...(plan.revokedKeys ? { revokedKeys: plan.revokedKeys.content } : {}),
		...(certified
			? {
					certified: {
						authorities: certified.trusted,
						principals: certified.principals,
					},
				}
			: {}),
		ports: [...new Set(ports)],
		network: networkFiles(plan, foreign),
		...(foreign ? {} : { resolvConf: renderResolvConf(plan.network.network) }),
		nonce,
		about,
		...(facts.machineId !== undefined && /^[0-9a-f]{32}$/.test(facts.machineId)
			? { machineId: facts.machineId }
			: {}),
	};
}

/**
 * The plan with what the identity says to it: made once before anybody is asked, so that what cannot be put into the
 * image is a refusal of the plan, and what the image has no place for is told. A plan that is refused stays as it is.
 */
export function withIdentity(
	plan: RescuePlan,
	facts: Facts,
	about: string,
	adapter: Adapter,
): RescuePlan {
	if (plan.refused) return plan;
	const checks: Check[] = [];
	try {
		// Any nonce has the same length.
		const { end } = identityParts(
			adapter,
			identityOf(plan, facts, "0".repeat(32), about, adapter),
			0,
		);
		checks.push(
			ok("identity", `${Math.ceil(end / 1024)} KiB: names, keys and network of this host`),
		);
		if (adapter === "nixos-images") {
			const certificates = facts.ssh.hostCertificates.map(({ path }) => path);
			const leftOut = [...renderNixosImages(plan.network).leftOut, ...certificates];
			const shown = leftOut.slice(0, 10).join("; ");
			const more = leftOut.length > 10 ? `; and ${leftOut.length - 10} more` : "";
			if (leftOut.length > 0)
				checks.push(warning("identity", `this image has no place for ${shown}${more}`));
		}
	} catch (error) {
		if (!(error instanceof EkexecError)) throw error;
		const { summary, details } = error;
		const { field, expected, found, remedy } = details;
		const told = [
			field === undefined ? summary : `${summary}: ${field}`,
			expected === undefined ? "" : `expected ${expected}`,
			found === undefined ? "" : `found ${found}`,
		];
		checks.push(
			refusal(
				"identity",
				told.filter((part) => part !== "").join("; "),
				remedy ?? "Use the usual image, which ekexec builds itself, or another image with --image.",
			),
		);
	}
	const all = [...plan.checks, ...checks];
	return {
		...plan,
		checks: all,
		refused: refusesAny(all),
	};
}

/** systemd-networkd's units, or the JSON that a nixos-images tarball reads. Throws where that cannot say the plan. */
function networkFiles(plan: RescuePlan, foreign: boolean): NamedFile[] {
	if (!foreign) return renderUnits(plan.network).map(({ name, content }) => ({ name, content }));
	return renderNixosImages(plan.network).files.map(({ name, content }) => ({ name, content }));
}

/** The certificate for a host key, as its file has it. */
function certificateOf({ publicKey }: HostKeyFile, { ssh }: Facts): Uint8Array | undefined {
	// sshd shows the last one for a key.
	const found = ssh.hostCertificates.findLast(
		({ blob }) => publicKey !== undefined && readCertificate(blob)?.key === publicKey.blob,
	);
	return found && utf8(`${found.type} ${found.blob}\n`);
}

/** `ed25519` of ssh_host_ed25519_key; a number where the name says nothing. */
function hostKeyName(path: string, index: number): string {
	return /ssh_host_([a-z0-9]+)_key$/.exec(path)?.[1] ?? `key${index}`;
}

/** Parts of the identity archive, placed at `offset` of the initrd, and the whole's end. */
export function identityParts(
	adapter: Adapter,
	identity: Identity<TargetFile>,
	offset: number,
): { readonly parts: readonly StagedPart[]; readonly end: number } {
	// An uncompressed archive begins at a multiple of 4 (Documentation/driver-api/early-userspace/buffer-format.rst).
	let at = alignUp(offset, 4);
	const parts: (LiteralPart | SplicePart)[] = [];
	for (const chunk of writeCpio<TargetFile>(identityEntries(adapter, identity))) {
		if (chunk instanceof Uint8Array) {
			// The writer may go on in the same block; what it handed out stays as it is.
			parts.push({ offset: at, size: chunk.length, bytes: chunk });
			at += chunk.length;
		} else {
			const { size, ref } = chunk as Splice<TargetFile>;
			parts.push({ offset: at, size, splice: utf8(ref.path) });
			at += size;
		}
	}
	return { parts, end: at };
}
