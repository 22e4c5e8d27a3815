import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseIp, showIp } from "../../src/netlink/index.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe("IP addresses", () => {
	test.each([
		["00000000000000000000000000000000", "::"],
		["00000000000000000000000000000001", "::1"],
		["20010db8000000000000000000000001", "2001:db8::1"],
		["20010db8000000000001000000000000", "2001:db8:0:0:1::"],
		["20010db8000000010000000000000001", "2001:db8:0:1::1"],
		["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
		["fe800000000000000000000000000001", "fe80::1"],
		["00010000000000000000000000000000", "1::"],
		["00000000000000000000ffffc0000201", "::ffff:192.0.2.1"],
		["000000000000000000000000c0000201", "::192.0.2.1"],
		["0064ff9b0000000000000000c0000201", "64:ff9b::c000:201"],
		["000000000000000000000000ffff0000", "::255.255.0.0"],
		["0000000000000000000000000000ffff", "::ffff"],
		["c0000201", "192.0.2.1"],
		["", "hex:"],
		["000641ff00", "hex:000641ff00"],
	])("%s is %s, as inet_ntop(3) writes it", (digits, shown) => {
		const address = Uint8Array.from(Buffer.from(digits, "hex"));
		expect(showIp(address, 0, address.length)).toBe(shown);
		expect(parseIp(shown)).toEqual(address);
	});

	test("a label stack of MPLS is no IPv4 address", () => {
		expect(showIp(Uint8Array.of(0, 6, 0x41, 0xff), 0, 4, 28)).toBe("hex:000641ff");
	});

	test("every address is read back", () => {
		fc.assert(
			fc.property(fc.oneof(bytes(4), bytes(16)), (address) => {
				expect(parseIp(showIp(address, 0, address.length))).toEqual(address);
			}),
		);
	});

	test.each([
		"1.2.3",
		"1.2.3.256",
		"01.2.3.4",
		"1.2.3.4.5",
		"1::2::3",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7::8:9",
		"12345::",
		"::1.2.3",
		"1.2.3.4::",
		"fe80::1%eth0",
		"hex:0",
		"hex:0g",
		"",
		" ::1",
	])("%j is refused", (shown) => {
		expect(() => parseIp(shown, "gateway")).toThrow(
			expect.objectContaining({ code: "NETLINK_VALUE" }),
		);
	});
});
