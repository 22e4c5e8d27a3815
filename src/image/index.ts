export {
	type BuildOptions,
	type BuildProgress,
	type BuiltImage,
	buildImage,
	imagesFolder,
} from "./build.ts";
export type { Contents, ContentsFile } from "./contents.ts";
export { type Driver, type DriverTable, driverBuses, driverTable, readDrivers } from "./drivers.ts";
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
	checkProof,
	type ImportOptions,
	importImage,
	importLoose,
	type LooseImage,
} from "./import.ts";
export { type Inspection, inspectImage } from "./inspect.ts";
export { bestPacking, type Packing } from "./layer.ts";
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
export { buildWithNix, type NixOptions, nixCommand, nixFolder } from "./nix.ts";
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
export { type ProvideOptions, provideImage } from "./provide.ts";
export { type Matcher, type ModuleSets, matcher, type Recipe, type RecipeFile } from "./recipe.ts";
export { rescue } from "./recipes/rescue.ts";
export { digestsOf, type FileDigests, verifySignature } from "./signature.ts";
export { listImages, type PrunedCache, pruneCache, type StoredImage } from "./store.ts";
export { type ImageTarget, parseTarget } from "./target.ts";
export { treemapPage } from "./treemap.ts";
