/* One source of a probe, as named by TypeScript. */
#ifndef EKEXEC_SOURCES_H
#define EKEXEC_SOURCES_H
#include "helper.h"

enum { OP_READ, OP_LIST, OP_STAT, OP_READLINK, OP_ACCESS, OP_STATFS, OP_PLACE, OP_NETLINK, OP_SYSTEM, OP_NAMES, OP_PERMADDR, OPS };
enum {
	SOURCE_HEAD = 12,
	/* The largest file a probe sends: sshd's and the kernel's own files are far smaller. */
	READ_MAX = 8388608,
	NETLINK_STRICT = 1, NETLINK_SINGLE = 2, STAT_NOFOLLOW = 1,
};

struct source { u16 tag, items; u8 op, flags; u32 deadline, cap, length; const u8 *argument; };

/* Answers one source on `out`, a socket that keeps frames whole; ends with an END frame. */
void serve_source(const struct source *source, int out);

/* glob.c: calls `visit` for each path that fits the pattern; it answers false to stop. */
typedef bool (*visit)(const char *path, void *context);
i64 glob(const char *pattern, visit visit, void *context);

/* secret.c */
bool holds_private_key(const u8 *data, usize length);

/* What a worker says. */
bool say(u16 type, const void *payload, u32 length);
bool say_item(u32 error, u32 state, u64 size, const char *path);

/* system.c */
u32 serve_netlink(const struct source *source, u32 *state);
void serve_system(void);
i64 serve_place(const char *directory);
i64 serve_permaddr(const char *path);

#endif
