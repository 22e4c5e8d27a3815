import type { Adapter } from "../image/index.ts";
import type { Facts, RevokedKeysFile } from "../kexec/facts/facts.ts";
import { type Check, note, warning } from "./check.ts";

/** A list of this size would not be read at every login by anybody. */
const largest = 16 * 1024 * 1024;

/** Which of the target's files of revoked keys the rescue system heeds, and what the operator has to know of the others. */
export function planRevoked(
	{ ssh }: Facts,
	adapter: Adapter,
): { readonly carried?: RevokedKeysFile; readonly checks: readonly Check[] } {
	// sshd takes one file. One that is empty revokes nothing.
	const [first] = ssh.revokedKeys.filter(({ size }) => size !== 0);
	const heeded = adapter !== "nixos-images" && first?.size !== undefined && first.size <= largest;
	const carried = heeded ? first : undefined;
	const checks = ssh.revokedKeys
		.filter(({ size }) => size !== 0)
		.map((file): Check => {
			const { path, size } = file;
			if (file === carried)
				return note("login-keys", `keys that ${path} revokes open the rescue system neither`);
			const which = size === undefined ? `${path}, which cannot be looked at,` : path;
			return warning(
				"login-keys",
				`keys that ${which} revokes (RevokedKeys) open the rescue system where they stand among those carried`,
				"Take them out of the files of authorized keys first.",
			);
		});
	return { ...(carried ? { carried } : {}), checks };
}
