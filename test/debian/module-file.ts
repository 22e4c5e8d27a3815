import { concat, utf8 } from "../../src/bytes/index.ts";

/** What a made-up kernel module holds. */
export interface ModuleFile {
	readonly modinfo: readonly string[];
	readonly exports?: readonly string[];
	/** Symbols it uses of others. */
	readonly uses?: readonly string[];
}

const le = (size: number, value: number): Uint8Array => {
	const bytes = new Uint8Array(size);
	const view = new DataView(bytes.buffer);
	if (size === 2) view.setUint16(0, value, true);
	else if (size === 4) view.setUint32(0, value, true);
	else view.setBigUint64(0, BigInt(value), true);
	return bytes;
};

/** A relocatable ELF file with just what depmod reads: `.modinfo`, `.symtab`, `.strtab`, `__ksymtab_strings`. */
export function moduleFile({ modinfo, exports = [], uses = [] }: ModuleFile): Uint8Array {
	const strings: number[] = [0];
	const string = (text: string): number => {
		const at = strings.length;
		strings.push(...utf8(text), 0);
		return at;
	};
	// st_name, st_info, st_other, st_shndx, st_value, st_size
	const symbol = (name: number, info: number, section: number): Uint8Array =>
		concat([le(4, name), Uint8Array.of(info, 0), le(2, section), le(8, 0), le(8, 0)]);
	const STB_GLOBAL = 0x10;
	const ABSOLUTE = 0xfff1;
	const symbols = concat([
		symbol(0, 0, 0),
		...exports.map((name) => symbol(string(`__ksymtab_${name}`), 0, ABSOLUTE)),
		...exports.map((name) => symbol(string(`__crc_${name}`), STB_GLOBAL, ABSOLUTE)),
		...uses.map((name) => symbol(string(name), STB_GLOBAL, 0)),
	]);
	const sections: {
		name: string;
		type: number;
		link: number;
		bytes: Uint8Array;
		entry?: number;
	}[] = [
		{ name: "", type: 0, link: 0, bytes: new Uint8Array(0) },
		{
			name: ".modinfo",
			type: 1,
			link: 0,
			bytes: utf8(modinfo.map((item) => `${item}\0`).join("")),
		},
		{
			name: "__ksymtab_strings",
			type: 1,
			link: 0,
			bytes: utf8(exports.map((e) => `${e}\0`).join("")),
		},
		{ name: ".symtab", type: 2, link: 4, bytes: symbols, entry: 24 },
		{ name: ".strtab", type: 3, link: 0, bytes: Uint8Array.from(strings) },
	];
	const names: number[] = [];
	const offsets = [...sections.map((s) => s.name), ".shstrtab"].map((name) => {
		const at = names.length;
		names.push(...utf8(name), 0);
		return at;
	});
	sections.push({ name: ".shstrtab", type: 3, link: 0, bytes: Uint8Array.from(names) });
	const bodies: Uint8Array[] = [];
	let at = 64;
	const headers = sections.map((section, index) => {
		const padded = concat([section.bytes, new Uint8Array((8 - (section.bytes.length % 8)) % 8)]);
		bodies.push(padded);
		const header = concat([
			le(4, offsets[index] ?? 0),
			le(4, section.type),
			le(8, 0),
			le(8, 0),
			le(8, section.type === 0 ? 0 : at),
			le(8, section.bytes.length),
			le(4, section.link),
			le(4, 0),
			le(8, 8),
			le(8, section.entry ?? 0),
		]);
		at += padded.length;
		return header;
	});
	const head = concat([
		Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		le(2, 1),
		le(2, 62),
		le(4, 1),
		le(8, 0),
		le(8, 0),
		le(8, at),
		le(4, 0),
		le(2, 64),
		le(2, 0),
		le(2, 0),
		le(2, 64),
		le(2, sections.length),
		le(2, sections.length - 1),
	]);
	return concat([head, ...bodies, ...headers]);
}

/** A few modules as a kernel has them: chains of dependencies, aliases with wildcards, soft dependencies, devices. */
export const someModules: Readonly<Record<string, ModuleFile>> = {
	"kernel/crypto/crc32c-generic.ko": {
		modinfo: ["alias=crypto-crc32c", "alias=crc32c", "license=GPL", "depends="],
		exports: [],
	},
	"kernel/fs/mbcache.ko": {
		modinfo: ["depends="],
		exports: ["mb_cache_create", "mb_cache_destroy"],
	},
	"kernel/fs/jbd2/jbd2.ko": {
		modinfo: ["depends=", "softdep=pre: crypto-crc32c"],
		exports: ["jbd2_journal_start"],
	},
	"kernel/fs/ext4/ext4.ko": {
		modinfo: [
			"alias=fs-ext4",
			"alias=ext3",
			"depends=jbd2,mbcache",
			"softdep=pre: crc32c post: mbcache",
		],
		uses: ["jbd2_journal_start", "mb_cache_create", "printk"],
	},
	"kernel/drivers/scsi/scsi_mod.ko": { modinfo: ["depends="], exports: ["scsi_add_host"] },
	"kernel/drivers/ata/libata.ko": {
		modinfo: ["depends=scsi_mod"],
		exports: ["ata_host_start"],
		uses: ["scsi_add_host"],
	},
	"kernel/drivers/ata/libahci.ko": {
		modinfo: ["depends=libata"],
		exports: ["ahci_start"],
		uses: ["ata_host_start"],
	},
	"kernel/drivers/ata/ahci.ko": {
		modinfo: [
			"alias=pci:v*d*sv*sd*bc01sc06i01*",
			"alias=pci:v00008086d00002922sv*sd*bc*sc*i*",
			"depends=libahci,libata,scsi_mod",
			"firmware=none/ahci-fw.bin",
		],
		uses: ["ahci_start", "ata_host_start", "scsi_add_host"],
	},
	"kernel/drivers/net/virtio_net.ko": {
		modinfo: ["alias=virtio:d00000001v*", "depends=net_failover"],
		uses: ["net_failover_create"],
	},
	"kernel/drivers/net/net_failover.ko": { modinfo: ["depends="], exports: ["net_failover_create"] },
	"kernel/drivers/hid/hid-odd.ko": {
		modinfo: ["alias=hid:b0003g*v000005ACp0000020[E-F]", "alias=input:k*r[broken", "depends="],
	},
	"kernel/fs/fuse/fuse.ko": {
		modinfo: [
			"alias=devname:fuse",
			"alias=char-major-10-229",
			"alias=fs-fuse",
			"weakdep=ext4",
			"depends=",
		],
	},
};

export const someKernelFiles = {
	order: `${Object.keys(someModules).reverse().join("\n")}\n`,
	builtin: "kernel/fs/tmp-fs.ko\nkernel/drivers/virtio/virtio_pci.ko\n",
	builtinModinfo: utf8(
		"virtio_pci.alias=pci:v00001AF4d*sv*sd*bc*sc*i*\0virtio_pci.license=GPL\0tmp_fs.alias=fs-tmp-fs\0",
	),
};
