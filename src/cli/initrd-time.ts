import { unusable } from "./initrd-usage.ts";

/** What the format's 32 bits hold: up to 2106-02-07. */
const latest = 2 ** 32 - 1;

const calendar =
	/^(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/;

/**
 * A time in whole seconds since 1970: those, also behind `@`, or a date of ISO 8601 that is in the calendar, UTC unless it
 * says another offset. Nothing that depends on the machine's zone or on what an engine makes of words.
 */
export function parseTime(field: string, given: string): number {
	const [, digits] = /^@?(\d+)$/.exec(given) ?? [];
	const seconds = digits === undefined ? ofCalendar(given) : Number(digits);
	if (seconds !== undefined && seconds >= 0 && seconds <= latest) return seconds;
	const expected =
		"whole seconds since 1970 (1577836800, @1577836800) or a date of ISO 8601 (2020-01-01, 2020-01-01T00:00:00Z, 2020-01-01T01:00+01:00), from 1970 to 2106";
	throw unusable(field, expected, given);
}

function ofCalendar(text: string): number | undefined {
	const found = calendar.exec(text);
	if (found === null) return undefined;
	const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
		.slice(1, 7)
		.map((part) => Number(part ?? 0));
	const { 7: zone = "Z" } = found;
	const [zoneHours, zoneMinutes] =
		zone === "Z" ? [0, 0] : [Number(zone.slice(1, 3)), Number(zone.slice(3).replace(":", ""))];
	if (hour > 23 || minute > 59 || second > 59 || zoneHours > 23 || zoneMinutes > 59)
		return undefined;
	const time = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
	// A 30th of February becomes a day of March, and a year 99 that of 1999.
	if (time.getUTCFullYear() !== year) return undefined;
	if (time.getUTCMonth() !== month - 1 || time.getUTCDate() !== day) return undefined;
	const east = (zone.startsWith("-") ? -60 : 60) * (60 * zoneHours + zoneMinutes);
	return time.getTime() / 1000 - east;
}
