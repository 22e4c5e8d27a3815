import { alignUp, utf8 } from "../bytes/index.ts";
import { type Splice, writeCpio } from "../cpio/index.ts";
import {
	type Adapter,
	type Identity,
	type IdentityHostKey,
	identityEntries,
	type NamedFile,
} from "../image/index.ts";
import type { Facts, LiteralPart, SplicePart, StagedPart } from "../kexec/index.ts";
import { renderNixosImages, renderResolvConf, renderUnits } from "../network/index.ts";
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
	return {
		hostKeys: facts.ssh.hostKeys
			.filter(({ path }) => plan.hostKeys.includes(path))
			.map((key, index): IdentityHostKey<TargetFile> => {
				const { path, size, publicKey } = key;
				return {
					type: hostKeyName(path, index),
					private: { size, ref: { path } },
					...(publicKey ? { public: utf8(`${publicKey.type} ${publicKey.blob}\n`) } : {}),
				};
			}),
		authorizedKeys: plan.keys.authorizedKeys,
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

/** systemd-networkd's units, or the JSON that a nixos-images tarball reads. Throws where that cannot say the plan. */
function networkFiles(plan: RescuePlan, foreign: boolean): NamedFile[] {
	if (!foreign) return renderUnits(plan.network).map(({ name, content }) => ({ name, content }));
	return renderNixosImages(plan.network).files.map(({ name, content }) => ({ name, content }));
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
