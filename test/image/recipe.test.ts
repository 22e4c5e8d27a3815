import { expect, test } from "vitest";
import { rescue } from "../../src/image/index.ts";
import { matcher } from "../../src/image/recipe.ts";
import { modules } from "../../src/image/recipes/modules.ts";
import { wishesFor } from "../../src/image/target.ts";

test.each<[string, string[], string, boolean]>([
	["a literal", ["etc/motd"], "etc/motd", true],
	["a dot is a dot", ["usr/a.b"], "usr/axb", false],
	["* stays within a name", ["usr/*/x"], "usr/a/b/x", false],
	["** crosses names", ["usr/**"], "usr/a/b/x", true],
	["a folder itself is not below it", ["usr/**"], "usr", false],
	["either of several", ["lib/{a,b*}.so"], "lib/bcd.so", true],
	["none of several", ["lib/{a,b*}.so"], "lib/cd.so", false],
	["an exception behind wins", ["usr/**", "!usr/a/*"], "usr/a/x", false],
	["a rule behind an exception wins again", ["usr/**", "!usr/a/*", "usr/a/x"], "usr/a/x", true],
	["an exception alone matches nothing", ["!usr/a"], "usr/b", false],
])("%s", (_name, patterns, path, expected) => {
	expect(matcher(patterns)(path)).toBe(expected);
});

test("braces within braces are refused, not misread", () => {
	expect(() => matcher(["usr/{a,b{c,d}}"])).toThrow(/braces within braces/);
});

test("rare hardware is in the image for a machine that asks for it, and in no other", () => {
	const { paths } = wishesFor(modules);
	const { within } = wishesFor(modules, { modaliases: [], filesystems: [] });
	const generic = (path: string) => [paths?.(path), within?.(path)];
	for (const path of [
		"drivers/net/ethernet/intel/ixgbe/ixgbe",
		"drivers/net/ethernet/dec/tulip/tulip",
		"drivers/net/vmxnet3/vmxnet3",
		"drivers/nvme/host/nvme",
		"drivers/scsi/megaraid/megaraid_sas",
		"drivers/scsi/vmw_pvscsi",
		"drivers/ata/ahci",
		"drivers/block/xen-blkfront",
		"drivers/hv/hv_vmbus",
		"drivers/usb/storage/uas",
		"drivers/char/ipmi/ipmi_si",
		"drivers/md/raid456",
		"fs/xfs/xfs",
	]) {
		expect(generic(path), path).toEqual([true, true]);
	}
	for (const path of [
		"drivers/net/ethernet/via/via-rhine",
		"drivers/scsi/isci/isci",
		"drivers/ata/pata_serverworks",
		"drivers/md/bcache/bcache",
		"fs/ntfs3/ntfs3",
	]) {
		expect(generic(path), path).toEqual([false, true]);
	}
	for (const path of [
		"drivers/gpu/drm/i915/i915",
		"sound/core/snd",
		"drivers/net/wireless/ath/ath",
	]) {
		expect(generic(path), path).toEqual([false, false]);
	}
});

test("every pattern of the recipes can be read", () => {
	const { drop, keepLibraries, firmware, standIns = [] } = rescue;
	const standing = standIns.map(({ library }) => library);
	const lists = [modules.generic, modules.rare ?? [], drop, keepLibraries, firmware.keep, standing];
	for (const list of lists) expect(() => matcher(list)).not.toThrow();
});
