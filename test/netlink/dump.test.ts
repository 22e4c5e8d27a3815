import { describe, expect, test } from "vitest";
import type { EkexecError } from "../../src/bytes/index.ts";
import {
	type Decoded,
	DumpParser,
	decodeDump,
	isErrno,
	type ObjectKind,
} from "../../src/netlink/index.ts";
import { Build } from "./build.ts";

const rule = (priority: number) => (body: Build) =>
	body
		.u8(2, 0, 0, 0, 254, 0, 0, 1)
		.u32(0)
		.attribute(6, (a) => a.u32(priority));

const multi = 2;
const priorities = ({ rules }: Decoded) => rules.map((each) => each.priority);

function failure(run: () => unknown): EkexecError {
	try {
		run();
	} catch (error) {
		return error as EkexecError;
	}
	throw new Error("nothing was thrown");
}

describe("a dump", () => {
	test("of many messages in many datagrams is one list", () => {
		const bytes = new Build().message(32, multi, rule(1)).message(32, multi, rule(2)).done().bytes;
		const decoded = decodeDump(bytes);
		expect(priorities(decoded)).toEqual([1, 2]);
		expect(decoded).toMatchObject({ interrupted: false, filtered: false });
		expect(decoded).not.toHaveProperty("warning");
	});

	test("may be empty, and NLMSG_DONE without errno is an end, too", () => {
		expect(decodeDump(new Build().done().bytes).rules).toEqual([]);
		expect(decodeDump(new Build().message(3, multi, () => undefined).bytes).rules).toEqual([]);
	});

	test.each([1, 2, 3, 17, 4096])("in chunks of %i bytes it is the same", (size) => {
		const bytes = new Build("big")
			.message(32, multi, rule(1))
			.message(1, 0, (body) => body.u8(1))
			.message(32, multi, rule(2))
			.done().bytes;
		const seen: [ObjectKind, unknown][] = [];
		const parser = new DumpParser({
			object: (kind, object) => seen.push([kind, object]),
			other: () => expect.fail("no other message was sent"),
		});
		for (let at = 0; at < bytes.length; at += size) parser.push(bytes.slice(at, at + size));
		parser.end();
		expect(seen).toEqual(decodeDump(bytes).rules.map((each) => ["rule", each]));
	});

	test("an object is there as soon as its message is whole", () => {
		const bytes = new Build().message(32, multi, rule(1)).message(32, multi, rule(2)).bytes;
		let seen = 0;
		const parser = new DumpParser({ object: () => seen++, other: () => undefined });
		parser.push(bytes.subarray(0, 35));
		expect(seen).toBe(0);
		parser.push(bytes.subarray(35, 36));
		expect(seen).toBe(1);
	});

	test("that was interrupted says so, wherever the flag stood", () => {
		const first = new Build().message(32, multi + 0x10, rule(1)).done().bytes;
		expect(decodeDump(first)).toMatchObject({ interrupted: true });
		const last = new Build().message(3, multi + 0x10, (body) => body.u32(0)).bytes;
		expect(decodeDump(last)).toMatchObject({ interrupted: true });
	});

	test("that was filtered says so", () => {
		const bytes = new Build().message(32, multi + 0x20, rule(1)).done().bytes;
		expect(decodeDump(bytes)).toMatchObject({ filtered: true, interrupted: false });
	});

	test("NLMSG_NOOP is nothing, even of another sequence", () => {
		const noop = new Build().message(1, 0, () => undefined, { sequence: 0, port: 0 });
		const bytes = noop.message(32, multi, rule(1)).done().bytes;
		expect(priorities(decodeDump(bytes))).toEqual([1]);
	});

	test("messages without a table are handed over as they came", () => {
		const bytes = new Build()
			.message(36, multi, (body) => body.u8(9, 8, 7, 6))
			.message(32, multi, () => undefined)
			.done().bytes;
		expect(decodeDump(bytes).others).toEqual([
			{ type: 36, payload: Uint8Array.of(9, 8, 7, 6) },
			{ type: 32, payload: new Uint8Array() },
		]);
	});
});

describe("the kernel's errors", () => {
	test("in the payload of NLMSG_DONE", () => {
		const error = failure(() => decodeDump(new Build().done(105).bytes, { where: "routes" }));
		expect(error).toMatchObject({ code: "NETLINK_ERRNO", kind: "failed" });
		expect(error.message).toBe("routes: the kernel answered ENOBUFS");
		expect(isErrno(error, 95, 105)).toBe(true);
		expect(isErrno(error, 95)).toBe(false);
	});

	const request = (body: Build) => body.u32(28).u16(26).u16(0x301).u32(7).u32(0);
	const einval = 2 ** 32 - 22;
	const acknowledgement = (body: Build) =>
		body
			.attribute(1, (a) => a.text("Invalid attribute\0"))
			.attribute(2, (a) => a.u32(28))
			.attribute(77, (a) => a.u8(1));

	test("in NLMSG_ERROR, bare", () => {
		const bytes = new Build().message(2, 0, (body) =>
			request(body.u32(einval)).u8(...new Array(12).fill(0)),
		).bytes;
		expect(failure(() => decodeDump(bytes)).message).toBe("the kernel answered EINVAL");
	});

	test.each([
		["after the request", 0x200, new Array(12).fill(0)],
		["after its header alone", 0x300, []],
	])("with an extended acknowledgement %s", (_, flags, echoed) => {
		const bytes = new Build("big").message(2, flags, (body) =>
			acknowledgement(request(body.u32(einval)).u8(...echoed)),
		).bytes;
		const error = failure(() => decodeDump(bytes));
		expect(error.message).toBe(
			"byte 28 of the request: the kernel answered EINVAL: Invalid attribute".replace(
				/^/,
				"field ",
			),
		);
		expect((error.details.cause as { ack: unknown }).ack).toEqual({
			message: "Invalid attribute",
			offset: 28,
			unknown: [{ type: 77, flags: 0, payload: Uint8Array.of(1) }],
		});
	});

	test("an acknowledgement (error 0) ends nothing, a warning is kept", () => {
		const bytes = new Build()
			.message(2, 0x300, (body) => acknowledgement(request(body.u32(0))))
			.message(32, multi, rule(1))
			.done().bytes;
		const decoded = decodeDump(bytes);
		expect(priorities(decoded)).toEqual([1]);
		expect(decoded.warning).toBe("Invalid attribute");
	});

	test("a warning in NLMSG_DONE is kept", () => {
		const bytes = new Build().message(3, 0x202, (body) =>
			body.u32(0).attribute(1, (a) => a.text("rather not\0")),
		).bytes;
		expect(decodeDump(bytes).warning).toBe("rather not");
	});

	test("an echo that claims to be longer than the message is refused", () => {
		for (const claimed of [0, 15, 10_000, 0xffff_ffff]) {
			const bytes = new Build().message(2, 0x200, (body) =>
				body.u32(einval).u32(claimed).u16(26).u16(0).u32(7).u32(0),
			).bytes;
			expect(failure(() => decodeDump(bytes)).code).toBe("NETLINK_MESSAGE");
		}
	});

	test("NLMSG_OVERRUN is an error of its own", () => {
		const bytes = new Build().message(4, 0, () => undefined).bytes;
		expect(failure(() => decodeDump(bytes))).toMatchObject({
			code: "NETLINK_OVERRUN",
			kind: "failed",
		});
	});
});

describe("bytes that are no dump", () => {
	const good = new Build().message(32, multi, rule(1)).done().bytes;

	test("a message of another dump is refused", () => {
		for (const other of [{ sequence: 8 }, { port: 98 }]) {
			const bytes = new Build()
				.message(32, multi, rule(1))
				.message(32, multi, rule(2), other).bytes;
			expect(failure(() => decodeDump(bytes))).toMatchObject({
				code: "NETLINK_SEQUENCE",
				details: { offset: 36 },
			});
		}
		expect(failure(() => decodeDump(good, { sequence: 1 })).code).toBe("NETLINK_SEQUENCE");
		expect(failure(() => decodeDump(good, { port: 1 })).code).toBe("NETLINK_SEQUENCE");
		expect(decodeDump(good, { sequence: 7, port: 99 }).rules).toHaveLength(1);
	});

	test("cut off at every byte, it is reported, never taken for whole", () => {
		for (let length = 0; length < good.length; length++) {
			const { code } = failure(() => decodeDump(good.subarray(0, length)));
			const whole = length === 0 || length === 36;
			expect([length, code]).toEqual([length, whole ? "NETLINK_UNFINISHED" : "NETLINK_TRUNCATED"]);
		}
	});

	test.each([0, 15, 1024 * 1024 + 1, 0xffff_ffff])("a message of %i bytes is refused", (length) => {
		const bytes = new Build().u32(length).u16(32).u16(2).u32(7).u32(99).bytes;
		expect(failure(() => decodeDump(bytes))).toMatchObject({
			code: "NETLINK_MESSAGE",
			details: { field: "nlmsg_len", offset: 0 },
		});
	});

	test("messages after the end, and control messages unheard of, are refused", () => {
		const after = new Build().done().message(32, multi, rule(1)).bytes;
		expect(failure(() => decodeDump(after)).code).toBe("NETLINK_MESSAGE");
		const control = new Build().message(5, 0, () => undefined).bytes;
		expect(failure(() => decodeDump(control)).code).toBe("NETLINK_MESSAGE");
	});

	test("a message shorter than its fixed header is refused", () => {
		const bytes = new Build().message(24, multi, (body) => body.u8(2, 0, 0, 0)).done().bytes;
		expect(failure(() => decodeDump(bytes, { where: "routes" })).message).toBe(
			"routes, offset 16, field route: message is shorter than its fixed header; expected 12 bytes; found 4 bytes",
		);
	});

	test("attributes that nest without end are refused before the stack is", () => {
		// A way within a way: RTA_MULTIPATH holds attributes of the route's own set, RTA_MULTIPATH among them.
		let nested = new Uint8Array();
		for (let depth = 0; depth < 60; depth++) {
			const inner = nested;
			nested = new Uint8Array(
				new Build().attribute(9, (a) =>
					a
						.u16(8 + inner.length)
						.u8(0, 0)
						.u32(1)
						.u8(...inner),
				).bytes,
			);
		}
		const bytes = new Build()
			.message(24, multi, (body) =>
				body
					.u8(2, 0, 0, 0, 254, 4, 0, 1)
					.u32(0)
					.u8(...nested),
			)
			.done().bytes;
		expect(failure(() => decodeDump(bytes))).toMatchObject({
			code: "NETLINK_ATTRIBUTE",
			summary: "attributes nest too deep",
		});
	});
});
