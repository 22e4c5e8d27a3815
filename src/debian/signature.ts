import { readdir, readFile } from "node:fs/promises";
import type { KeyID, PublicKey, Signature } from "openpgp";
import { EkexecError, text } from "../bytes/index.ts";
import { debianError } from "./error.ts";

/** The folder of Debian's own keys, which ship with ekexec. */
const shipped = new URL("../../src/debian/keys/", import.meta.url);

/** Keys that may sign a Release file. */
export type Keyring = readonly PublicKey[];

/** Reads Debian's archive keys, or those of the given files (armored or binary). */
export async function readKeyring(files?: readonly (string | URL)[]): Promise<Keyring> {
	const { readKeys } = await import("openpgp");
	const paths = files ?? (await shippedKeys());
	const keys: PublicKey[] = [];
	for (const path of paths) {
		try {
			const bytes = new Uint8Array(await readFile(path));
			const armored = bytes[0] === 0x2d; // "-": binary packets have the high bit set
			if (!armored) keys.push(...(await readKeys({ binaryKeys: bytes })));
			// Of several blocks in a file, one after another, readKeys would take the first alone.
			else
				for (const block of blocksOf(text(bytes))) {
					keys.push(...(await readKeys({ armoredKeys: block })));
				}
		} catch (cause) {
			throw debianError("usage", "DEBIAN_SIGNATURE", "not a file of OpenPGP keys", {
				where: String(path),
				cause,
			});
		}
	}
	return keys;
}

function blocksOf(armored: string): string[] {
	return armored.split(/^(?=-----BEGIN )/m);
}

async function shippedKeys(): Promise<URL[]> {
	const names = (await readdir(shipped)).filter((name) => name.endsWith(".asc")).sort();
	return names.map((name) => new URL(name, shipped));
}

/** A clock that runs a little behind must not stop a rescue; a day tells of a wrong one. Milliseconds. */
export const futureMax: number = 24 * 3600_000;

/**
 * The signed text of a clear-signed file, if one of the keys made one of its signatures; what stands before or
 * after the signed part is not looked at. `now`, in milliseconds since 1970, is when keys and signatures have to be
 * in force; without it, a key has to be so when it signed. Throws `DEBIAN_SIGNATURE`, and `DEBIAN_EXPIRED` for a
 * signature that is good but made later than `now`.
 */
export async function verifyClearsigned(
	bytes: Uint8Array,
	keyring: Keyring,
	now: number | undefined,
	where: string,
): Promise<string> {
	const armored = text(bytes);
	if (!armored.startsWith("-----BEGIN PGP SIGNED MESSAGE-----")) {
		throw debianError("check", "DEBIAN_SIGNATURE", "not a signed file", {
			where,
			expected: "-----BEGIN PGP SIGNED MESSAGE-----",
			found: JSON.stringify(armored.slice(0, 40)),
			remedy: "Something other than the mirror may have answered (a login page, a proxy).",
		});
	}
	const { readCleartextMessage, verify } = await import("openpgp");
	const reasons: string[] = [];
	let future: number | undefined;
	try {
		const message = await readCleartextMessage({ cleartextMessage: armored });
		// Without a date, which the types do not know of, nothing but the date is left out; that is checked here.
		const date = null as unknown as Date;
		const result = await verify({ message, verificationKeys: [...keyring], date });
		for (const signature of result.signatures) {
			try {
				await signature.verified;
				if (now === undefined) return result.data;
				const { keyID } = signature;
				const packets = await signature.signature;
				const made = packets.packets[0]?.created?.getTime() ?? Number.NaN;
				if (made <= now + futureMax) {
					await inForce(packets, keyID, keyring, new Date(Math.max(now, made)));
					return result.data;
				}
				future = made;
			} catch (error) {
				reasons.push(`${signature.keyID.toHex()}: ${reason(error)}`);
			}
		}
		if (reasons.length === 0) reasons.push("it has no signature");
	} catch (error) {
		if (error instanceof EkexecError) throw error;
		reasons.push(reason(error));
	}
	if (now !== undefined && future !== undefined) {
		throw debianError("check", "DEBIAN_EXPIRED", "signed in the future", {
			where,
			expected: `no later than ${new Date(now).toISOString()}`,
			found: new Date(future).toISOString(),
			remedy: "Check this machine's clock.",
		});
	}
	throw debianError("check", "DEBIAN_SIGNATURE", "no signature of a known key holds", {
		where,
		found: reasons.join("; "),
		remedy: "Someone altered the file, or the archive signs with a key that is not known here.",
	});
}

/** Throws where the signature or the key that made it has expired since. */
async function inForce(
	signature: Signature,
	keyId: KeyID,
	keyring: Keyring,
	at: Date,
): Promise<void> {
	if (signature.packets.some((packet) => packet.isExpired(at))) throw new Error("it has expired");
	const key = keyring.find((one) => one.getKeys(keyId).length > 0);
	await key?.getSigningKey(keyId, at);
}

function reason(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
