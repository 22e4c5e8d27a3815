import { capSysBoot, type Facts, hasCapability } from "../../kexec/facts/facts.ts";
import { type Check, note, ok, refusal, warning } from "../check.ts";
import { usableConsole } from "../command-line.ts";

/** The image this is about to start, as far as the checks of the machine look at it. */
export interface ImageTraits {
	readonly name: string;
	readonly architecture: string;
	/** Whether the kernel carries an Authenticode signature. */
	readonly signed: boolean;
}

/** Whoever replaces the system that ekexec itself runs on never learns what became of it. */
export function checkSameMachine(facts: Facts, ownBootId: string | undefined): Check {
	if (facts.bootId === "" || facts.bootId !== ownBootId) {
		return ok("same-machine", "the target is another machine than this one");
	}
	return refusal(
		"same-machine",
		"the target is the machine that ekexec runs on (the same boot id): it would end with it",
		"Run ekexec on another machine.",
	);
}

export function checkRescueSystem(facts: Facts, again: boolean): Check {
	if (facts.rescueNonce === undefined) return ok("rescue-system", "not yet a rescue system");
	const found = `this already is a rescue system of ekexec, up for ${minutes(facts.uptime)}`;
	if (again) return warning("rescue-system", found);
	return refusal(
		"rescue-system",
		found,
		"Log in with ssh; or, to start another one in its place, add --again.",
	);
}

export function checkArchitecture(facts: Facts, image: ImageTraits): Check {
	if (facts.architecture === image.architecture) return ok("architecture", facts.architecture);
	return refusal(
		"architecture",
		`the target is ${facts.architecture}, the image ${image.name} is for ${image.architecture}`,
		`Take an image for ${facts.architecture} (ekexec image build --arch).`,
	);
}

export function checkEnvironment(facts: Facts): Check {
	const { container, xenPv, vendor, product } = facts.environment;
	if (container.length > 0) {
		return refusal(
			"environment",
			`the target is a container (${container.join("; ")}); it shares its kernel with its host`,
			"Run ekexec against the host of the container.",
		);
	}
	if (xenPv) {
		return refusal(
			"environment",
			"the target is a paravirtualised Xen guest, whose kernel cannot be replaced by kexec",
			"Boot a rescue system from the provider's console, or switch the guest to HVM or PVH.",
		);
	}
	const machine = [vendor, product].filter((part) => part !== undefined).join(" ");
	if (vendor === "Microsoft Corporation" && product === "Virtual Machine") {
		return warning(
			"environment",
			"a Hyper-V guest: its framebuffer console may stay black after kexec; SSH is not affected",
		);
	}
	return ok("environment", machine === "" ? "a real or virtual machine" : machine);
}

export function checkRoot(facts: Facts): Check {
	if (facts.user.uid !== 0) {
		return refusal(
			"root",
			`commands run as ${facts.user.name ?? `uid ${facts.user.uid}`}, not as root`,
			"Log in as root, or as a user that may use sudo or doas.",
		);
	}
	if (!hasCapability(facts, capSysBoot)) {
		return refusal(
			"root",
			"root here lacks the capability CAP_SYS_BOOT",
			"Log in where root is not confined: the SSH service or a container took the capability away.",
		);
	}
	return ok("root", "root, with CAP_SYS_BOOT");
}

/** Calls until nothing is loaded again: the kernel alone and off, all of it, by the other call where that is refused, and off. */
const loadsNeeded = 5;

/** Every obstacle between the target and kexec, each told apart. */
export function checkKexec(facts: Facts): Check {
	const { kexec, security } = facts;
	if (kexec.disabled) {
		return refusal(
			"kexec",
			"kexec_load_disabled is 1: loading kernels was switched off until the next boot",
			"It cannot be switched on again; boot a rescue system from the provider's console.",
		);
	}
	if (kexec.loadsLeft === 0) {
		return refusal(
			"kexec",
			"kexec_load_limit_reboot is 0: no load is left until the next boot",
			"The limit cannot be raised; boot a rescue system from the provider's console.",
		);
	}
	// Loading counts, unloading as well (kexec_load_permitted in kernel/kexec_core.c).
	if (kexec.loadsLeft !== undefined && kexec.loadsLeft < loadsNeeded) {
		return refusal(
			"kexec",
			`kexec_load_limit_reboot is ${kexec.loadsLeft}: trying the kernel, loading it and taking both back counts as ${loadsNeeded}`,
			"The limit cannot be raised; boot a rescue system from the provider's console.",
		);
	}
	if (kexec.fileLoad === "absent" && kexec.load === "absent") {
		return refusal(
			"kexec",
			`the kernel ${facts.kernelRelease} was built without kexec${configHint(kexec.config)}`,
			"Boot a rescue system from the provider's console.",
		);
	}
	if (security.lockdown === "confidentiality" || security.lockdown === "integrity") {
		if (kexec.fileLoad === "absent") {
			return refusal(
				"kexec",
				`lockdown=${security.lockdown} forbids kexec_load, and the kernel has no kexec_file_load`,
				"Boot with Secure Boot and lockdown off, or use the provider's rescue system.",
			);
		}
		return ok("kexec", `kexec_file_load (lockdown=${security.lockdown} wants a signed kernel)`);
	}
	if (kexec.fileLoad === "refused" && kexec.load === "refused") {
		return refusal(
			"kexec",
			"the kernel refuses both kexec system calls although this is root",
			"A security module, seccomp filter or lockdown stands in between; log in outside of it.",
		);
	}
	if (kexec.fileLoad === "present") {
		const both = kexec.load === "present" ? ", kexec_load to fall back on" : "";
		return ok("kexec", `kexec_file_load${both}`);
	}
	return facts.architecture === "amd64" && kexec.load === "present"
		? ok("kexec", "kexec_load (this kernel has no usable kexec_file_load)")
		: warning("kexec", "only kexec_load, which the load will show to work or not");
}

function configHint(config: Readonly<Record<string, string>> | undefined): string {
	if (!config) return "";
	return config.KEXEC === "y" || config.KEXEC_FILE === "y"
		? " calls within reach (its configuration has them: a seccomp filter hides them)"
		: " (CONFIG_KEXEC and CONFIG_KEXEC_FILE are not set)";
}

export function checkSignature(facts: Facts, image: ImageTraits): Check {
	const { lockdown, secureBoot, imaAppraisesKexec } = facts.security;
	const forced = facts.kexec.config?.KEXEC_SIG_FORCE === "y";
	const locked = lockdown !== undefined && lockdown !== "none";
	if (!locked && !forced && !imaAppraisesKexec) {
		return ok(
			"signature",
			secureBoot === true ? "Secure Boot is on, yet no signature is asked for" : "none asked for",
		);
	}
	const why = locked ? `lockdown=${lockdown}` : forced ? "CONFIG_KEXEC_SIG_FORCE" : "an IMA policy";
	if (!image.signed) {
		return refusal(
			"signature",
			`${why} wants a signed kernel; that of the image ${image.name} carries no signature`,
			"Take an image whose kernel the target trusts (its own distribution's signed kernel).",
		);
	}
	return warning(
		"signature",
		`${why} wants a signature that this machine trusts`,
		"Whether it trusts the image's is tried with the kernel alone, before the rest is sent.",
	);
}

export function checkLoaded(facts: Facts): Check {
	if (!facts.kexec.loaded) return ok("loaded", "no other kernel is loaded");
	return refusal(
		"loaded",
		"another kernel is already loaded for kexec; it would be lost",
		"If nobody needs it (an earlier --load-only?), unload it with ekexec abort, then try again.",
	);
}

/** Whoever stands in front of the machine, or has its serial line, sees the rescue system too. */
export function checkConsoles(facts: Facts): Check {
	const consoles = facts.consoles.filter((name) => usableConsole.test(name));
	if (consoles.length === 0) return note("console", "none found: only SSH will show what happens");
	return ok("console", `the rescue system also shows on ${consoles.join(", ")}`);
}

/** Differences below this matter to no certificate or expiry that a rescue meets. Milliseconds. */
const tolerableSkew = 5 * 60_000;

export function checkClock(facts: Facts, now: number): Check {
	const skew = facts.time - now;
	if (Math.abs(skew) < tolerableSkew) return ok("clock", "agrees with this machine's");
	return warning(
		"clock",
		`${minutes(Math.abs(skew) / 1000)} ${skew > 0 ? "ahead of" : "behind"} this machine's`,
		"Key options such as expiry-time go by that clock.",
	);
}

export function checkUnreadable(facts: Facts): Check {
	if (facts.unreadable.length === 0) return ok("unreadable", "every fact could be read");
	const shown = facts.unreadable.slice(0, 4).map(({ what, why }) => `${what} (${why})`);
	const more = facts.unreadable.length - shown.length;
	return note(
		"unreadable",
		`could not be read: ${shown.join("; ")}${more > 0 ? `; and ${more} more` : ""}`,
	);
}

/** A duration in seconds, for people. */
export function minutes(seconds: number): string {
	if (seconds < 120) return `${Math.round(seconds)} s`;
	if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
	if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
	return `${Math.round(seconds / 86_400)} days`;
}
