/* Frames on standard input and output: length, type, tag, payload. */
#include "helper.h"

static int signals = -1;
static u64 blocked;

/* Milliseconds spent so far waiting for the reader of standard output: no source is to blame for them. */
u64 blocked_ms(void) { return blocked; }

/*
 * Writes in steps that a pipe with any room takes whole (PIPE_BUF), so that a reader who takes nothing holds this process
 * neither for ever nor against a signal.
 */
bool send_raw(const void *frame, u32 length)
{
	u64 start = now_ms();
	u32 done = 0;
	while (done < length) {
		struct pollfd fds[2] = { { 1, POLLOUT, 0 }, { signals, POLLIN, 0 } };
		struct timespec limit = { IDLE_MS / 1000, 0 };
		i64 ready = sys(ppoll, fds, 2, &limit, NULL, 8);
		if (ready == -EINTR)
			continue;
		if (ready <= 0 || (fds[1].revents & POLLIN))
			break;
		u32 step = length - done < PIPE_BUF ? length - done : PIPE_BUF;
		i64 put = sys(write, 1, (const u8 *)frame + done, step);
		if (put == -EINTR || put == -EAGAIN)
			continue;
		if (put <= 0)
			break;
		done += (u32)put;
	}
	blocked += now_ms() - start;
	return done == length;
}

bool send_frame(u16 type, u16 tag, const void *payload, u32 length)
{
	static struct frame out;
	out.length = length;
	out.type = type;
	out.tag = tag;
	memcpy(out.payload, payload, length);
	return send_raw(&out, FRAME_HEAD + length);
}

bool send_json(u16 type, u16 tag, struct json *json)
{
	json_close(json);
	return send_frame(type, tag, json->text, json->length);
}

/* What a login shell prints comes before; the reader looks for these 16 bytes and forgets the rest. */
bool send_preamble(const char *command, bool resumed)
{
	static const char magic[16] = { 0, 'e', 'k', 'e', 'x', 'e', 'c', '-', 'h', 'e', 'l', 'p', 'e', 'r', 0, CONTRACT };
	struct json json;
	if (!send_raw(magic, sizeof magic))
		return false;
	json_open(&json, NULL);
	json_number(&json, "contract", CONTRACT);
	json_text(&json, "arch", ARCH);
	json_text(&json, "command", command);
	json_bool(&json, "resumed", resumed);
	json_number(&json, "pid", sys(getpid));
	json_number(&json, "uid", sys(geteuid));
	return send_json(F_HELLO, 0, &json);
}

/*
 * SIGHUP, SIGINT and SIGTERM become something to read beside standard input, so that they mean "abort, leave
 * nothing" at every point; SIGPIPE and SIGXFSZ become the errno of the call.
 */
void catch_signals(void)
{
	struct { u64 handler, flags, restorer, mask; } ignore = { SIG_IGN, 0, 0, 0 };
	u64 mask = 1ul << (SIGHUP - 1) | 1ul << (SIGINT - 1) | 1ul << (SIGTERM - 1);
	sys(rt_sigaction, SIGPIPE, &ignore, NULL, 8);
	sys(rt_sigaction, SIGXFSZ, &ignore, NULL, 8);
	sys(rt_sigprocmask, SIG_BLOCK, &mask, NULL, 8);
	signals = (int)sys(signalfd4, -1, &mask, 8, O_CLOEXEC);
}

int signals_fd(void) { return signals; }

/* Number of the signal that came in, taken from the queue; 0: none. */
u32 signal_taken(void)
{
	/* struct signalfd_siginfo begins with its number. */
	u32 info[32];
	struct pollfd wait = { signals, POLLIN, 0 };
	struct timespec now = { 0, 0 };
	if (sys(ppoll, &wait, 1, &now, NULL, 8) != 1 || sys(read, signals, info, sizeof info) != sizeof info)
		return 0;
	return info[0];
}

/* Waits for bytes on standard input until `deadline` (0: for ever). */
static enum received wait_input(u64 deadline)
{
	for (;;) {
		struct pollfd fds[2] = { { 0, POLLIN, 0 }, { signals, POLLIN, 0 } };
		u64 now = now_ms(), left = deadline > now ? deadline - now : 0;
		struct timespec limit = { (i64)(left / 1000), (i64)(left % 1000 * 1000000) };
		i64 ready = sys(ppoll, fds, 2, deadline == 0 ? NULL : &limit, NULL, 8);
		if (ready == -EINTR)
			continue;
		if (ready < 0)
			return R_BAD;
		if (ready == 0)
			return R_LATE;
		if (fds[1].revents & POLLIN) {
			/* Taken, so that the answer to it can be written. */
			signal_taken();
			return R_SIGNAL;
		}
		return R_FRAME;
	}
}

static enum received receive(void *to, usize length, u64 deadline, bool start)
{
	usize have = 0;
	while (have < length) {
		enum received waited = wait_input(deadline);
		if (waited != R_FRAME)
			return waited;
		i64 got = sys(read, 0, (u8 *)to + have, length - have);
		if (got == -EINTR || got == -EAGAIN)
			continue;
		if (got <= 0)
			return start && have == 0 ? R_END : R_BAD;
		have += (usize)got;
	}
	return R_FRAME;
}

/* The next whole frame. R_END: input ended between frames. R_BAD: it ended inside one, or the head is no head. */
enum received receive_frame(struct frame *frame, u64 deadline)
{
	enum received head = receive(frame, FRAME_HEAD, deadline, true);
	if (head != R_FRAME)
		return head;
	if (frame->length > FRAME_MAX)
		return R_BAD;
	/* Paths at the end of a payload are used as C strings. */
	frame->payload[frame->length] = 0;
	return receive(frame->payload, frame->length, deadline, false);
}
