import { installMissing } from "./programs.ts";

/** vitest global set-up of every project that runs other programs. */
export default function setup(): void {
	installMissing();
}
