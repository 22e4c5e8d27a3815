/* Paths that fit a pattern: `*` and `?` within a component, `\` takes the next byte as it is. Symbolic links are followed. */
#include "sources.h"

enum {
	/* Deeper patterns have no use; each level takes a buffer on the stack. */
	DEPTH_MAX = 16,
	ENTRIES = 8192,
};

struct linux_dirent64 { u64 ino; i64 offset; u16 length; u8 type; char name[]; };

static bool fits(const char *pattern, const char *end, const char *name)
{
	for (; pattern < end; pattern++, name++) {
		if (*pattern == '*') {
			while (pattern < end && *pattern == '*')
				pattern++;
			for (;; name++) {
				if (fits(pattern, end, name))
					return true;
				if (*name == 0)
					return false;
			}
		}
		if (*name == 0)
			return false;
		if (*pattern == '\\' && pattern + 1 < end)
			pattern++;
		else if (*pattern == '?')
			continue;
		if (*pattern != *name)
			return false;
	}
	return *name == 0;
}

struct walk { char path[PATH_MAX]; visit visit; void *context; };

static bool matches(const char *from, const char *end)
{
	for (; from < end; from++) {
		if (*from == '\\')
			from++;
		else if (*from == '*' || *from == '?')
			return true;
	}
	return false;
}

/* 1: go on; 0: the visitor has had enough; negative: errno. */
static i64 walk(struct walk *state, usize length, const char *pattern, int depth)
{
	/* Literal components are taken over without looking; whether they exist the visitor's own call finds out. */
	while (*pattern != 0) {
		const char *end = pattern;
		while (*end == '/')
			end++;
		while (*end != 0 && *end != '/')
			end++;
		if (matches(pattern, end))
			break;
		for (; pattern < end; pattern++) {
			if (*pattern == '\\' && pattern + 1 < end)
				pattern++;
			if (length + 1 >= PATH_MAX)
				return -ENAMETOOLONG;
			state->path[length++] = *pattern;
		}
	}
	state->path[length] = 0;
	if (*pattern == 0)
		return state->visit(state->path, state->context) ? 1 : 0;
	if (depth == DEPTH_MAX)
		return -E2BIG;
	const char *start = pattern;
	while (*start == '/')
		start++;
	const char *end = start;
	while (*end != 0 && *end != '/')
		end++;
	i64 fd = sys(openat, AT_FDCWD, length == 0 ? "/" : state->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fd;
	u8 entries[ENTRIES] __attribute__((aligned(8)));
	i64 result = 1;
	while (result > 0) {
		i64 got = sys(getdents64, fd, entries, sizeof entries);
		if (got <= 0) {
			result = got < 0 ? got : 1;
			break;
		}
		for (i64 at = 0; at < got && result > 0;) {
			const struct linux_dirent64 *entry = (const void *)(entries + at);
			const char *name = entry->name;
			usize size = strlen(name);
			at += entry->length;
			bool dots = name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0));
			if (dots || (name[0] == '.' && *start != '.') || !fits(start, end, name))
				continue;
			if (length + size + 2 >= PATH_MAX)
				continue;
			state->path[length] = '/';
			memcpy(state->path + length + 1, name, size + 1);
			/* A name that is no directory, or gone by now, has nothing below: no error of the pattern. */
			i64 below = walk(state, length + 1 + size, end, depth + 1);
			if (below >= 0)
				result = below;
		}
	}
	sys(close, fd);
	return result;
}

i64 glob(const char *pattern, visit visit, void *context)
{
	static struct walk state;
	if (pattern[0] != '/')
		return -EINVAL;
	state.visit = visit;
	state.context = context;
	return walk(&state, 0, pattern, 0);
}
