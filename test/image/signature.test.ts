import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { digestsOf, verifySignature } from "../../src/image/index.ts";

const file = Buffer.from("an image, as it was signed");
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const raw = Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url");
const keyId = Buffer.from("0102030405060708", "hex");

/** As minisign writes them: minisign(1), "Signature format". */
function minisign(algorithm = "ED", comment = "timestamp:1", id = keyId): string {
	const hashed = createHash("blake2b512").update(file).digest();
	const signature = sign(null, hashed, privateKey);
	const packed = Buffer.concat([Buffer.from(algorithm), id, signature]).toString("base64");
	const global = sign(null, Buffer.concat([signature, Buffer.from("timestamp:1")]), privateKey);
	return `untrusted comment: x\n${packed}\ntrusted comment: ${comment}\n${global.toString("base64")}\n`;
}
const signer = `untrusted comment: minisign public key\n${Buffer.concat([Buffer.from("Ed"), keyId, raw]).toString("base64")}\n`;

describe("minisign", () => {
	test("a good signature holds, the key given with its comment or bare", async () => {
		const digests = await digestsOf([file]);
		expect(() => verifySignature(digests, minisign(), signer, "image")).not.toThrow();
		expect(() =>
			verifySignature(digests, minisign(), signer.split("\n")[1] ?? "", "image"),
		).not.toThrow();
	});

	test.each([
		["another file", "other bytes", Buffer.from("another"), minisign()],
		["a changed comment", "another one", file, minisign("ED", "timestamp:2")],
		[
			"another key's id",
			"by key 0908",
			file,
			minisign("ED", "timestamp:1", Buffer.from("0203040506070809", "hex")),
		],
		["a signature of the raw file", '"Ed"', file, minisign("Ed")],
		["something else", '"hello"', file, "hello\n"],
		["bytes that are no base64", "no base64", file, minisign().replace("\n", "\n!")],
		["a cut signature", "bytes", file, minisign().replace(/\n(.{20})[^\n]*\n/, "\n$1\n")],
	])("%s is refused", async (_name, found, content, signature) => {
		const digests = await digestsOf([content]);
		expect(() => verifySignature(digests, signature, signer, "image")).toThrow(
			expect.objectContaining({
				code: "IMAGE_SIGNATURE",
				details: expect.objectContaining({ found: expect.stringContaining(found) }),
			}),
		);
	});
});
