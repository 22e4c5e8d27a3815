// The order to jump.
import { struct, u8, u16, u32 } from "../bytes/index.ts";

export interface GoOptions {
	/** `reboot` (at once, unless told otherwise) or `systemd`: an orderly shutdown by `systemctl kexec`. */
	readonly via?: "reboot" | "systemd";
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
		via: options.via === "systemd" ? 1 : 0,
		answered: options.answered ?? 5000,
		drain: options.drain ?? 500,
		sync: options.sync ?? 0,
	});
}
