/** What changes the plan. */
export const planOptions = {
	image: {
		type: "string",
		requiresArg: true,
		describe: "Rescue image: a directory or tarball; without it, one is built and cached",
	},
	"image-sha256": {
		type: "string",
		requiresArg: true,
		describe: "SHA-256 that the image's tarball or manifest must have",
	},
	"image-signature": {
		type: "string",
		requiresArg: true,
		describe: "File with its signature, by minisign or ssh-keygen -Y",
	},
	"image-signer": {
		type: "string",
		requiresArg: true,
		describe: "Public key, or a file with it, that must have signed",
	},
	mirror: {
		type: "string",
		requiresArg: true,
		describe: "Debian mirror to build the image from (EKEXEC_DEBIAN_MIRROR)",
	},
	modules: {
		choices: ["auto", "generic", "target"] as const,
		default: "auto" as const,
		describe: "Kernel modules: for any machine, for this one alone, or as its memory allows",
	},
	keys: {
		choices: ["login", "all"] as const,
		default: "login" as const,
		describe: "Whose keys open the rescue system: root's and the login user's, or every user's",
	},
	key: {
		type: "string",
		array: true,
		requiresArg: true,
		describe: "A further public key file that opens it; needed where the login was by password",
	},
	"keep-link": {
		type: "string",
		array: true,
		requiresArg: true,
		describe: "Carry this network link over though it would be left out",
	},
	cmdline: {
		type: "string",
		requiresArg: true,
		describe: "Words for the rescue kernel's command line",
	},
	again: {
		type: "boolean",
		default: false,
		describe: "Go ahead although the target already runs a rescue system",
	},
	json: {
		type: "boolean",
		default: false,
		describe: "What happens as JSON, a line each, on stdout",
	},
	"dump-network": {
		type: "string",
		requiresArg: true,
		describe: "Write the target's network as emergency-kexec's three files to this folder",
	},
} as const;

/** What changes the doing. */
export const jumpOptions = {
	yes: { alias: "y", type: "boolean", default: false, describe: "Do not ask" },
	"dry-run": { type: "boolean", default: false, describe: "Print the plan and stop" },
	"load-only": {
		type: "boolean",
		default: false,
		describe: "Load the kernel and leave it loaded; do not jump (ekexec abort unloads it)",
	},
	wait: {
		type: "boolean",
		default: true,
		describe: "Wait for the rescue system and prove it (--no-wait: do not)",
	},
	timeout: {
		type: "string",
		default: "600",
		requiresArg: true,
		describe: "Seconds that the rescue system may take to answer",
	},
	sync: {
		type: "boolean",
		default: false,
		describe: "Write the target's dirty pages to its disks before the jump, for 30 s at most",
	},
	via: {
		choices: ["reboot", "systemd"] as const,
		default: "reboot" as const,
		describe: "Jump at once, or let systemd stop services first (systemctl kexec)",
	},
} as const;
