/** Where each test run leaves its counts, a JSON line a run, until the tally reads and removes them. */
export const countsFile: URL = new URL(
	"../../node_modules/.cache/ekexec-tests/counts",
	import.meta.url,
);
