export type VmArchitecture = "amd64" | "arm64";

/** A disk of the machine. */
export interface Drive {
	readonly file: string;
	readonly format: "raw" | "qcow2";
	/** Bus and device the guest sees; virtio unless told. */
	readonly model?: "virtio" | "nvme" | "ahci" | "megasas" | "virtio-scsi";
	/** Writes go to a temporary file and are gone with the machine. */
	readonly throwaway?: boolean;
	readonly readonly?: boolean;
	/** Further options of `-drive`, such as `rerror=report`. */
	readonly extra?: string;
}

/** A TCP port of the guest made reachable on the host's loopback. */
export interface Forward {
	readonly port: number;
	/** Guest address in QEMU's NAT; the one it leases unless told. */
	readonly address?: string;
}

/** A network card of the machine. */
export interface Nic {
	/** QEMU device: `virtio-net-pci` unless told, or `e1000e`, `vmxnet3`… */
	readonly model?: string;
	readonly mac?: string;
	/**
	 * QEMU's own NAT, with TCP ports forwarded from free ports of the host's loopback (`options`: further words
	 * such as `net=192.0.2.0/24,host=192.0.2.1`); or the words of any other `-netdev`, without its id.
	 */
	readonly backend: { readonly forward: readonly Forward[]; readonly options?: string } | string;
}

export interface VmOptions {
	readonly architecture?: VmArchitecture;
	/** Command that runs QEMU: the program, or a loader with its arguments. Found on PATH unless told. */
	readonly qemu?: readonly string[];
	/** MiB. */
	readonly memory: number;
	readonly cpus?: number;
	readonly kernel?: string;
	readonly initrd?: string;
	readonly cmdline?: string;
	readonly drives?: readonly Drive[];
	readonly nics?: readonly Nic[];
	/** What to do when the guest reboots: start again (unless told) or end. */
	readonly onReboot?: "restart" | "exit";
	/** Name of an internal qcow2 snapshot to start from (`Vm.save`). */
	readonly snapshot?: string;
	/** Further words of QEMU's command line. */
	readonly extra?: readonly string[];
	readonly env?: Readonly<Record<string, string>>;
	/** Stops the machine. */
	readonly signal?: AbortSignal;
}

/** The command line of QEMU after the program (qemu-system(1)). The serial console is on stdio, QMP on descriptor 3. */
export function qemuArguments(options: VmOptions): string[] {
	const arm = options.architecture === "arm64";
	const args = [
		...["-nodefaults", "-no-user-config", "-display", "none"],
		// One thread a virtual CPU lets a two-CPU guest use both of the host's.
		...["-accel", "tcg,thread=multi"],
		...["-machine", arm ? "virt" : "q35", "-cpu", "max"],
		...["-smp", String(options.cpus ?? 1), "-m", String(options.memory)],
		...["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"],
		...["-chardev", "socket,id=control,fd=3", "-mon", "chardev=control,mode=control"],
		// Without entropy the first boot of a guest waits for its random numbers.
		...["-device", "virtio-rng-pci"],
	];
	if (options.onReboot === "exit") args.push("-no-reboot");
	if (options.kernel !== undefined) args.push("-kernel", options.kernel);
	if (options.initrd !== undefined) args.push("-initrd", options.initrd);
	if (options.cmdline !== undefined) args.push("-append", options.cmdline);
	(options.drives ?? []).forEach((drive, index) => {
		args.push(...driveArguments(drive, index));
	});
	(options.nics ?? []).forEach((nic, index) => {
		args.push(...nicArguments(nic, index));
	});
	if (options.snapshot !== undefined) args.push("-loadvm", options.snapshot);
	args.push(...(options.extra ?? []));
	return args;
}

function driveArguments(drive: Drive, index: number): string[] {
	const id = `disk${index}`;
	const words = [
		`if=none,id=${id},format=${drive.format}`,
		// A comma within the name of a file is written twice.
		`file=${drive.file.replaceAll(",", ",,")}`,
		// Guests of tests and demos are thrown away: what they write need not survive the host.
		"cache=unsafe",
	];
	if (drive.throwaway) words.push("snapshot=on");
	if (drive.readonly) words.push("readonly=on");
	if (drive.extra) words.push(drive.extra);
	const devices: Record<NonNullable<Drive["model"]>, readonly string[]> = {
		virtio: [`virtio-blk-pci,drive=${id}`],
		nvme: [`nvme,drive=${id},serial=ekexec${index}`],
		ahci: [`ahci,id=ahci${index}`, `ide-hd,drive=${id},bus=ahci${index}.0`],
		megasas: [`megasas,id=scsi${index}`, `scsi-hd,drive=${id},bus=scsi${index}.0`],
		"virtio-scsi": [`virtio-scsi-pci,id=scsi${index}`, `scsi-hd,drive=${id},bus=scsi${index}.0`],
	};
	const device = devices[drive.model ?? "virtio"];
	return ["-drive", words.join(","), ...device.flatMap((words) => ["-device", words])];
}

function nicArguments(nic: Nic, index: number): string[] {
	const id = `net${index}`;
	const { backend } = nic;
	const words = [`${nic.model ?? "virtio-net-pci"},netdev=${id}`];
	if (nic.mac !== undefined) words.push(`mac=${nic.mac}`);
	// No boot ROM: nothing boots from the network here, and distributions package the ROMs apart.
	words.push("romfile=");
	return ["-netdev", netdev(backend, id), "-device", words.join(",")];
}

function netdev(backend: Nic["backend"], id: string): string {
	if (typeof backend === "string") return `${backend},id=${id}`;
	const words = [`user,id=${id}`];
	if (backend.options !== undefined) words.push(backend.options);
	for (const { port, address = "" } of backend.forward) {
		// Host port 0: the system picks a free one, and `info usernet` tells which.
		words.push(`hostfwd=tcp:127.0.0.1:0-${address}:${port}`);
	}
	return words.join(",");
}
