import { describe, expect, test } from "vitest";
import { text, utf8 } from "../../src/bytes/index.ts";
import { parseAuthorizedPrincipals } from "../../src/kexec/facts/authorized-principals.ts";
import type { Facts } from "../../src/kexec/facts/facts.ts";
import type { PlannedImage } from "../../src/rescue/plan.ts";
import { readCertificate } from "../../src/ssh/certificate.ts";
import { certificateBlob } from "../ssh/certificate-blob.ts";
import { healthyFacts, keyBlob, keysOf } from "../support/facts.ts";
import { plan, verdicts } from "../support/plan.ts";

const base = healthyFacts();
const other = keyBlob.replace("KzPl", "QQQQ");
const third = keyBlob.replace("KzPl", "RRRR");
const addedKeys = [{ name: "me.pub", content: utf8(`ssh-ed25519 ${other}`) }];

describe("a login by a certificate", () => {
	const authorities = [{ type: "ssh-ed25519", blob: other }];
	/** Let in by the user's own name, or by those of a file. */
	const certified = (user: string, file?: string): Facts["ssh"]["certifiedLogins"][number] =>
		file === undefined
			? {
					user,
					authorities,
					principals: [{ name: user, options: [], optionText: "" }],
					unusable: [],
				}
			: {
					user,
					authorities,
					path: `/etc/ssh/principals/${user}`,
					...parseAuthorizedPrincipals(utf8(file)),
				};
	const shown = (...names: string[]) =>
		({
			method: "publickey",
			type: "ssh-ed25519-cert-v01@openssh.com",
			blob: certificateBlob({ authority: other, principals: names }),
			certified: true,
		}) as const;
	const certifiedLogins = [certified("root"), certified("admin"), certified("eve")];
	const known = { ssh: { ...base.ssh, certifiedLogins } };

	test("works where its authority comes along and its name is taken", () => {
		const made = plan(known, { login: { proof: shown("ops", "admin"), user: "admin" } });
		expect(verdicts(made, "login-keys")).toEqual(["ok"]);
		expect(text(made.keys.authorizedKeys)).toContain(
			`cert-authority,principals="root,admin" ssh-ed25519 ${other}`,
		);
	});

	test("opens what the users' files of names open, and nothing else", () => {
		const certifiedLogins = [
			certified("root", 'ops\nfrom="192.0.2.0/24" far\ncommand="x" backup'),
			certified("admin", "ops\nsecond\n"),
			{ ...certified("eve", "eve"), distrusted: "everybody may write to it" },
		];
		const ssh = { ...base.ssh, certifiedLogins };
		const login = { proof: shown("second"), user: "admin" };
		const made = plan({ ssh }, { login, options: { allKeys: true } });
		expect(verdicts(made, "login-keys")).toEqual(["ok", "note", "warning"]);
		expect(text(made.keys.authorizedKeys).split("\n").slice(1, -1)).toEqual([
			`cert-authority,principals="ops,second" ssh-ed25519 ${other} TrustedUserCAKeys`,
			`cert-authority,principals="far",from="192.0.2.0/24" ssh-ed25519 ${other} TrustedUserCAKeys`,
		]);
		expect(made.keys.leftOut).toMatchObject([
			{ user: "root", lineNumber: 3, comment: "backup" },
			{ user: "eve", comment: "eve" },
		]);
		// The user's own name does not count beside a file.
		const own = plan({ ssh }, { login: { proof: shown("root") } });
		expect(verdicts(own, "login-keys")).toContain("refusal");
	});

	test("by a line of one's own file is for one's own name, as which nobody logs in there", () => {
		const lines = `cert-authority ssh-ed25519 ${other}\ncert-authority,principals="x" ssh-ed25519 ${other}`;
		const ssh = { ...base.ssh, authorizedKeys: [keysOf("root", lines), keysOf("admin", lines)] };
		const made = plan({ ssh }, { login: { proof: shown("admin"), user: "admin" } });
		expect(verdicts(made, "login-keys")).toEqual(["ok"]);
		expect(text(made.keys.authorizedKeys)).toBe(
			`${lines}\nprincipals="admin",cert-authority ssh-ed25519 ${other}\n`,
		);
	});

	test("may depend on a program that gives names, which is told", () => {
		const certifiedLogins = [{ ...certified("root", ""), command: "/usr/bin/names" }];
		const made = plan(
			{ ssh: { ...base.ssh, certifiedLogins } },
			{ login: { proof: shown("root") } },
		);
		expect(made.checks.filter(({ id }) => id === "login-keys").map(({ found }) => found)).toEqual([
			expect.stringContaining("(AuthorizedPrincipalsCommand may give its name)"),
			expect.stringContaining("/usr/bin/names"),
		]);
	});

	test("does not matter where the key itself opens the rescue system", () => {
		const blob = certificateBlob({ authority: other, principals: ["root"] });
		const bare = readCertificate(blob)?.key ?? "";
		const ssh = { ...base.ssh, authorizedKeys: [keysOf("root", `ssh-ed25519 ${bare}`)] };
		const proof = { ...shown(), blob };
		expect(verdicts(plan({ ssh }, { login: { proof } }), "login-keys")).toEqual(["ok"]);
	});

	test("is a refusal where the authority's line is about to end", () => {
		const ending = `expiry-time="20260101",cert-authority ssh-ed25519 ${other}`;
		const ssh = { ...base.ssh, authorizedKeys: [keysOf("root", ending)] };
		expect(verdicts(plan({ ssh }, { login: { proof: shown("root") } }), "login-keys")).toEqual([
			"refusal",
		]);
	});

	test("is a refusal where the authority stays behind, unless another key was named", () => {
		const proof = shown("root");
		expect(verdicts(plan({}, { login: { proof } }), "login-keys")).toEqual(["refusal"]);
		const named = plan({}, { login: { proof }, options: { addedKeys } });
		expect(verdicts(named, "login-keys")).toEqual(["warning"]);
		const unrelated = keysOf("root", `cert-authority ssh-ed25519 ${third}`);
		const ssh = { ...base.ssh, authorizedKeys: [unrelated] };
		expect(verdicts(plan({ ssh }, { login: { proof } }), "login-keys")).toEqual(["refusal"]);
	});

	test("is a refusal where it is for other names, or forces a command", () => {
		const found = (blob: string) =>
			plan(known, { login: { proof: { ...shown(), blob } } }).checks.find(
				({ id }) => id === "login-keys",
			);
		expect(found(shown("ops").blob)?.found).toContain("for ops, and the rescue system takes");
		expect(found(shown().blob)?.found).toContain("for no name");
		const forced = { authority: other, principals: ["root"], critical: ["force-command"] };
		expect(found(certificateBlob(forced))?.found).toContain("forced command");
		expect(found(third)?.found).toContain("cannot be read");
	});
});

describe("revoked keys", () => {
	const path = "/etc/ssh/revoked_keys";
	const verdictsOf = (files: Facts["ssh"]["revokedKeys"], adapter?: PlannedImage["adapter"]) => {
		const made = plan(
			{ ssh: { ...base.ssh, revokedKeys: files } },
			adapter === undefined ? {} : { image: { adapter } },
		);
		return { carried: made.revokedKeys, verdicts: verdicts(made, "login-keys") };
	};

	test("stay revoked where the image has a place for them", () => {
		expect(verdictsOf([{ path, size: 44 }])).toEqual({ carried: path, verdicts: ["ok", "note"] });
		const nixos = verdictsOf([{ path, size: 44 }], "nixos-images");
		expect(nixos).toEqual({ carried: undefined, verdicts: ["ok", "warning"] });
	});

	test("of a second file, or of one that nobody would read at each login, do not", () => {
		const two = verdictsOf([
			{ path, size: 44 },
			{ path: "/b", size: 1 },
		]);
		expect(two).toEqual({ carried: path, verdicts: ["ok", "note", "warning"] });
		const huge = verdictsOf([{ path, size: 2 ** 30 }]);
		expect(huge).toEqual({ carried: undefined, verdicts: ["ok", "warning"] });
	});

	test("that are none, or cannot be looked at, are not carried", () => {
		expect(verdictsOf([{ path, size: 0 }])).toEqual({ carried: undefined, verdicts: ["ok"] });
		expect(verdictsOf([{ path }])).toEqual({ carried: undefined, verdicts: ["ok", "warning"] });
	});
});
