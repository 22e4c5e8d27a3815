/* Serving one source inside a worker: files, directories, links, file systems. */
#include "sources.h"

enum {
	PROC_SUPER_MAGIC = 0x9fa0, DEBUGFS_MAGIC = 0x64626720, TRACEFS_MAGIC = 0x74726163, SECRETMEM_MAGIC = 0x5345434d,
	ITEMS_DEFAULT = 1024, BYTES_STEP = 32768,
};

/* struct statfs of 64-bit Linux is 120 bytes; include/uapi/asm-generic/statfs.h */
struct statfs { u64 type, bsize, blocks, bfree, bavail, files, ffree; i32 fsid[2]; u64 namelen, frsize, flags, spare[4]; };

static const struct source *current;
static int out;
static u32 items;
static u8 *room;

bool say(u16 type, const void *payload, u32 length)
{
	static struct frame frame;
	frame.length = length;
	frame.type = type;
	frame.tag = current->tag;
	memcpy(frame.payload, payload, length);
	return write_fully(out, &frame, FRAME_HEAD + length) == (i64)(FRAME_HEAD + length);
}

bool say_item(u32 error, u32 state, u64 size, const char *path)
{
	static u8 item[16 + PATH_MAX];
	usize length = strlen(path);
	put32(item, error);
	put32(item + 4, state);
	put64(item + 8, size);
	memcpy(item + 16, path, length);
	return say(F_ITEM, item, (u32)(16 + length));
}

static void say_bytes(const u8 *data, usize length)
{
	for (usize at = 0; at < length; at += BYTES_STEP)
		say(F_BYTES, data + at, (u32)(length - at < BYTES_STEP ? length - at : BYTES_STEP));
}

static bool ends_in(const char *path, const char *name)
{
	usize length = strlen(path), size = strlen(name);
	return length > size && path[length - size - 1] == '/' && same(path + length - size, name);
}

/*
 * Files that look regular and are not: reading some takes log lines from others or waits for ever, some are memory.
 * `real` is the path without symbolic links.
 */
static bool off_limits(int fd, const char *real)
{
	static const char *const names[] = { "kmsg", "kcore", "mem", "pagemap", "kpagecount", "kpageflags", "kpagecgroup", "vmcore" };
	struct statfs fs;
	if (sys(fstatfs, fd, &fs) < 0)
		return false;
	if (fs.type == DEBUGFS_MAGIC || fs.type == TRACEFS_MAGIC || fs.type == SECRETMEM_MAGIC)
		return true;
	if (fs.type != PROC_SUPER_MAGIC)
		return false;
	for (u32 i = 0; i < LENGTH(names); i++)
		if (ends_in(real, names[i]))
			return true;
	return false;
}

/*
 * Opens a regular file for reading, and nothing else: opening a device can start a watchdog or rewind a tape, so the
 * kind is looked at before (O_PATH opens nothing), and the very same file is opened through /proc then.
 */
static i64 open_regular(const char *path, u64 *size)
{
	struct stat before, after;
	char link[32], real[PATH_MAX];
	i64 spot = sys(openat, AT_FDCWD, path, O_PATH | O_CLOEXEC);
	if (spot < 0)
		return spot;
	i64 failed = sys(fstat, spot, &before);
	if (failed == 0 && (before.mode & S_IFMT) != S_IFREG)
		failed = (before.mode & S_IFMT) == S_IFDIR ? -EISDIR : -EPERM;
	if (failed == 0) {
		i64 length = sys(readlinkat, AT_FDCWD, fd_path((int)spot, link), real, sizeof real - 1);
		real[length > 0 ? length : 0] = 0;
		if (off_limits((int)spot, length > 0 ? real : path))
			failed = -EPERM;
	}
	i64 fd = failed;
	if (failed == 0) {
		u32 flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
		fd = sys(openat, AT_FDCWD, link, flags);
		if (fd == -ENOENT) {
			/* No /proc: open by name, and insist that it is the file that was looked at. */
			fd = sys(openat, AT_FDCWD, path, flags | O_NOFOLLOW);
			if (fd >= 0 && (sys(fstat, fd, &after) < 0 || after.ino != before.ino || after.dev != before.dev)) {
				sys(close, fd);
				fd = -EAGAIN;
			}
		}
	}
	sys(close, spot);
	*size = failed == 0 ? (u64)before.size : 0;
	return fd;
}

static i64 read_item(const char *path)
{
	u64 size = 0;
	i64 fd = open_regular(path, &size);
	if (fd < 0)
		return say_item((u32)-fd, fd == -EPERM ? S_REFUSED : S_WHOLE, size, path);
	usize have = 0;
	i64 got = 0;
	/* One byte more than the cap shows that there is more. */
	while (have <= current->cap && (got = sys(read, fd, room + have, current->cap + 1 - have)) > 0)
		have += (usize)got;
	sys(close, fd);
	u32 state = have > current->cap ? S_CUT : S_WHOLE;
	if (have > current->cap)
		have = current->cap;
	if (holds_private_key(room, have))
		return say_item(EPERM, S_REFUSED, size, path);
	say_item(got < 0 ? (u32)-got : 0, state, size, path);
	say_bytes(room, have);
	return true;
}

/* Kernels before 4.11 have no statx; what stat knows is told in statx's layout. */
static i64 stat_item(const char *path)
{
	struct statx full;
	u32 follow = current->flags & STAT_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
	memset(&full, 0, sizeof full);
	i64 failed = sys(statx, AT_FDCWD, path, follow, STATX_BASIC_AND_BTIME, &full);
	if (failed == -ENOSYS) {
		struct stat old;
		failed = sys(newfstatat, AT_FDCWD, path, &old, follow);
		if (failed == 0) {
			full.mask = 0x7ff;
			full.mode = (u16)old.mode, full.nlink = (u32)old.nlink, full.uid = old.uid, full.gid = old.gid;
			full.ino = old.ino, full.size = (u64)old.size, full.blocks = (u64)old.blocks, full.blksize = (u32)old.blksize;
			full.mtime.seconds = old.mtime.seconds, full.mtime.nanoseconds = (u32)old.mtime.nanoseconds;
			full.ctime.seconds = old.ctime.seconds, full.ctime.nanoseconds = (u32)old.ctime.nanoseconds;
			full.dev_major = (u32)(old.dev >> 8 & 0xfff), full.dev_minor = (u32)((old.dev & 0xff) | (old.dev >> 12 & 0xfff00));
			full.rdev_major = (u32)(old.rdev >> 8 & 0xfff), full.rdev_minor = (u32)((old.rdev & 0xff) | (old.rdev >> 12 & 0xfff00));
		}
	}
	say_item(failed < 0 ? (u32)-failed : 0, S_WHOLE, full.size, path);
	return failed < 0 ? true : say(F_BYTES, &full, sizeof full);
}

static i64 list_item(const char *path)
{
	i64 fd = sys(openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return say_item((u32)-fd, S_WHOLE, 0, path);
	usize have = 0;
	i64 got;
	u8 entries[8192] __attribute__((aligned(8)));
	u32 state = S_WHOLE;
	while ((got = sys(getdents64, fd, entries, sizeof entries)) > 0) {
		for (i64 at = 0; at < got; at += get16(entries + at + 16)) {
			/* struct linux_dirent64: ino, offset, length at 16, type at 18, name at 19 */
			const char *name = (const char *)entries + at + 19;
			usize size = strlen(name) + 1;
			if (have + 1 + size > current->cap) {
				state = S_CUT;
				break;
			}
			room[have] = entries[at + 18];
			memcpy(room + have + 1, name, size);
			have += 1 + size;
		}
	}
	sys(close, fd);
	say_item(got < 0 ? (u32)-got : 0, state, have, path);
	say_bytes(room, have);
	return true;
}

static i64 link_item(const char *path)
{
	i64 length = sys(readlinkat, AT_FDCWD, path, room, PATH_MAX);
	say_item(length < 0 ? (u32)-length : 0, S_WHOLE, length < 0 ? 0 : (u64)length, path);
	if (length > 0)
		say_bytes(room, (usize)length);
	return true;
}

static i64 statfs_item(const char *path)
{
	struct statfs fs;
	i64 failed = sys(statfs, path, &fs);
	say_item(failed < 0 ? (u32)-failed : 0, S_WHOLE, 0, path);
	return failed < 0 ? true : say(F_BYTES, &fs, sizeof fs);
}

static bool visit_item(const char *path, void *context)
{
	(void)context;
	u32 limit = current->items == 0 ? ITEMS_DEFAULT : current->items;
	if (items++ == limit)
		return false;
	switch (current->op) {
	case OP_READ: return read_item(path);
	case OP_LIST: return list_item(path);
	case OP_STAT: return stat_item(path);
	case OP_READLINK: return link_item(path);
	case OP_STATFS: return statfs_item(path);
	case OP_PLACE: return serve_place(path);
	case OP_PERMADDR: return serve_permaddr(path);
	case OP_ACCESS: {
		i64 failed = sys(faccessat, AT_FDCWD, path, current->flags & 7);
		return say_item(failed < 0 ? (u32)-failed : 0, S_WHOLE, 0, path);
	}
	default: return say_item(0, S_WHOLE, 0, path);
	}
}

void serve_source(const struct source *source, int to)
{
	u32 end[2] = { 0, S_WHOLE };
	current = source;
	out = to;
	items = 0;
	if (room == NULL) {
		i64 map = sys(mmap, NULL, READ_MAX + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (map < 0 && map > -4096) {
			end[0] = ENOMEM;
			say(F_END, end, sizeof end);
			return;
		}
		room = (u8 *)map;
	}
	if (source->op == OP_NETLINK) {
		end[0] = serve_netlink(source, &end[1]);
	} else if (source->op == OP_SYSTEM) {
		serve_system();
	} else {
		i64 result = glob((const char *)source->argument, visit_item, NULL);
		if (result < 0)
			end[0] = (u32)-result;
		else if (result == 0)
			end[1] = S_CUT;
	}
	say(F_END, end, sizeof end);
}
