import { expect, test } from "vitest";
import { explain, listen } from "../../src/ssh/openssh-talk.ts";

test("what ssh heard is told without anything that drives a terminal", () => {
	const log = "debug1: Server host key: \x1b[31m SHA256:\x1b[32m\nHost key verification failed.\n";
	const error = explain(listen(log, "\x07bell"), "host");
	expect(error).toMatchObject({ code: "SSH_HOST_KEY_UNKNOWN" });
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
	expect(error.message.replaceAll("\n", "")).not.toMatch(/[\x00-\x1f\x7f]/);
});

test("key, method and source of a login are read from its log", () => {
	const log = [
		"debug1: Server host key: ssh-ed25519 SHA256:a+b/C=",
		"debug1: Server accepts key: /home/a b/.ssh/id ED25519 SHA256:d explicit agent",
		'Authenticated to h ([::1]:22) using "publickey".',
	].join("\n");
	expect(listen(log, "")).toMatchObject({
		hostKey: { type: "ssh-ed25519", fingerprint: "SHA256:a+b/C=" },
		accepted: { source: "/home/a b/.ssh/id", fingerprint: "SHA256:d", certified: false },
		method: "publickey",
	});
});
