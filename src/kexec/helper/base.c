/* Memory, time, processes, exact reads and writes, JSON: what a C library would have given. */
#include "helper.h"

void *memcpy(void *to, const void *from, usize length)
{
#if defined(__x86_64__)
	void *start = to;
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
	return start;
#else
	u8 *t = to;
	const u8 *f = from;
	for (; length >= 8; t += 8, f += 8, length -= 8) {
		u64 word;
		__builtin_memcpy_inline(&word, f, 8);
		__builtin_memcpy_inline(t, &word, 8);
	}
	while (length-- > 0)
		*t++ = *f++;
	return to;
#endif
}

void *memmove(void *to, const void *from, usize length)
{
	u8 *t = to;
	const u8 *f = from;
	if (t <= f)
		return memcpy(to, from, length);
	while (length-- > 0)
		t[length] = f[length];
	return to;
}

void *memset(void *to, int byte, usize length)
{
	u8 *t = to;
	while (length-- > 0)
		*t++ = (u8)byte;
	return to;
}

int memcmp(const void *a, const void *b, usize length)
{
	const u8 *x = a, *y = b;
	for (; length > 0; x++, y++, length--)
		if (*x != *y)
			return *x - *y;
	return 0;
}

usize strlen(const char *text)
{
	usize length = 0;
	while (text[length] != 0)
		length++;
	return length;
}

bool same(const char *a, const char *b)
{
	while (*a != 0 && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Time that goes on while the machine sleeps is not wanted: deadlines are about work, not about the calendar. */
u64 now_ms(void)
{
	struct timespec now;
	sys(clock_gettime, CLOCK_MONOTONIC, &now);
	return (u64)now.seconds * 1000 + (u64)now.nanoseconds / 1000000;
}

void nap_ms(u64 ms)
{
	u64 end = now_ms() + ms;
	for (u64 now = now_ms(); now < end; now = now_ms()) {
		struct timespec left = { (i64)((end - now) / 1000), (i64)((end - now) % 1000 * 1000000) };
		sys(ppoll, NULL, 0, &left, NULL, 8);
	}
}

i64 fork_child(void) { return sys(clone, SIGCHLD); }

/* Bytes read: fewer than asked for only where the stream ended. */
i64 read_fully(int fd, void *to, usize length)
{
	usize have = 0;
	while (have < length) {
		i64 got = sys(read, fd, (u8 *)to + have, length - have);
		if (got == -EINTR)
			continue;
		if (got < 0)
			return got;
		if (got == 0)
			break;
		have += (usize)got;
	}
	return (i64)have;
}

i64 write_fully(int fd, const void *from, usize length)
{
	usize done = 0;
	while (done < length) {
		i64 put = sys(write, fd, (const u8 *)from + done, length - done);
		if (put == -EINTR)
			continue;
		if (put == -EAGAIN) {
			/* Somebody up the line made the pipe non-blocking. */
			struct pollfd room = { fd, POLLOUT, 0 };
			sys(ppoll, &room, 1, NULL, NULL, 8);
			continue;
		}
		if (put <= 0)
			return put < 0 ? put : -EIO;
		done += (usize)put;
	}
	return (i64)done;
}

/* Closes every descriptor from `lowest` up; kernels before 5.9 lack close_range. */
void close_above(int lowest)
{
	if (sys(close_range, lowest, ~0u, 0) == 0)
		return;
	for (int fd = lowest; fd < 1024; fd++)
		sys(close, fd);
}

void die(int code)
{
	for (;;)
		sys(exit_group, code);
}

/* Whom the kernel ends first when memory runs out (proc(5), oom_score_adj): 1000 first, -1000 never. */
void rank_for_oom(const char *score)
{
	i64 fd = sys(openat, AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	sys(write, fd, score, strlen(score));
	sys(close, fd);
}

char *fd_path(int fd, char *buffer)
{
	char *at = buffer, digits[12];
	int count = 0;
	memcpy(at, "/proc/self/fd/", 14);
	at += 14;
	do
		digits[count++] = (char)('0' + fd % 10);
	while ((fd /= 10) > 0);
	while (count > 0)
		*at++ = digits[--count];
	*at = 0;
	return buffer;
}

static void json_add(struct json *json, char byte)
{
	/* Two bytes stay free for the end, so that a text cut short is still JSON's own size. */
	if (json->length < sizeof json->text - 4)
		json->text[json->length++] = byte;
}

static void json_string(struct json *json, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	json_add(json, '"');
	for (; *text != 0; text++) {
		u8 byte = (u8)*text;
		if (byte == '"' || byte == '\\') {
			json_add(json, '\\');
			json_add(json, (char)byte);
		} else if (byte < 0x20 || byte > 0x7e) {
			/* A byte that is not printable ASCII is told as the code point of the same number. */
			json_add(json, '\\'), json_add(json, 'u'), json_add(json, '0'), json_add(json, '0');
			json_add(json, hex[byte >> 4]);
			json_add(json, hex[byte & 15]);
		} else {
			json_add(json, (char)byte);
		}
	}
	json_add(json, '"');
}

static void json_key(struct json *json, const char *key)
{
	if (json->more)
		json_add(json, ',');
	json->more = true;
	json_string(json, key);
	json_add(json, ':');
}

void json_open(struct json *json, const char *event)
{
	json->length = 0;
	json->more = false;
	json_add(json, '{');
	if (event != NULL)
		json_text(json, "event", event);
}

void json_number(struct json *json, const char *key, i64 value)
{
	char digits[24];
	int count = 0;
	u64 rest = value < 0 ? (u64)-value : (u64)value;
	json_key(json, key);
	if (value < 0)
		json_add(json, '-');
	do
		digits[count++] = (char)('0' + rest % 10);
	while ((rest /= 10) > 0);
	while (count > 0)
		json_add(json, digits[--count]);
}

void json_text(struct json *json, const char *key, const char *value)
{
	json_key(json, key);
	json_string(json, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	json_key(json, key);
	for (const char *word = value ? "true" : "false"; *word != 0; word++)
		json_add(json, *word);
}

void json_close(struct json *json)
{
	json->text[json->length++] = '}';
	json->text[json->length++] = '\n';
}
