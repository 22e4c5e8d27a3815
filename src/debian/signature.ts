import { readdir, readFile } from "node:fs/promises";
import type { PublicKey } from "openpgp";
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
			keys.push(
				...(armored
					? await readKeys({ armoredKeys: text(bytes) })
					: await readKeys({ binaryKeys: bytes })),
			);
		} catch (cause) {
			throw debianError("usage", "DEBIAN_SIGNATURE", "not a file of OpenPGP keys", {
				where: String(path),
				cause,
			});
		}
	}
	return keys;
}

async function shippedKeys(): Promise<URL[]> {
	const names = (await readdir(shipped)).filter((name) => name.endsWith(".asc")).sort();
	return names.map((name) => new URL(name, shipped));
}

/**
 * The signed text of a clear-signed file, if one of the keys made one of its signatures; what stands before or
 * after the signed part is not looked at. `now` is when keys and signatures have to be in force.
 * Throws `DEBIAN_SIGNATURE`.
 */
export async function verifyClearsigned(
	bytes: Uint8Array,
	keyring: Keyring,
	now: Date,
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
	try {
		const message = await readCleartextMessage({ cleartextMessage: armored });
		const result = await verify({ message, verificationKeys: [...keyring], date: now });
		for (const signature of result.signatures) {
			try {
				await signature.verified;
				return result.data;
			} catch (error) {
				reasons.push(`${signature.keyID.toHex()}: ${reason(error)}`);
			}
		}
		if (reasons.length === 0) reasons.push("it has no signature");
	} catch (error) {
		if (error instanceof EkexecError) throw error;
		reasons.push(reason(error));
	}
	throw debianError("check", "DEBIAN_SIGNATURE", "no signature of a known key holds", {
		where,
		found: reasons.join("; "),
		remedy: "Someone altered the file, or the archive signs with a key that is not known here.",
	});
}

function reason(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
