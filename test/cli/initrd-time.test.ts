import { expect, test } from "vitest";
import { parseTime } from "../../src/cli/initrd-time.ts";

const midnight = 1_577_836_800;

test.each<[string, number]>([
	["0", 0],
	["4294967295", 4_294_967_295],
	["@5", 5],
	["2020-01-01", midnight],
	["2020-01-01T00:00", midnight],
	["2020-01-01T00:00:00Z", midnight],
	["2020-01-01T00:00:00.999Z", midnight],
	["2020-01-01T01:30:00+01:30", midnight],
	["2019-12-31T16:00:00-0800", midnight],
	["2019-12-31T16:00:00-08", midnight],
	["2020-02-29T23:59:59", 1_583_020_799],
	["2106-02-07T06:28:15Z", 4_294_967_295],
])("%s", (given, expected) => {
	expect(parseTime("--mtime", given)).toBe(expected);
});

test.each([
	"",
	"-1",
	"1.5",
	"1e3",
	"0x10",
	"4294967296",
	"foo 1",
	"@-1",
	"@",
	"yesterday",
	"0099-01-01",
	"2020-02-30",
	"2019-02-29",
	"2020-13-01",
	"2020-00-10",
	"1969-12-31T23:59:59Z",
	"1970-01-01T00:30:00+01:00",
	"2106-02-07T06:28:16Z",
	"2020-01-01T24:00:00Z",
	"2020-01-01T00:60",
	"2020-01-01 00:00:00",
	"2020-01-01T00:00:00+25:00",
	"1 January 2020",
	"01/02/2020",
	" 5",
])("%j is refused, with what is accepted", (given) => {
	expect(() => parseTime("--mtime", given)).toThrow(
		/^field --mtime: cannot be used; expected whole seconds since 1970 .*ISO 8601/,
	);
});
