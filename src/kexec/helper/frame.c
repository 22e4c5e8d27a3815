/* Frames on standard input and output: length, type, tag, payload. */
#include "helper.h"

static int signals = -1;
static u64 blocked;

/*
 * Waits until `fd` is ready for `events`, as R_FRAME, or until `deadline`. The door is minded meanwhile: R_TAKEN once
 * somebody stands there who takes the conversation over, and again each time until the streams are theirs, so that the
 * old ones neither give nor get another word.
 */
enum received wait_for(int fd, u16 events, u64 deadline)
{
	for (;;) {
		struct pollfd fds[2 + DOOR] = { { fd, events, 0 }, { signals, POLLIN, 0 } };
		if (keep_taken())
			return R_TAKEN;
		keep_watch(fds + 2);
		u64 now = now_ms(), left = deadline > now ? deadline - now : 0;
		struct timespec limit = { (i64)(left / 1000), (i64)(left % 1000 * 1000000) };
		i64 ready = sys(ppoll, fds, LENGTH(fds), &limit, NULL, 8);
		if (ready == -EINTR)
			continue;
		if (ready < 0)
			return R_BAD;
		if (fds[1].revents & POLLIN)
			return R_SIGNAL;
		keep_answer(fds + 2);
		if (keep_taken())
			return R_TAKEN;
		if (fds[0].revents != 0)
			return R_FRAME;
		/* Asked after what is ready: strangers who knock without end do not stretch the time. */
		if (ready == 0 || now_ms() >= deadline)
			return R_LATE;
	}
}

/* Milliseconds spent so far waiting for the reader of standard output: no source is to blame for them. */
u64 blocked_ms(void) { return blocked; }

/*
 * Writes in steps that a pipe with any room takes whole (PIPE_BUF), so that a reader who takes nothing holds this process
 * neither for ever nor against a signal, nor against somebody who takes the conversation over.
 */
bool send_raw(const void *frame, u32 length)
{
	u64 start = now_ms();
	u32 done = 0;
	while (done < length) {
		if (wait_for(1, POLLOUT, now_ms() + IDLE_MS) != R_FRAME)
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

/* From now on a hangup means nothing. It stays blocked, and is no longer to be read. */
void forget_hangups(void)
{
	u64 mask = 1ul << (SIGINT - 1) | 1ul << (SIGTERM - 1);
	sys(signalfd4, signals, &mask, 8, O_CLOEXEC);
}

int signals_fd(void) { return signals; }

/* Takes the signal that came in from the queue. */
static void signal_taken(void)
{
	/* struct signalfd_siginfo */
	u8 info[128];
	sys(read, signals, info, sizeof info);
}

static enum received receive(void *to, usize length, u64 deadline, bool start)
{
	usize have = 0;
	while (have < length) {
		enum received waited = wait_for(0, POLLIN, deadline);
		/* Taken, so that the answer to it can be written. */
		if (waited == R_SIGNAL)
			signal_taken();
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

/* The next whole frame. R_END: input ended between frames. R_BAD: it ended inside one, or the head is no head. R_TAKEN: see wait_for. */
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
