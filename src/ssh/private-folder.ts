import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder for sockets that only this user can enter, until `remove`. */
export function privateFolder(): { readonly path: string; readonly remove: () => void } {
	// A socket's path has room for about 100 bytes, and tokens and quotes in it mean something to ssh.
	const usual = tmpdir();
	const parent = /^[A-Za-z0-9_./+-]{1,80}$/.test(usual) ? usual : "/tmp";
	const path = mkdtempSync(join(parent, "ek-"));
	return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
