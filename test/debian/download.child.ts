// Fetches the URL given first, of the size and digest given next, into the cache given last; prints how it ended.
import { EkexecError } from "../../src/bytes/index.ts";
import { blobStore } from "../../src/debian/cache.ts";
import { fetchBlob } from "../../src/debian/download.ts";

const [url = "", size, sha256 = "", folder = ""] = process.argv.slice(2);
const wanted = { urls: [new URL(url)], size: Number(size), sha256 };
const end = await fetchBlob(blobStore(folder), wanted, { env: {} }).catch(
	(error: unknown) => error,
);
console.log(end instanceof EkexecError ? `${end.code} ${end.details.found}` : String(end));
