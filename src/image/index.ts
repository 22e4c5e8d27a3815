export { type ImageCode, imageError } from "./errors.ts";
export {
	type Identity,
	type IdentityContent,
	type IdentityHostKey,
	identityEntries,
	type NamedFile,
	nonceContent,
	noncePath,
} from "./identity.ts";
export {
	type Adapter,
	type Architecture,
	adapters,
	architectures,
	type Compression,
	formatManifest,
	type LayerKind,
	type Manifest,
	type ManifestFile,
	type ManifestLayer,
	type ManifestPackage,
	manifestFormat,
	parseManifest,
} from "./manifest.ts";
export {
	type Image,
	type ImageFile,
	type ImageLayer,
	isImage,
	type OpenImageOptions,
	openImage,
	sha256OfFile,
	type VerifyProgress,
	verifyImage,
} from "./open.ts";
