import type { Adapter } from "../image/index.ts";
import type { Facts } from "../kexec/facts/facts.ts";
import { type Network, type Plan as NetworkPlan, planNetwork } from "../network/index.ts";
import { type Check, checkIds, refusesAny } from "./check.ts";
import { checkDrivers } from "./checks/drivers.ts";
import {
	checkArchitecture,
	checkClock,
	checkConsoles,
	checkEnvironment,
	checkKexec,
	checkLoaded,
	checkRescueSystem,
	checkRoot,
	checkSameMachine,
	checkSignature,
	checkUnreadable,
	type ImageTraits,
} from "./checks/machine.ts";
import {
	checkDisks,
	checkNetwork,
	checkStaging,
	checkTerminals,
	checkWatchdogs,
} from "./checks/surroundings.ts";
import { checkCommandLine, rescueCommandLine } from "./command-line.ts";
import { planHostKeys } from "./host-keys.ts";
import { type KeyPlan, planKeys } from "./keys.ts";
import type { LoginProof } from "./login-again.ts";
import { budgetMemory, checkMemory, type LoadSizes, type MemoryBudget } from "./memory.ts";
import { planRevoked, type RevokedKeys } from "./revoked.ts";
import { rootSpace } from "./root-space.ts";

/** What the plan needs to know of the image. Sizes in bytes. */
export interface PlannedImage extends ImageTraits {
	/** How the image takes the identity. */
	readonly adapter: Adapter;
	readonly commandLine: string;
	/** The kernel's limit of a command line, without NUL. */
	readonly commandLineLimit: number;
	readonly sizes: LoadSizes;
	readonly layers: readonly string[];
	/**
	 * Whether the kernel knows `initramfs_options`; absent where that makes no difference to the target, or cannot be
	 * read from the kernel.
	 */
	readonly initramfsOptions?: boolean;
	/** Names of the target's bus devices that no driver of the image serves; absent where the image does not tell. */
	readonly unserved?: readonly string[];
}

/** What the operator asked for, as far as it changes the plan. */
export interface RescueOptions {
	readonly allKeys: boolean;
	readonly addedKeys: readonly { readonly name: string; readonly content: Uint8Array }[];
	/** Words for the rescue system's kernel command line. */
	readonly commandLine: string;
	/** Start a rescue system although one is running. */
	readonly again: boolean;
	/** Links to carry although they would be left out. */
	readonly keepLinks: readonly string[];
}

/** What is known of the connection. */
export interface LoginKnown {
	readonly user: string;
	readonly proof: LoginProof;
	/** The host key that the server showed, blob in base64. */
	readonly hostKey: { readonly type: string; readonly blob: string };
	/** Boot id of the machine that ekexec runs on, where it can be known. */
	readonly ownBootId?: string;
}

/** Everything that will happen, and every reason why it may not. A value: printed by `--dry-run`, given by `--json`. */
export interface RescuePlan {
	readonly checks: readonly Check[];
	/** Whether any check refuses. */
	readonly refused: boolean;
	readonly image: PlannedImage;
	readonly method: "kexec_file_load" | "kexec_load";
	readonly commandLine: string;
	readonly memory?: MemoryBudget;
	readonly network: NetworkPlan;
	readonly keys: KeyPlan;
	/** Paths of the private host keys that are carried. None: the rescue system makes one. */
	readonly hostKeys: readonly string[];
	readonly revokedKeys?: RevokedKeys;
}

/**
 * What the target says to a rescue by whatever image. A refusal among these stands before an image is built, which may
 * take minutes.
 */
export function checkTarget(
	facts: Facts,
	network: Network,
	login: LoginKnown,
	options: RescueOptions,
): Check[] {
	return judgeTarget(facts, network, login, options).checks;
}

function judgeTarget(
	facts: Facts,
	network: Network,
	login: LoginKnown,
	options: RescueOptions,
	adapter?: Adapter,
): {
	readonly checks: Check[];
	readonly network: NetworkPlan;
	readonly keys: KeyPlan;
	readonly revoked: ReturnType<typeof planRevoked>;
} {
	const { connection } = facts.ssh;
	const plan = planNetwork(network, {
		...(connection ? { connection } : {}),
		keep: options.keepLinks,
	});
	const revoked = planRevoked(facts, adapter);
	const keys = planKeys(facts, {
		certificates: adapter !== "nixos-images",
		revoked: revoked.listed,
		loginUser: login.user,
		proof: login.proof,
		allUsers: options.allKeys,
		added: options.addedKeys,
	});
	const checks = [
		checkSameMachine(facts, login.ownBootId),
		checkRescueSystem(facts, options.again),
		checkEnvironment(facts),
		checkRoot(facts),
		checkKexec(facts),
		checkLoaded(facts),
		checkStaging(facts),
		...checkNetwork(plan),
		...keys.checks,
		...revoked.checks,
	];
	return { checks, network: plan, keys, revoked };
}

/**
 * Makes the plan. Pure: the same facts give the same plan, and nothing is touched.
 * @param now the operator's clock, milliseconds since 1970
 */
export function planRescue(
	facts: Facts,
	network: Network,
	image: PlannedImage,
	login: LoginKnown,
	options: RescueOptions,
	now: number,
): RescuePlan {
	const target = judgeTarget(facts, network, login, options, image.adapter);
	const { keys, network: networkPlan, revoked } = target;
	const hostKeys = planHostKeys(facts, login.hostKey, image.adapter);
	const method = facts.kexec.fileLoad === "present" ? "kexec_file_load" : "kexec_load";
	const memory = budgetMemory(facts, image.sizes, method);
	const words = [image.commandLine, ...networkPlan.kernelParameters].join(" ");
	const commandLine = rescueCommandLine(words, facts, options.commandLine);
	const checks: Check[] = [
		...target.checks,
		checkArchitecture(facts, image),
		checkSignature(facts, image),
		checkMemory(
			memory,
			memory && rootSpace(commandLine, memory.total - memory.sizes.initrd),
			image.initramfsOptions,
		),
		hostKeys.check,
		...checkDrivers(facts, networkPlan, image),
		...checkDisks(facts),
		...checkTerminals(facts),
		...checkWatchdogs(facts),
		checkConsoles(facts),
		checkClock(facts, now),
		checkCommandLine(commandLine, image.commandLineLimit),
		checkUnreadable(facts),
	].sort((one, other) => checkIds.indexOf(one.id) - checkIds.indexOf(other.id));
	return {
		checks,
		refused: refusesAny(checks),
		image,
		method,
		commandLine,
		...(memory ? { memory } : {}),
		network: networkPlan,
		keys,
		hostKeys: hostKeys.carried.map(({ path }) => path),
		...(revoked.carried ? { revokedKeys: revoked.carried } : {}),
	};
}
