import { randomBytes } from "node:crypto";
import { EkexecError } from "../bytes/index.ts";
import { type Image, type ImageLayer, readDrivers } from "../image/index.ts";
import type { Facts, GoOptions, HelperClient, StagedFile } from "../kexec/index.ts";
import { formatTarget, parseTarget } from "../ssh/index.ts";
import { unproven } from "./causes.ts";
import { refusesAny, several } from "./check.ts";
import { deliver } from "./deliver.ts";
import { rescueError } from "./error.ts";
import type { HostOptions, HostResult } from "./host-options.ts";
import { identityOf, withIdentity } from "./identity.ts";
import { chooseLayers, imageTraits } from "./image-traits.ts";
import { giveOrder, unknownOrder } from "./jump.ts";
import { type LoadChoice, loadKernel, tryKernel } from "./load.ts";
import { mib } from "./memory.ts";
import { checkTarget, planRescue, type RescuePlan } from "./plan.ts";
import { type Probed, probe } from "./probe.ts";
import { expectedHostKey, type Proof, prove } from "./prove.ts";
import type { Step } from "./report.ts";
import { describeFacts, describePlan, refusedError } from "./sentences.ts";
import { helperOf, loginKnown, openSession, type Session } from "./session.ts";
import { stagedFiles } from "./stage.ts";
import { abortWithin, askAgain, type Delivery, drop, keepSeconds } from "./take-up.ts";

/** Logs in, probes and plans: the first three steps. Nothing of the target changes. */
export async function check(target: string, options: HostOptions): Promise<HostResult> {
	const rescue = new Rescue(target, { ...options, until: "plan" });
	return rescue.run();
}

/**
 * Replaces the running system of `target` by a rescue system: the nine steps. Until the jump every failure, and an
 * abort of the signal, leaves the target as it was; after it only the proof can fail.
 * Throws `RESCUE_REFUSED` where a check refuses, `RESCUE_NOT_CONFIRMED`, and what each step throws.
 */
export async function host(target: string, options: HostOptions): Promise<HostResult> {
	return new Rescue(target, options).run();
}

class Rescue {
	readonly #target: string;
	readonly #options: HostOptions;

	constructor(target: string, options: HostOptions) {
		this.#target = target;
		this.#options = options;
	}

	async run(): Promise<HostResult> {
		const session = await this.#do(
			"connect",
			() => openSession(this.#target, this.#options),
			(s) => s.connection.describe(),
		);
		try {
			return await this.#onSession(session);
		} catch (error) {
			throw tellingLeftovers(error, session);
		} finally {
			await session.connection.close();
		}
	}

	async #onSession(session: Session): Promise<HostResult> {
		const { options } = this;
		const mode = options.until === "plan" ? "probe" : "run";
		let client: HelperClient | undefined;
		try {
			const probed = await this.#do(
				"probe",
				async () => {
					client = await helperOf(session, mode, { signal: options.signal });
					return this.#probe(session, client);
				},
				describeFacts,
			);
			if (client === undefined) throw new Error("the probe ran without a helper");
			return await this.#afterProbe(session, client, probed);
		} finally {
			// The end of input before the jump means: unload, drop what was staged, leave. After it, it means nothing.
			client?.close();
		}
	}

	async #afterProbe(session: Session, client: HelperClient, probed: Probed): Promise<HostResult> {
		const { options } = this;
		const { report } = options;
		report({ event: "facts", facts: probed.facts });
		const { image, layers, plan } = await this.#do(
			"plan",
			async () => {
				const { facts, network } = probed;
				const login = await loginKnown(session);
				if (options.until !== "plan") {
					const checks = checkTarget(facts, network, login, options.plan);
					if (refusesAny(checks)) throw refusedError(this.#target, { checks });
				}
				const image = await options.image(facts);
				const drivers = await readDrivers(image);
				const layers = chooseLayers(image, facts, drivers);
				const traits = await imageTraits(image, layers, facts, drivers);
				const made = planRescue(facts, network, traits, login, options.plan, Date.now());
				const plan = withIdentity(made, facts, options.about(facts), image.manifest.adapter);
				return { image, layers, plan };
			},
			(found) => describePlan(found.plan),
		);
		report({ event: "plan", plan });
		const { facts, network } = probed;
		const { hostKey } = session.connection;
		const result = { plan, facts, network, hostKey, jumped: false };
		if (options.until === "plan") return result;
		if (plan.refused) throw refusedError(this.#target, plan);
		await this.#do(
			"ask",
			async () => {
				if (!(await options.confirm(plan, network))) {
					throw rescueError(
						"refused",
						"RESCUE_NOT_CONFIRMED",
						"not confirmed; nothing was changed",
					);
				}
			},
			() => "confirmed",
		);

		const nonce = randomBytes(16).toString("hex");
		const keep = options.keep ?? keepSeconds;
		const token = await client.keep(keep, options.signal ? { signal: options.signal } : {});
		const delivery: Delivery = { session, client, parts: 0, token, keep };
		let sure: boolean | undefined;
		try {
			const choice = await this.#stage(delivery, probed, plan, image, layers, nonce);
			await this.#do(
				"load",
				() => this.#ask("load", delivery, (to) => loadKernel(to, choice, options.signal)),
				({ method }) => `by ${method}`,
			);
			if (options.until === "load") {
				sure = await this.#order("load", delivery, facts, { via: "nothing" });
				return result;
			}
			sure = await this.#do(
				"jump",
				() => this.#order("jump", delivery, facts, { via: options.via, sync: options.sync }),
				(arrived) =>
					arrived ? "the target is on its way" : "whether the order arrived is not known",
			);
		} finally {
			// A helper that keeps what it has takes the end of its input for a lost connection: it has to be told.
			if (sure === undefined) await delivery.client.abort({ timeout: abortWithin }).catch(() => {});
			if (delivery.client !== client) delivery.client.close();
			if (delivery.session !== session) await delivery.session.connection.close();
		}
		await session.connection.close();
		if (!options.wait) {
			report({ event: "step", step: "prove", state: "skipped", detail: "not asked for" });
			if (!sure) throw unknownOrder(this.#target, { via: options.via });
			return { ...result, jumped: true };
		}
		const unsure = sure ? {} : { unsureFor: delivery.keep * 1000 };
		const proof = await this.#prove(plan, facts, delivery, image, { nonce, ...unsure });
		report({ event: "proof", proof });
		return { ...result, jumped: true, proof };
	}

	async #probe(session: Session, client: HelperClient): Promise<Probed> {
		const { login } = session.connection;
		const context = {
			loginUser: login.user,
			allUsers: this.options.plan.allKeys,
			...(session.sshConnection === undefined ? {} : { sshConnection: session.sshConnection }),
		};
		return probe(client, context, login.host, this.options.signal);
	}

	/** Kernel first, so that a signature that is not trusted shows before the rest is sent. */
	async #stage(
		delivery: Delivery,
		{ facts, loadFacts }: Probed,
		plan: RescuePlan,
		image: Image,
		layers: readonly ImageLayer[],
		nonce: string,
	): Promise<LoadChoice> {
		const { options } = this;
		const { signal, report } = options;
		const identity = identityOf(plan, facts, nonce, options.about(facts), image.manifest.adapter);
		const { commandLine } = plan;
		const { kernel, rest, total, fallback } = await stagedFiles(
			image,
			layers,
			identity,
			commandLine,
			loadFacts,
		);
		const locked = !["none", undefined].includes(facts.security.lockdown);
		let choice: LoadChoice = { method: plan.method, commandLine, fallback, locked };

		const send = (files: readonly StagedFile[], before: number): Promise<void> =>
			deliver(this.#target, delivery, files, {
				...options,
				progress: (done) =>
					report({ event: "progress", step: "stage", done: Math.min(before + done, total), total }),
				remark: (text) => report({ event: "remark", step: "stage", text }),
			});
		await this.#do(
			"stage",
			async () => {
				await send([kernel], 0);
				if (choice.method === "kexec_file_load") {
					const trial = (to: HelperClient) => tryKernel(to, choice, signal);
					const taken = await this.#ask("stage", delivery, trial);
					if (!taken) {
						choice = { ...choice, method: "kexec_load" };
						report({
							event: "remark",
							step: "stage",
							text: "kexec_file_load refuses; kexec_load it is",
						});
					}
				}
				await send(rest, kernel.size);
			},
			() => `${mib(total)} in the target's memory, digests checked there`,
		);
		await this.#do(
			"assemble",
			() => this.#ask("assemble", delivery, (to) => to.seal(signal ? { signal } : {})),
			() =>
				plan.hostKeys.length === 0
					? "no host key: the rescue system makes one"
					: `${several(plan.hostKeys.length, "host key")}, filled in by the target itself`,
		);
		return choice;
	}

	#ask<T>(step: Step, delivery: Delivery, act: (to: HelperClient) => Promise<T>): Promise<T> {
		const remark = (text: string): void => this.options.report({ event: "remark", step, text });
		return askAgain(this.#target, delivery, { ...this.options, remark }, act);
	}

	#order(step: Step, delivery: Delivery, facts: Facts, order: GoOptions): Promise<boolean> {
		const { options } = this;
		return giveOrder(this.#target, delivery, facts, order, {
			...options,
			remark: (text) => options.report({ event: "remark", step, text }),
		});
	}

	async #prove(
		plan: RescuePlan,
		facts: Facts,
		delivery: Delivery,
		image: Image,
		by: { readonly nonce: string; readonly unsureFor?: number },
	): Promise<Proof> {
		const { options } = this;
		const started = Date.now();
		let oldAnswered = false;
		// Whoever logged in: the rescue system knows only root.
		const target = formatTarget({ ...parseTarget(this.#target), user: "root" });
		return this.#do(
			"prove",
			async () => {
				const proven = prove(target, plan, {
					...options.connect,
					...(options.signal ? { signal: options.signal } : {}),
					...(options.prompt ? { prompt: options.prompt } : {}),
					expectHostKey: expectedHostKey(plan, facts, delivery.session.connection.hostKey),
					deadline: options.timeout,
					adapter: image.manifest.adapter,
					...by,
					bootId: facts.bootId,
					compare: options.compare,
					attempt: ({ number, error, old }) => {
						oldAnswered = old;
						const seen = old ? "still the old system" : "it does not say yet who it is";
						options.log?.(`login ${number}: ${error?.message ?? seen}`);
					},
				});
				return proven.catch(async (error: unknown) => {
					if (error instanceof EkexecError && error.code === "RESCUE_LOST") {
						// The old system answers, and may not have noticed yet that the line is dead.
						await drop(this.#target, delivery, options).catch((cause: unknown) => {
							throw unknownOrder(this.#target, { via: options.via }, cause);
						});
						throw error;
					}
					const waited = Math.round((Date.now() - started) / 1000);
					const silence = { waited, oldAnswered, via: options.via, login: this.#target };
					throw unproven(error, target, plan, facts, silence);
				});
			},
			(proof) => `back after ${Math.round(proof.seconds)} s`,
		);
	}

	get options(): HostOptions {
		return this.#options;
	}

	/** Runs one step, told at both ends. */
	async #do<T>(step: Step, act: () => Promise<T>, detail: (result: T) => string): Promise<T> {
		const { report, signal } = this.#options;
		// After the jump an interrupt no longer means that nothing was done: the proof says so itself.
		if (step !== "prove") signal?.throwIfAborted();
		report({ event: "step", step, state: "start" });
		const result = await act();
		report({ event: "step", step, state: "done", detail: detail(result) });
		return result;
	}
}

/** Where a run ends without a login that could remove it, the error names what it left. */
function tellingLeftovers(error: unknown, { leftovers }: Session): unknown {
	if (leftovers.size === 0 || !(error instanceof EkexecError)) return error;
	const told = `Once the target answers again, remove what was uploaded: ${[...leftovers].join(", ")}`;
	const { kind, code, summary, details } = error;
	const remedy = details.remedy === undefined ? told : `${details.remedy}\n${told}`;
	return new EkexecError(kind, code, summary, { ...details, remedy });
}
