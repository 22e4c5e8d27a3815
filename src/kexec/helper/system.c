/* Serving one source inside a worker: netlink, system calls tried harmlessly, places that can be written and executed. */
#include "sources.h"

enum {
	NLMSG_ERROR = 2, NLMSG_DONE = 3, NLM_F_DUMP_INTR = 0x10, NLMSG_HEAD = 16, NR_PASSES = 5,
	NETLINK_HEAD = 8, NETLINK_ROOM = FRAME_MAX,
	SIOCETHTOOL = 0x8946, ETHTOOL_GPERMADDR = 0x20, AF_INET = 2, SOCK_DGRAM = 2, MAX_ADDR_LEN = 32, IFNAMSIZ = 16,
};

struct sockaddr_nl { u16 family, pad; u32 pid, groups; };

static i64 open_netlink(u32 protocol, u32 groups)
{
	struct sockaddr_nl self = { AF_NETLINK, 0, 0, groups };
	i64 fd = sys(socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return fd;
	/* A host with a million routes sends faster than a slow link takes; without CAP_NET_ADMIN the limit is lower. */
	u32 size = 4194304;
	if (sys(setsockopt, fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		sys(setsockopt, fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	i64 failed = sys(bind, fd, &self, sizeof self);
	if (failed < 0) {
		sys(close, fd);
		return failed;
	}
	return fd;
}

/* One answer, datagram by datagram. Sets `torn` where the kernel says that the dump was interrupted by a change. */
static u32 take_answer(int fd, bool single, bool *torn)
{
	static u8 data[NETLINK_ROOM];
	for (;;) {
		struct iovec part = { data, sizeof data };
		struct msghdr message = { NULL, 0, &part, 1, NULL, 0, 0 };
		i64 got = sys(recvmsg, fd, &message, 0);
		if (got == -EINTR)
			continue;
		if (got < 0)
			return (u32)-got;
		if (message.flags & MSG_TRUNC)
			return EMSGSIZE;
		say(F_BYTES, data, (u32)got);
		for (i64 at = 0; at + NLMSG_HEAD <= got;) {
			u32 length = get32(data + at);
			u16 type = get16(data + at + 4), flags = get16(data + at + 6);
			if (length < NLMSG_HEAD || length > (u64)(got - at))
				return EPROTO;
			if (flags & NLM_F_DUMP_INTR)
				*torn = true;
			if (type == NLMSG_ERROR || type == NLMSG_DONE) {
				i32 error = length >= NLMSG_HEAD + 4 ? (i32)get32(data + at + NLMSG_HEAD) : 0;
				return error < 0 ? (u32)-error : 0;
			}
			at += (length + 3) & ~3u;
		}
		if (single)
			return 0;
	}
}

/* The change messages that came in since the last look. */
static bool drained(int fd)
{
	static u8 data[8192];
	bool any = false;
	for (u32 tries = 0; tries < 65536; tries++) {
		struct iovec part = { data, sizeof data };
		struct msghdr message = { NULL, 0, &part, 1, NULL, 0, 0 };
		i64 got = sys(recvmsg, fd, &message, MSG_DONTWAIT);
		if (got == -EAGAIN)
			return !any;
		any = true;
	}
	return false;
}

/*
 * A dump, taken again until nothing changed while it was taken: the kernel marks some interrupted dumps, and a second
 * socket that is subscribed to the changes shows the others. Each pass is an item; the last one counts.
 */
u32 serve_netlink(const struct source *source, u32 *state)
{
	struct sockaddr_nl kernel = { AF_NETLINK, 0, 0, 0 };
	const u8 *request = source->argument + NETLINK_HEAD;
	u32 length = source->length - NETLINK_HEAD, one = 1, error = 0;
	if (source->length < NETLINK_HEAD + NLMSG_HEAD)
		return EINVAL;
	u32 protocol = get32(source->argument), groups = get32(source->argument + 4);
	i64 fd = open_netlink(protocol, 0), watch = -1;
	if (fd < 0)
		return (u32)-fd;
	bool strict = source->flags & NETLINK_STRICT &&
		sys(setsockopt, fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one) == 0;
	if (groups != 0)
		watch = open_netlink(protocol, groups);
	for (u32 pass = 0; pass < NR_PASSES; pass++) {
		bool torn = false;
		say_item(0, S_WHOLE, strict, "");
		i64 sent = sys(sendto, fd, request, length, MSG_NOSIGNAL, &kernel, sizeof kernel);
		error = sent < 0 ? (u32)-sent : take_answer((int)fd, source->flags & NETLINK_SINGLE, &torn);
		if (watch >= 0 && !drained((int)watch))
			torn = true;
		*state = torn ? S_UNSTABLE : S_WHOLE;
		if (error != 0 || !torn)
			break;
	}
	sys(close, fd);
	if (watch >= 0)
		sys(close, watch);
	return error;
}

/*
 * What system calls answer when asked for something impossible. Unknown flags make both kexec calls fail after their
 * checks of permission and before they touch anything (kernel/kexec.c, kernel/kexec_file.c); a plain kexec_load of
 * nothing would unload what somebody else loaded.
 */
void serve_system(void)
{
	struct json json;
	struct utsname name;
	struct timespec now = { 0, 0 };
	json_open(&json, NULL);
	json_number(&json, "kexec_load", -sys(kexec_load, 0, 0, NULL, 0x8000));
	json_number(&json, "kexec_file_load", -sys(kexec_file_load, -1, -1, 0, NULL, 0x8000));
	json_number(&json, "memfd_create", -sys(memfd_create, "", ~0u));
	json_number(&json, "uid", sys(getuid));
	json_number(&json, "euid", sys(geteuid));
	json_number(&json, "gid", sys(getgid));
	json_number(&json, "pid", sys(getpid));
	if (sys(uname, &name) == 0) {
		json_text(&json, "sysname", name.sysname);
		json_text(&json, "nodename", name.nodename);
		json_text(&json, "release", name.release);
		json_text(&json, "version", name.version);
		json_text(&json, "machine", name.machine);
	}
	sys(clock_gettime, CLOCK_REALTIME, &now);
	json_number(&json, "realtime", now.seconds);
	if (sys(clock_gettime, CLOCK_BOOTTIME, &now) == 0)
		json_number(&json, "boottime", now.seconds);
	json_close(&json);
	say_item(0, S_WHOLE, json.length, "");
	say(F_BYTES, json.text, json.length);
}

/* Can a file be made here, and may it be executed? A file without a name where the file system has such. */
i64 serve_place(const char *directory)
{
	static u8 page[4096];
	char path[PATH_MAX + 32];
	bool named = false;
	usize length = strlen(directory);
	i64 fd = sys(openat, AT_FDCWD, directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0700);
	if (fd == -EOPNOTSUPP || fd == -EISDIR || fd == -EINVAL || fd == -ENOENT) {
		u8 noise[8];
		memcpy(path, directory, length);
		memcpy(path + length, "/.ekexec-", 9);
		sys(getrandom, noise, sizeof noise, 0);
		for (u32 i = 0; i < sizeof noise; i++) {
			path[length + 9 + 2 * i] = (char)('a' + (noise[i] & 15));
			path[length + 10 + 2 * i] = (char)('a' + (noise[i] >> 4));
		}
		path[length + 9 + 2 * sizeof noise] = 0;
		fd = sys(openat, AT_FDCWD, path, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR | O_CLOEXEC, 0700);
		named = fd >= 0;
	}
	u32 written = fd < 0 ? (u32)-fd : 0, executed = written;
	if (fd >= 0) {
		i64 put = sys(pwrite64, fd, page, sizeof page, 0);
		written = put == (i64)sizeof page ? 0 : put < 0 ? (u32)-put : ENOSPC;
		/* A file system mounted noexec refuses to map a file for execution, too. */
		i64 map = sys(mmap, NULL, sizeof page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
		executed = map < 0 && map > -4096 ? (u32)-map : 0;
		if (executed == 0)
			sys(munmap, map, sizeof page);
		if (named)
			sys(unlinkat, AT_FDCWD, path, 0);
		sys(close, fd);
	}
	say_item(written, S_WHOLE, 0, directory);
	return say(F_BYTES, &executed, sizeof executed);
}

/* Permanent address of a network device, for kernels before 5.6 whose link dumps lack it. The path's last component is its name. */
i64 serve_permaddr(const char *path)
{
	struct { u32 command, size; u8 data[MAX_ADDR_LEN]; } ask = { ETHTOOL_GPERMADDR, MAX_ADDR_LEN, { 0 } };
	struct { char name[IFNAMSIZ]; void *data; u8 rest[16]; } request;
	const char *name = path;
	for (const char *at = path; *at != 0; at++)
		if (*at == '/')
			name = at + 1;
	memset(&request, 0, sizeof request);
	if (strlen(name) >= IFNAMSIZ)
		return say_item(EINVAL, S_WHOLE, 0, path);
	memcpy(request.name, name, strlen(name));
	request.data = &ask;
	i64 fd = sys(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	i64 failed = fd < 0 ? fd : sys(ioctl, fd, SIOCETHTOOL, &request);
	if (fd >= 0)
		sys(close, fd);
	if (failed == 0 && ask.size > MAX_ADDR_LEN)
		failed = -EPROTO;
	say_item(failed < 0 ? (u32)-failed : 0, S_WHOLE, ask.size, path);
	return failed < 0 ? true : say(F_BYTES, ask.data, ask.size);
}
