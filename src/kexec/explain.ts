// What a refusal means and what to do about it: one table, which helper/CONTRACT.md shows and the tests walk through.
import { EkexecError, type ErrorKind } from "../bytes/index.ts";
import type { ErrorEvent, HelperCode, HelperFault } from "./contract.ts";
import { errnoName } from "./errno.ts";

/** One row: what the helper reported, and how it is told. */
export interface Explanation {
	readonly fault: HelperFault;
	/** Step or system call; any, if left out. */
	readonly at?: string;
	/** errno of Linux; any, if left out. */
	readonly errno?: number;
	readonly sentence: string;
	readonly remedy: string;
	/** kexec_file_load said this, and kexec_load can do what it could not. */
	readonly tryLoad?: true;
	/** kexec_load said this, and kexec_file_load can do what it could not. */
	readonly tryFileLoad?: true;
}

const file = { fault: "LOAD", at: "kexec_file_load" } as const;
const segments = { fault: "LOAD", at: "kexec_load" } as const;
const signature =
	"Use a kernel whose signature the target accepts (its own distribution's), or switch Secure Boot off.";
const memory =
	"Free memory on the target, or use an image chosen for this target (smaller layers).";

/** Rows are tried in order: the first that fits is told. */
export const explanations: readonly Explanation[] = [
	{
		...file,
		errno: 38,
		sentence: "the kernel has no kexec_file_load",
		remedy: "kexec_load is tried next.",
		tryLoad: true,
	},
	{
		...file,
		errno: 8,
		sentence: "the kernel image is none that this kernel loads",
		remedy:
			"kexec_load is tried next; on x86-64 a bzImage of protocol 2.12 or later with a 64-bit entry is needed.",
		tryLoad: true,
	},
	{
		...file,
		errno: 22,
		sentence:
			"the kernel refused the request: an image of another form, a command line that is too long, or a file above half of the memory",
		remedy: "kexec_load is tried next; else shorten the command line or use smaller layers.",
		tryLoad: true,
	},
	{
		...file,
		errno: 1,
		sentence:
			"the kernel does not permit loading: no CAP_SYS_BOOT, kexec_load_disabled, its limit used up, or lockdown with an unsigned kernel",
		remedy:
			"Log in as root; look at /proc/sys/kernel/kexec_load_disabled and /sys/kernel/security/lockdown. A reboot undoes the first two.",
	},
	{
		...file,
		errno: 13,
		sentence: "a security policy of the target (IMA, SELinux) refused the file",
		remedy: "Allow it in the policy, or use a kernel that the policy measures as good.",
	},
	{
		...file,
		errno: 129,
		sentence: "the kernel's signature was rejected",
		remedy: `Without lockdown kexec_load is tried next. ${signature}`,
		tryLoad: true,
	},
	{
		...file,
		errno: 61,
		sentence: "the kernel is not signed, and the target insists on a signature",
		remedy: `Without lockdown kexec_load is tried next. ${signature}`,
		tryLoad: true,
	},
	{
		...file,
		errno: 126,
		sentence: "the key that signed the kernel is not known to the target",
		remedy: `Without lockdown kexec_load is tried next. ${signature}`,
		tryLoad: true,
	},
	{
		...file,
		errno: 65,
		sentence: "the target lacks the algorithm of the kernel's signature",
		remedy: `Without lockdown kexec_load is tried next. ${signature}`,
		tryLoad: true,
	},
	{
		...file,
		errno: 74,
		sentence: "the kernel's signature is malformed",
		remedy: `Without lockdown kexec_load is tried next. ${signature}`,
		tryLoad: true,
	},
	{
		...file,
		errno: 95,
		sentence: "the kernel cannot load this kind of image this way",
		remedy: "kexec_load is tried next.",
		tryLoad: true,
	},
	{
		...file,
		errno: 524,
		sentence: "the kernel cannot load this kind of image this way",
		remedy: "kexec_load is tried next.",
		tryLoad: true,
	},
	{
		...file,
		errno: 99,
		sentence: "no hole in the memory map is large enough for the initrd in one piece",
		remedy: "kexec_load is tried next; else use smaller layers.",
		tryLoad: true,
	},
	{
		...file,
		errno: 16,
		sentence:
			"another load is going on, or (arm64) the kernel cannot stop the other processors for a jump",
		remedy: `Try again in a moment; see who else loads a kernel (kdump, kexec-tools). Where the kernel's log says "CPUs are stuck" (spin tables, protected KVM), kexec cannot help.`,
	},
	{
		...file,
		errno: 26,
		sentence: "the staged file is open for writing",
		remedy: "This is a bug of ekexec; please report it.",
	},
	{
		...file,
		errno: 12,
		sentence: "the target has too little memory to take kernel and initrd a second time",
		remedy: `kexec_load is tried next, which takes less. ${memory}`,
		tryLoad: true,
	},
	{
		...segments,
		errno: 38,
		sentence: "the kernel has no kexec_load",
		remedy: "Only kexec_file_load can help; if that is missing too, this kernel has no kexec.",
		tryFileLoad: true,
	},
	{
		...segments,
		errno: 1,
		sentence:
			"the kernel does not permit loading: no CAP_SYS_BOOT, kexec_load_disabled, its limit used up, or lockdown",
		remedy:
			"Log in as root; under lockdown only kexec_file_load with a kernel whose signature is accepted can help.",
		tryFileLoad: true,
	},
	{
		...segments,
		errno: 13,
		sentence: "a security policy of the target (IMA) refuses kexec_load",
		remedy: "kexec_file_load is tried instead.",
		tryFileLoad: true,
	},
	{
		...segments,
		errno: 22,
		sentence: "the kernel refused the segments",
		remedy: "This is a bug of ekexec; please report it with the output of the plan.",
	},
	{
		...segments,
		errno: 99,
		sentence: "the segments lie where this kernel takes none",
		remedy: "This is a bug of ekexec; please report it with the output of the plan.",
	},
	{
		...segments,
		errno: 16,
		sentence:
			"another load is going on, or (arm64) the kernel cannot stop the other processors for a jump",
		remedy: `Try again in a moment; see who else loads a kernel (kdump, kexec-tools). Where the kernel's log says "CPUs are stuck" (spin tables, protected KVM), kexec cannot help.`,
	},
	{
		...segments,
		errno: 12,
		sentence: "the target has too little memory to take kernel and initrd a second time",
		remedy: memory,
	},
	{
		fault: "SYSTEM",
		at: "memfd_create",
		errno: 38,
		sentence: "the kernel has no files in memory (memfd_create)",
		remedy: "A kernel before 3.17, or built without tmpfs: ekexec cannot help this target.",
	},
	{
		fault: "SYSTEM",
		at: "ftruncate",
		errno: 12,
		sentence: "the target does not promise that much memory",
		remedy: memory,
	},
	{
		fault: "SYSTEM",
		at: "ftruncate",
		errno: 27,
		sentence: "a limit on the size of files (ulimit -f) is below what must be staged",
		remedy: "Lift it for the login that is used, in limits.conf or in sshd's unit.",
	},
	{
		fault: "SYSTEM",
		at: "fallocate",
		errno: 12,
		sentence: "the target has too little memory to stage the files",
		remedy: memory,
	},
	{
		fault: "SYSTEM",
		at: "fallocate",
		errno: 28,
		sentence: "the target has too little memory to stage the files",
		remedy: memory,
	},
	{
		fault: "SYSTEM",
		at: "systemctl",
		errno: 2,
		sentence: "there is no systemctl that could be asked for an orderly shutdown",
		remedy: "Jump without --via systemd.",
	},
	{
		fault: "SPLICE",
		errno: 2,
		sentence: "a file of the target that belongs into the initrd is gone",
		remedy: "Plan again: the target changed since it was probed.",
	},
	{
		fault: "SPLICE",
		errno: 5,
		sentence: "a file of the target that belongs into the initrd cannot be read from its disk",
		remedy: "Leave it out, or let the rescue system make a new one.",
	},
	{
		fault: "SPLICE",
		errno: 13,
		sentence: "a file of the target that belongs into the initrd may not be read",
		remedy: "Log in as root, or with a login that may become root.",
	},
	{
		fault: "SPLICE",
		errno: 22,
		sentence: "what belongs into the initrd is no regular file",
		remedy: "Plan again: the target changed since it was probed.",
	},
	{
		fault: "SPLICE",
		errno: 110,
		sentence: "reading a file of the target that belongs into the initrd hangs",
		remedy: "Leave it out, or let the rescue system make a new one.",
	},
	{
		fault: "SPLICE_SHORTER",
		sentence: "a file of the target is shorter than it was when it was probed",
		remedy: "Plan again: the target changed since.",
	},
	{
		fault: "SPLICE_LONGER",
		sentence: "a file of the target is longer than it was when it was probed",
		remedy: "Plan again: the target changed since.",
	},
	{
		fault: "DIGEST",
		sentence: "what arrived on the target has another SHA-256 than what was sent",
		remedy: "Check the image (ekexec image verify); if it is good, the target's memory may be bad.",
	},
	{
		fault: "NOT_KEPT",
		sentence: "nothing is kept on the target under this token",
		remedy: "Stage again from the start: the time to take it up is over, or the target ended it.",
	},
	{
		fault: "SIGNAL",
		sentence: "the helper was told by a signal to end",
		remedy:
			"Somebody on the target, its memory limit, or a shutdown ended it. Nothing was left behind.",
	},
	{
		fault: "IDLE",
		sentence: "the helper heard nothing for ten minutes and gave up",
		remedy: "Run ekexec again. Nothing was left behind.",
	},
];

const codes: Readonly<Record<HelperFault, HelperCode>> = {
	ORDER: "HELPER_ORDER",
	RANGE: "HELPER_RANGE",
	SYSTEM: "HELPER_SYSTEM",
	DIGEST: "HELPER_DIGEST",
	INCOMPLETE: "HELPER_ORDER",
	SPLICE: "HELPER_SPLICE",
	SPLICE_SHORTER: "HELPER_SPLICE",
	SPLICE_LONGER: "HELPER_SPLICE",
	LOAD: "HELPER_LOAD",
	NOT_KEPT: "HELPER_NOT_KEPT",
	SIGNAL: "HELPER_INTERRUPTED",
	IDLE: "HELPER_INTERRUPTED",
	FRAMES: "HELPER_FRAMES",
};

/** Faults of the conversation itself are ekexec's, all others the target's. */
const ours: readonly HelperFault[] = ["ORDER", "RANGE", "INCOMPLETE", "FRAMES"];

/** The row that fits what the helper reported, if any does. */
export function explanationOf(
	event: Pick<ErrorEvent, "code" | "at" | "errno">,
): Explanation | undefined {
	return explanations.find(
		(row) =>
			row.fault === event.code &&
			(row.at === undefined || row.at === event.at) &&
			(row.errno === undefined || row.errno === event.errno),
	);
}

/** The helper's complaint as an error. Its `details.cause` is the event as it came. */
export function explain(event: ErrorEvent): EkexecError<HelperCode> {
	const row = explanationOf(event);
	const kind: ErrorKind = ours.includes(event.code) ? "bug" : "failed";
	const why = event.errno === 0 ? event.at : `${event.at}: ${errnoName(event.errno)}`;
	return new EkexecError(
		kind,
		codes[event.code],
		row?.sentence ?? `the target refused ${event.at}`,
		{
			field: event.part === undefined ? undefined : `part ${event.part}`,
			expected: event.expected === undefined ? undefined : `${event.expected}`,
			found: event.found === undefined ? why : `${event.found} (${why})`,
			remedy: row?.remedy,
			cause: event,
		},
	);
}

/** The complaint behind an error of {@link explain}. */
export function complaintOf(error: unknown): ErrorEvent | undefined {
	const cause = error instanceof EkexecError ? error.details.cause : undefined;
	return typeof cause === "object" && cause !== null && "event" in cause
		? (cause as ErrorEvent)
		: undefined;
}
