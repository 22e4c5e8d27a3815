import type { Adapter } from "../image/index.ts";
import type { Facts, HostKeyFile } from "../kexec/facts/facts.ts";
import { type Check, ok, refusal, warning } from "./check.ts";

/** The host keys that the rescue system will show. */
export interface HostKeyPlan {
	/** Those of the target that are carried, by reference; none: the rescue system makes one, see {@link made}. */
	readonly carried: readonly HostKeyFile[];
	/** Whether the rescue system makes a key of its own: the target has none that could be carried. */
	readonly made: boolean;
	readonly check: Check;
}

/** Host keys are carried by reference; what is there decides how the operator will know the rescue system again. */
export function planHostKeys(
	facts: Facts,
	used: { readonly type: string; readonly blob: string },
	adapter: Adapter,
): HostKeyPlan {
	const { hostKeys } = facts.ssh;
	const carried = hostKeys.filter(({ trouble }) => trouble === undefined);
	const left = hostKeys
		.filter(({ trouble }) => trouble !== undefined)
		.map(({ path, trouble }) => `${path} ${trouble}`)
		.join("; ");
	if (carried.length === 0) {
		const found = left || "no private host key of OpenSSH was found where its configuration says";
		// Other images show the keys they are given, and make none.
		const made = adapter === "rootfs";
		const check = made
			? warning(
					"host-keys",
					`${found}; the rescue system makes a new one in its own memory, and ekexec knows it again by this run's secret word`,
					"ssh will call the key unknown or changed: compare it with the fingerprint that is shown at the end.",
				)
			: refusal(
					"host-keys",
					found,
					"Make keys there (ssh-keygen -A), or let sshd_config name those that it uses, then try again.",
				);
		return { carried, made, check };
	}
	const names = carried.map((key) => key.path.slice(key.path.lastIndexOf("/") + 1)).join(", ");
	const kept = left === "" ? names : `${names}; not carried: ${left}`;
	const same = carried.find((key) => key.publicKey?.blob === used.blob);
	const judge = (): Check => {
		if (same) return ok("host-keys", `${kept}; that of this connection among them`);
		const shown = hostKeys.find((key) => key.publicKey?.blob === used.blob);
		const other = carried.find((key) => key.publicKey !== undefined)?.publicKey;
		if (shown && other) {
			return warning(
				"host-keys",
				`${kept}; the rescue system shows its ${other.type} key instead`,
				"ssh may call it unknown; ekexec insists on it.",
			);
		}
		if (carried.some((key) => key.publicKey === undefined)) {
			return warning("host-keys", `${kept}; their public halves cannot be read to compare`);
		}
		return refusal(
			"host-keys",
			`the key that this connection showed (${used.type}) is none of ${kept}`,
			"Another sshd answers here (a container's, a jump host's); run ekexec against the right one.",
		);
	};
	return { carried, made: false, check: judge() };
}
