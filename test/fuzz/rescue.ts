import { readCertificate } from "../../src/rescue/certificate.ts";
import { certificateBlob } from "../rescue/certificate-blob.ts";
import type { FuzzTarget } from "./frame/target.ts";

const certificate = certificateBlob({
	authority: "AAAAC3NzaC1lZDI1NTE5AAAAIAAA",
	principals: ["root", "ops"],
	critical: ["force-command"],
});

export const targets: readonly FuzzTarget[] = [
	{
		name: "rescue/certificate",
		seeds: () => [Buffer.from(certificate, "base64")],
		run(input) {
			readCertificate(Buffer.from(input).toString("base64"));
		},
	},
];
