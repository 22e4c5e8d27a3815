// The order to jump.
import { struct, u8, u16, u32 } from "../bytes/index.ts";

/** Ways of the jump, in the order of the helper's numbers. */
const ways = ["reboot", "systemd", "nothing"] as const;
export type GoVia = (typeof ways)[number];

export interface GoOptions {
	/**
	 * `reboot` (at once, unless told otherwise); `systemd`: an orderly shutdown by `systemctl kexec`; `nothing`: no jump,
	 * the kernel stays loaded when the conversation ends.
	 */
	readonly via?: GoVia;
	/** Milliseconds that sync(2) may take before the jump; 0, unless told: no sync, which hangs on a dead disk. */
	readonly sync?: number;
	/** Milliseconds to wait for the word that the answer arrived; then the order stands without it. 5000 unless told. */
	readonly answered?: number;
	/** Milliseconds between that word and the jump, for the transport to close. 500 unless told. */
	readonly drain?: number;
}

const goLayout = struct("go", {
	via: u8,
	zero: u8,
	zero2: u16,
	answered: u32,
	drain: u32,
	sync: u32,
});

export function encodeGo(options: GoOptions): Uint8Array {
	return goLayout.write({
		via: ways.indexOf(options.via ?? "reboot"),
		answered: options.answered ?? 5000,
		drain: options.drain ?? 500,
		sync: options.sync ?? 0,
	});
}
