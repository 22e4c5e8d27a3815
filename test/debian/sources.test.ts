import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cacheFolder, findMirror } from "../../src/debian/index.ts";
import { readAptSources, sourcesOf } from "../../src/debian/sources.ts";
import { scratch } from "./mini.ts";

/** A folder like /etc/apt. */
async function apt(files: Readonly<Record<string, string>>): Promise<string> {
	const folder = await scratch();
	await mkdir(join(folder, "sources.list.d"));
	for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
	return folder;
}
const bookworm = `
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/x.gpg

Types: deb
URIs: http://security.example/debian-security/
Suites: bookworm-security
Components: main
`;

describe("mirror", () => {
	test("is what the command line says, before all else", async () => {
		const env = { EKEXEC_DEBIAN_MIRROR: "http://env.example/debian" };
		const mirror = await findMirror({ mirror: "https://cli.example/d", env });
		expect(mirror.main.href).toBe("https://cli.example/d/");
		expect(mirror.foundIn).toBe("--mirror");
	});

	test("is what the environment says, before apt's sources", async () => {
		const folder = await apt({ "sources.list.d/debian.sources": bookworm });
		const env = {
			EKEXEC_DEBIAN_MIRROR: "http://env.example/debian",
			EKEXEC_DEBIAN_SECURITY_MIRROR: "http://sec.example/",
		};
		const mirror = await findMirror({ env, apt: folder });
		expect([mirror.main.href, mirror.security?.href]).toEqual([
			"http://env.example/debian/",
			"http://sec.example/",
		]);
	});

	test("a folder is a mirror", async () => {
		expect((await findMirror({ mirror: "/srv/debian", env: {} })).main.href).toBe(
			"file:///srv/debian/",
		);
	});

	test("is that of the machine's own release, in deb822 style", async () => {
		const folder = await apt({ "sources.list.d/debian.sources": bookworm });
		const mirror = await findMirror({ env: {}, apt: folder });
		expect([mirror.main.href, mirror.security?.href]).toEqual([
			"http://mirror.example/debian/",
			"http://security.example/debian-security/",
		]);
		expect(mirror.foundIn).toContain("debian.sources");
	});

	test("or in one-line style, options and comments passed over", async () => {
		const folder = await apt({
			"sources.list": `# deb http://no.example/debian bookworm main
deb-src http://src.example/debian bookworm main
deb [arch=amd64 signed-by=/x y] http://one.example/debian stable main contrib # here
deb http://sec.example/debian-security stable-security main
`,
		});
		const mirror = await findMirror({ env: {}, apt: folder });
		expect([mirror.main.href, mirror.security?.href]).toEqual([
			"http://one.example/debian/",
			"http://sec.example/debian-security/",
		]);
	});

	test("sources of others are passed over, disabled ones too", async () => {
		const folder = await apt({
			"sources.list.d/a.sources":
				"Types: deb\nURIs: http://no.example/debian\nSuites: trixie\nComponents: main\nEnabled: no\n",
			"sources.list.d/b.list":
				"deb http://vendor.example/apt bookworm main\ndeb http://db.example/x bookworm-pgdg main\n",
			"sources.list.d/c.sources":
				"Types: deb\nURIs: cdrom:x http://yes.example/debian/\nSuites: trixie\nComponents: main\n",
		});
		expect((await findMirror({ env: {}, apt: folder })).main.href).toBe(
			"http://yes.example/debian/",
		);
	});

	const vendor = "deb https://download.ceph.example/debian-reef/ bookworm main\n";
	test.each<[string, Readonly<Record<string, string>>]>([
		[
			"signed by Debian's keyring",
			{
				"sources.list.d/debian.sources":
					"Types: deb\nURIs: http://own.example/d/\nSuites: bookworm\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
			},
		],
		[
			"signed by Debian's keyring, in one line",
			{
				"sources.list.d/own.list":
					"deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://own.example/d/ bookworm main\n",
			},
		],
		[
			"with updates beside it",
			{
				"sources.list.d/own.list":
					"deb http://own.example/d/ bookworm main\ndeb http://own.example/d/ bookworm-updates main\n",
			},
		],
	])("is the one %s, before a vendor's", async (_, files) => {
		const folder = await apt({ "sources.list.d/ceph.list": vendor, ...files });
		expect((await findMirror({ env: {}, apt: folder })).main.href).toBe("http://own.example/d/");
	});

	test("is the one of the usual name, before a vendor's", async () => {
		const folder = await apt({
			"sources.list.d/a-ceph.list": vendor,
			"sources.list.d/b.list": "deb http://own.example/debian bookworm main\n",
		});
		expect((await findMirror({ env: {}, apt: folder })).main.href).toBe(
			"http://own.example/debian/",
		);
	});

	test("a list of mirrors in a file, as cloud images have it", async () => {
		const folder = await apt({});
		await writeFile(
			join(folder, "mirrors"),
			"# best first\nhttp://first.example/debian\thigh\nhttp://second.example/\n",
		);
		await writeFile(
			join(folder, "sources.list.d/d.sources"),
			`Types: deb\nURIs: mirror+file://${folder}/mirrors\nSuites: trixie\nComponents: main\n`,
		);
		expect(await readAptSources(folder)).toMatchObject([{ uri: "http://first.example/debian" }]);
	});

	test("where nobody names one, the error says what to set", async () => {
		const folder = await apt({ "sources.list": "deb http://x.example/ubuntu noble main\n" });
		await expect(findMirror({ env: {}, apt: folder })).rejects.toMatchObject({
			code: "DEBIAN_MIRROR",
			kind: "usage",
			message: expect.stringMatching(/EKEXEC_DEBIAN_MIRROR.*--mirror/),
		});
		await expect(findMirror({ env: {}, apt: join(folder, "none") })).rejects.toMatchObject({
			code: "DEBIAN_MIRROR",
		});
	});

	test("a scheme that nobody can fetch is refused", async () => {
		await expect(findMirror({ mirror: "ftp://x.example/debian" })).rejects.toMatchObject({
			code: "DEBIAN_MIRROR",
		});
	});
});

describe("suites", () => {
	const main = new URL("http://x.example/debian/");
	const suites = (suite: string, security?: URL) =>
		sourcesOf({ main, security, foundIn: "" }, suite, ["main"]).map(
			(one) => `${one.archive} ${one.uri.pathname} ${one.suite}${one.optional ? "?" : ""}`,
		);

	test("a release comes with its updates; security updates are expected where they were named", () => {
		expect(suites("trixie", new URL("http://x.example/sec/"))).toEqual([
			"debian /debian/ trixie",
			"debian /debian/ trixie-updates?",
			"debian-security /sec/ trixie-security",
		]);
	});

	test("and looked for beside the main archive where they were not", () => {
		expect(suites("bookworm").at(-1)).toBe("debian-security /debian-security/ bookworm-security?");
	});

	test("a rolling suite stands alone", () => {
		expect(suites("sid")).toEqual(["debian /debian/ sid"]);
	});
});

describe("cache folder", () => {
	test.each([
		[{ EKEXEC_CACHE: "/c", XDG_CACHE_HOME: "/x" }, "linux", "/c"],
		[{ XDG_CACHE_HOME: "/x" }, "linux", "/x/ekexec"],
		[{ XDG_CACHE_HOME: "relative" }, "linux", "/home/me/.cache/ekexec"],
		[{}, "linux", "/home/me/.cache/ekexec"],
		[{}, "darwin", "/home/me/Library/Caches/ekexec"],
	])("%j on %s: %s", (env, platform, folder) => {
		expect(cacheFolder(env, platform, "/home/me")).toBe(folder);
	});
});
