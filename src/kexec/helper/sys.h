/*
 * System calls without a C library, for x86-64 and arm64.
 * Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux.
 * Every stub answers what the kernel answers: a result, or a negative errno.
 */
#ifndef EKEXEC_SYS_H
#define EKEXEC_SYS_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed int i32;
typedef signed long i64;
typedef u64 usize;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#if defined(__x86_64__)
#define ARCH "x86_64"
enum {
	NR_read = 0, NR_write = 1, NR_close = 3, NR_fstat = 5, NR_mmap = 9, NR_munmap = 11, NR_rt_sigaction = 13,
	NR_rt_sigprocmask = 14, NR_pread64 = 17, NR_pwrite64 = 18, NR_getpid = 39, NR_socket = 41, NR_connect = 42,
	NR_sendto = 44, NR_sendmsg = 46, NR_recvmsg = 47, NR_bind = 49, NR_listen = 50, NR_socketpair = 53,
	NR_setsockopt = 54, NR_getsockopt = 55, NR_clone = 56, NR_execve = 59, NR_wait4 = 61, NR_kill = 62,
	NR_uname = 63, NR_fcntl = 72, NR_ftruncate = 77, NR_getuid = 102, NR_getgid = 104, NR_geteuid = 107,
	NR_setsid = 112, NR_mlock = 149, NR_mlockall = 151, NR_prctl = 157, NR_sync = 162, NR_reboot = 169,
	NR_getdents64 = 217, NR_clock_gettime = 228, NR_exit_group = 231, NR_kexec_load = 246, NR_openat = 257,
	NR_newfstatat = 262, NR_unlinkat = 263, NR_readlinkat = 267, NR_faccessat = 269, NR_ppoll = 271,
	NR_fallocate = 285, NR_accept4 = 288, NR_signalfd4 = 289, NR_dup3 = 292, NR_pipe2 = 293, NR_getrandom = 318,
	NR_memfd_create = 319, NR_kexec_file_load = 320, NR_statx = 332, NR_chdir = 80, NR_statfs = 137,
	NR_fstatfs = 138, NR_ioctl = 16, NR_close_range = 436,
};
static inline i64 syscall6(i64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	i64 result;
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = f;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
#define ARCH "aarch64"
enum {
	NR_dup3 = 24, NR_fcntl = 25, NR_ioctl = 29, NR_unlinkat = 35, NR_statfs = 43, NR_fstatfs = 44, NR_ftruncate = 46,
	NR_fallocate = 47, NR_faccessat = 48, NR_chdir = 49, NR_openat = 56, NR_close = 57, NR_pipe2 = 59,
	NR_getdents64 = 61, NR_read = 63, NR_write = 64, NR_pread64 = 67, NR_pwrite64 = 68, NR_ppoll = 73,
	NR_signalfd4 = 74, NR_readlinkat = 78, NR_newfstatat = 79, NR_fstat = 80, NR_sync = 81, NR_exit_group = 94,
	NR_kexec_load = 104, NR_clock_gettime = 113, NR_kill = 129, NR_rt_sigaction = 134, NR_rt_sigprocmask = 135,
	NR_reboot = 142, NR_setsid = 157, NR_uname = 160, NR_prctl = 167, NR_getpid = 172, NR_getuid = 174,
	NR_geteuid = 175, NR_getgid = 176, NR_socket = 198, NR_socketpair = 199, NR_bind = 200, NR_listen = 201,
	NR_connect = 203, NR_sendto = 206, NR_setsockopt = 208, NR_getsockopt = 209, NR_sendmsg = 211,
	NR_recvmsg = 212, NR_munmap = 215, NR_clone = 220, NR_execve = 221, NR_mmap = 222, NR_mlock = 228,
	NR_mlockall = 230, NR_accept4 = 242, NR_wait4 = 260, NR_getrandom = 278, NR_memfd_create = 279,
	NR_statx = 291, NR_kexec_file_load = 294, NR_close_range = 436,
};
static inline i64 syscall6(i64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register i64 x8 __asm__("x8") = nr;
	register u64 x0 __asm__("x0") = a;
	register u64 x1 __asm__("x1") = b;
	register u64 x2 __asm__("x2") = c;
	register u64 x3 __asm__("x3") = d;
	register u64 x4 __asm__("x4") = e;
	register u64 x5 __asm__("x5") = f;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return (i64)x0;
}
#else
#error "the helper is built for x86-64 and arm64"
#endif

#define SYS6(nr, a, b, c, d, e, f, ...) \
	syscall6(NR_##nr, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), (u64)(f))
/* sys(read, fd, buffer, length): missing arguments are zero. */
#define sys(...) SYS6(__VA_ARGS__, 0, 0, 0, 0, 0, 0)

/* include/uapi/asm-generic/errno-base.h, errno.h */
enum {
	EPERM = 1, ENOENT = 2, EINTR = 4, EIO = 5, E2BIG = 7, EBADF = 9, EAGAIN = 11, ENOMEM = 12, EACCES = 13,
	ENOTDIR = 20, EISDIR = 21, EINVAL = 22, EFBIG = 27, ENOSPC = 28, ERANGE = 34, ENAMETOOLONG = 36, ENOSYS = 38,
	ENODATA = 61, ETIME = 62, EPROTO = 71, EMSGSIZE = 90, EOPNOTSUPP = 95, ETIMEDOUT = 110,
};

/* include/uapi/asm-generic/fcntl.h; O_DIRECTORY, O_NOFOLLOW differ on arm64 */
enum {
	AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100,
	O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0100, O_EXCL = 0200, O_NOCTTY = 0400, O_NONBLOCK = 04000,
	O_CLOEXEC = 02000000, O_PATH = 010000000,
#if defined(__x86_64__)
	O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000,
#else
	O_DIRECTORY = 040000, O_NOFOLLOW = 0100000,
#endif
	O_TMPFILE = 020000000 | O_DIRECTORY,
};
enum { S_IFMT = 0170000, S_IFREG = 0100000, S_IFDIR = 0040000 };
enum {
	PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20,
	POLLIN = 1, POLLOUT = 4, PIPE_BUF = 4096, POLLERR = 8, POLLHUP = 16, POLLNVAL = 32,
	SIGHUP = 1, SIGINT = 2, SIGKILL = 9, SIGPIPE = 13, SIGTERM = 15, SIGCHLD = 17, SIGXFSZ = 25,
	SIG_BLOCK = 0, SIG_IGN = 1, WNOHANG = 1,
	CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, CLOCK_BOOTTIME = 7,
	PR_SET_PDEATHSIG = 1, PR_SET_DUMPABLE = 4, PR_SET_NAME = 15,
	MFD_CLOEXEC = 1, MFD_ALLOW_SEALING = 2, MFD_NOEXEC_SEAL = 8,
	F_SETFD = 2, F_ADD_SEALS = 1033, F_SEAL_SEAL = 1, F_SEAL_SHRINK = 2, F_SEAL_GROW = 4, F_SEAL_WRITE = 8,
	MCL_CURRENT = 1,
	AF_UNIX = 1, AF_NETLINK = 16, SOCK_STREAM = 1, SOCK_RAW = 3, SOCK_SEQPACKET = 5, SOCK_CLOEXEC = 02000000,
	SOL_SOCKET = 1, SO_RCVBUF = 8, SO_PEERCRED = 17, SO_RCVBUFFORCE = 33, SOL_NETLINK = 270,
	NETLINK_EXT_ACK = 11, NETLINK_GET_STRICT_CHK = 12, SCM_RIGHTS = 1, MSG_DONTWAIT = 0x40, MSG_TRUNC = 0x20,
	MSG_NOSIGNAL = 0x4000, MSG_CMSG_CLOEXEC = 0x40000000,
	STATX_BASIC_AND_BTIME = 0xfff, PATH_MAX = 4096,
	LINUX_REBOOT_MAGIC1 = 0xfee1dead, LINUX_REBOOT_MAGIC2 = 672274793, LINUX_REBOOT_CMD_KEXEC = 0x45584543,
};

struct timespec { i64 seconds, nanoseconds; };
struct pollfd { i32 fd; u16 events, revents; };
struct iovec { void *base; usize length; };
struct msghdr { void *name; u32 name_length; struct iovec *parts; usize part_count; void *control; usize control_length; u32 flags; };
struct cmsghdr { usize length; i32 level, type; };
struct ucred { i32 pid; u32 uid, gid; };

/* struct statx, include/uapi/linux/stat.h: the same bytes on every architecture */
struct statx {
	u32 mask, blksize; u64 attributes; u32 nlink, uid, gid; u16 mode, pad0; u64 ino, size, blocks, attributes_mask;
	struct { i64 seconds; u32 nanoseconds; i32 pad; } atime, btime, ctime, mtime;
	u32 rdev_major, rdev_minor, dev_major, dev_minor; u64 rest[14];
};
_Static_assert(sizeof(struct statx) == 256, "struct statx is 256 bytes");

/* struct stat: arch/x86/include/uapi/asm/stat.h, include/uapi/asm-generic/stat.h */
struct stat {
#if defined(__x86_64__)
	u64 dev, ino, nlink; u32 mode, uid, gid, pad0; u64 rdev; i64 size, blksize, blocks;
#else
	u64 dev, ino; u32 mode, nlink, uid, gid; u64 rdev, pad0; i64 size; i32 blksize, pad1; i64 blocks;
#endif
	struct timespec atime, mtime, ctime; u64 rest[3];
};

struct utsname { char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65]; };

#endif
