/*
 * The whole userland of the virtual machines in the jump tests: says a word that only its own initrd holds, then lets
 * the helper talk on the second serial port, under the conditions that the kernel's command line names:
 * ekexec.deny=kexec_file_load (answered by ENOSYS), ekexec.root=broken (an ext4 root that answers everything by EIO).
 */
#include "../../../src/kexec/helper/sys.h"

enum {
#if defined(__x86_64__)
	NR_mount = 165, NR_mkdirat = 258, NR_finit_module = 313, NR_chroot = 161, NR_ioctl_ = 16, AUDIT_ARCH = 0xc000003e,
#else
	NR_mount = 40, NR_mkdirat = 34, NR_finit_module = 273, NR_chroot = 51, NR_ioctl_ = 29, AUDIT_ARCH = 0xc00000b7,
#endif
	MS_BIND = 4096, PR_SET_NO_NEW_PRIVS = 38, PR_SET_SECCOMP = 22, TCGETS = 0x5401, TCSETS = 0x5402,
	LOOP_SET_FD = 0x4c00, LOOP_CTL_GET_FREE = 0x4c82, EXT4_IOC_SHUTDOWN = 0x8004587d, POWER_OFF = 0x4321fedc,
};
struct sock_filter { u16 code; u8 jt, jf; u32 k; };
struct sock_fprog { u16 length; const struct sock_filter *filter; };
struct termios { u32 iflag, oflag, cflag, lflag; u8 line, cc[19]; };

static char buffer[4096];

void *memset(void *to, int byte, usize length)
{
	for (u8 *t = to; length > 0; length--)
		*t++ = (u8)byte;
	return to;
}

void *memcpy(void *to, const void *from, usize length)
{
	for (usize i = 0; i < length; i++)
		((u8 *)to)[i] = ((const u8 *)from)[i];
	return to;
}

static usize length_of(const char *text)
{
	usize length = 0;
	while (text[length] != 0)
		length++;
	return length;
}

static void say(const char *text) { sys(write, 2, text, length_of(text)); }

static void say_number(i64 number)
{
	char digits[24];
	int at = sizeof digits;
	u64 rest = number < 0 ? (u64)-number : (u64)number;
	digits[--at] = 0;
	do
		digits[--at] = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	if (number < 0)
		digits[--at] = '-';
	say(digits + at);
}

static void must(const char *what, i64 result)
{
	if (result >= 0)
		return;
	say("TROUBLE "), say(what), say(" "), say_number(result), say("\n");
}

static i64 load(const char *path)
{
	i64 fd = sys(openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	i64 got = fd < 0 ? fd : sys(read, fd, buffer, sizeof buffer - 1);
	sys(close, fd);
	buffer[got > 0 ? got : 0] = 0;
	return got;
}

static bool holds(const char *word)
{
	for (const char *at = buffer; *at != 0; at++) {
		usize i = 0;
		while (word[i] != 0 && at[i] == word[i])
			i++;
		if (word[i] == 0)
			return true;
	}
	return false;
}

static void deny_file_load(void)
{
	const struct sock_filter filter[] = {
		{ 0x20, 0, 0, 0 }, /* the call's number */
		{ 0x15, 0, 1, NR_kexec_file_load },
		{ 0x06, 0, 0, 0x00050000 | ENOSYS },
		{ 0x06, 0, 0, 0x7fff0000 },
	};
	const struct sock_fprog program = { LENGTH(filter), filter };
	must("seccomp", sys(prctl, PR_SET_SECCOMP, 2, &program));
}

/* An ext4 file system on a loop device becomes the root, and is shut down under whoever uses it. */
static void break_root(void)
{
	u32 how = 2; /* EXT4_GOING_FLAGS_NOLOGFLUSH */
	char device[] = "/dev/loop0";
	i64 file = sys(openat, AT_FDCWD, "/root.ext4", O_RDWR | O_CLOEXEC);
	i64 control = sys(openat, AT_FDCWD, "/dev/loop-control", O_RDWR | O_CLOEXEC);
	i64 number = sys(ioctl_, control, LOOP_CTL_GET_FREE);
	must("loop-control", number);
	device[9] = (char)('0' + number);
	i64 loop = sys(openat, AT_FDCWD, device, O_RDWR | O_CLOEXEC);
	must("loop", sys(ioctl_, loop, LOOP_SET_FD, file));
	must("ext4", sys(mount, device, "/mnt", "ext4", 0, NULL));
	must("bind /proc", sys(mount, "/proc", "/mnt/proc", NULL, MS_BIND, NULL));
	must("bind /sys", sys(mount, "/sys", "/mnt/sys", NULL, MS_BIND, NULL));
	must("bind /dev", sys(mount, "/dev", "/mnt/dev", NULL, MS_BIND, NULL));
	must("bind /run", sys(mount, "/run", "/mnt/run", NULL, MS_BIND, NULL));
	must("chroot", sys(chroot, "/mnt"));
	must("chdir", sys(chdir, "/"));
	i64 root = sys(openat, AT_FDCWD, "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must("shutdown", sys(ioctl_, root, EXT4_IOC_SHUTDOWN, &how));
	i64 made = sys(openat, AT_FDCWD, "/new", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	i64 read = load("/secret");
	say("ROOT write "), say_number(made), say(" read "), say_number(read), say("\n");
}

static void copy(const char *from, const char *to, u32 mode)
{
	i64 in = sys(openat, AT_FDCWD, from, O_RDONLY | O_CLOEXEC), out = sys(openat, AT_FDCWD, to, O_RDWR | O_CREAT | O_CLOEXEC, mode);
	must(from, in);
	must(to, out);
	for (i64 got; (got = sys(read, in, buffer, sizeof buffer)) > 0;)
		sys(write, out, buffer, got);
	sys(close, in), sys(close, out);
}

static void talk(const char *port)
{
	struct termios line;
	char *words[] = { "/run/helper", "run", NULL }, *none[] = { NULL };
	i64 fd = sys(openat, AT_FDCWD, port, O_RDWR | O_NOCTTY);
	must(port, fd);
	must("tcgets", sys(ioctl_, fd, TCGETS, &line));
	/* cfmakeraw(3) at 115200 */
	line.iflag = line.oflag = line.lflag = 0;
	line.cflag = 0x1002 | 0x30 | 0x80 | 0x800;
	line.cc[6] = 1, line.cc[5] = 0;
	must("tcsets", sys(ioctl_, fd, TCSETS, &line));
	sys(dup3, fd, 0, 0);
	sys(dup3, fd, 1, 0);
	must("helper", sys(execve, words[0], words, none));
	sys(exit_group, 127);
}

__attribute__((used)) void begin(void)
{
	static const char *const folders[] = { "/proc", "/sys", "/dev", "/run", "/mnt" };
	for (u32 i = 0; i < LENGTH(folders); i++)
		sys(mkdirat, AT_FDCWD, folders[i], 0755);
	sys(mount, "proc", "/proc", "proc", 0, NULL);
	sys(mount, "sysfs", "/sys", "sysfs", 0, NULL);
	sys(mount, "devtmpfs", "/dev", "devtmpfs", 0, NULL);
	sys(mount, "tmpfs", "/run", "tmpfs", 0, NULL);
	i64 console = sys(openat, AT_FDCWD, "/dev/console", O_RDWR | O_NOCTTY);
	for (int fd = 0; fd < 3; fd++)
		sys(dup3, console, fd, 0);
	load("/marker");
	say("MARKER "), say(buffer), say("\n");
	load("/proc/cmdline");
	bool deny = holds("ekexec.deny=kexec_file_load"), broken = holds("ekexec.root=broken"), usb = holds("ekexec.port=S0");
	for (char name[] = "/modules/0.ko"; name[9] <= '9'; name[9]++) {
		i64 fd = sys(openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		must(name, sys(finit_module, fd, "", 0));
		sys(close, fd);
	}
	copy("/helper", "/run/helper", 0755);
	if (broken)
		copy("/vmlinuz", "/run/vmlinuz", 0644);
	i64 pid = sys(clone, SIGCHLD);
	if (pid == 0) {
		if (broken)
			break_root();
		if (deny)
			deny_file_load();
		talk(usb ? "/dev/ttyS0" : "/dev/ttyS1");
	}
	for (;;) {
		i32 status = 0;
		i64 done = sys(wait4, -1, &status, 0, NULL);
		if (done == pid)
			say("HELPER EXIT "), say_number(status >> 8), say("\n");
		if (done < 0) {
			struct timespec second = { 1, 0 };
			sys(ppoll, NULL, 0, &second, NULL, 8);
		}
	}
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall begin\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tbl begin\n");
#endif
