/*
 * Keeping what is staged when the connection is lost, for a bounded time and only if that was asked for. The keeper
 * is this very process; it listens on an abstract socket, and a second helper hands it new standard streams. It need not
 * have noticed the loss: a line that dies without a word is known to be dead by whoever comes over another one.
 */
#include "helper.h"

enum { TOKEN = 32, NAME = 16, KEEP_MAX_SECONDS = 3600 };

struct address { u16 family; char path[108]; };
struct rights { struct cmsghdr head; i32 fds[2]; };

static u8 token[TOKEN];
static u32 keep_seconds;
/* Who knocked and is to say who it is; who has the conversation; and who is to have it next, with its streams. */
static int listener = -1, caller = -1, visitor = -1;
static struct guest { int fd, in, out; } next = { -1, -1, -1 };

static u32 make_address(struct address *address, const u8 *name)
{
	static const char hex[] = "0123456789abcdef";
	*address = (struct address){ AF_UNIX, "\0ekexec-" };
	for (u32 i = 0; i < NAME; i++) {
		address->path[8 + 2 * i] = hex[name[i] >> 4];
		address->path[9 + 2 * i] = hex[name[i] & 15];
	}
	return 2 + 8 + 2 * NAME;
}

/* KEEP: from now on a lost connection is waited for. Answers the token that takes the staging up again. */
bool keep_start(u32 seconds)
{
	static const char hex[] = "0123456789abcdef";
	struct address address;
	struct json json;
	char shown[2 * TOKEN + 1];
	if (seconds > KEEP_MAX_SECONDS) {
		complain("RANGE", "keep", 0, -1);
		return true;
	}
	if (listener < 0) {
		if (sys(getrandom, token, sizeof token, 0) != (i64)sizeof token) {
			complain("SYSTEM", "getrandom", -EIO, -1);
			return true;
		}
		i64 fd = sys(socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		u32 length = make_address(&address, token);
		i64 failed = fd < 0 ? fd : sys(bind, fd, &address, length);
		if (failed == 0)
			failed = sys(listen, fd, 1);
		if (failed < 0) {
			complain("SYSTEM", "keep", failed, -1);
			return true;
		}
		listener = (int)fd;
	}
	keep_seconds = seconds;
	/* The end of input says the same, and of the connection that has the conversation then. */
	forget_hangups();
	for (u32 i = 0; i < TOKEN; i++) {
		shown[2 * i] = hex[token[i] >> 4];
		shown[2 * i + 1] = hex[token[i] & 15];
	}
	shown[2 * TOKEN] = 0;
	json_open(&json, "keeping");
	json_number(&json, "seconds", seconds);
	json_text(&json, "token", shown);
	return send_json(F_EVENT, 0, &json);
}

/* Whether the other end is a process of the same user: of a listener it is whoever called listen(). */
static bool same_user(int fd)
{
	struct ucred who;
	u32 size = sizeof who;
	return sys(getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.uid == (u32)sys(geteuid);
}

/* What is to be polled for visitors: the listener, and whoever came and has said nothing yet. */
void keep_watch(struct pollfd door[DOOR])
{
	bool open = listener >= 0 && keep_seconds != 0;
	door[0] = (struct pollfd){ open ? listener : -1, POLLIN, 0 };
	door[1] = (struct pollfd){ open ? caller : -1, POLLIN, 0 };
}

/* Hears the caller out. What is brought counts only from one that knows the whole token. */
static void hear(void)
{
	u8 said[TOKEN];
	struct rights rights = { { 0, 0, 0 }, { -1, -1 } };
	u32 different = 0;
	struct iovec part = { said, sizeof said };
	struct msghdr message = { NULL, 0, &part, 1, &rights, sizeof rights, 0 };
	i64 got = sys(recvmsg, caller, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	bool whole = got == TOKEN && rights.head.length == sizeof rights && rights.head.type == SCM_RIGHTS && rights.head.level == SOL_SOCKET;
	for (u32 i = 0; whole && i < TOKEN; i++)
		different |= (u32)(said[i] ^ token[i]);
	if (whole && different == 0) {
		next = (struct guest){ caller, rights.fds[0], rights.fds[1] };
	} else {
		sys(close, rights.fds[0]), sys(close, rights.fds[1]);
		sys(close, caller);
	}
	caller = -1;
}

/* Nobody is waited for here, so that a caller who is silent or wrong costs the conversation nothing. */
void keep_answer(const struct pollfd door[DOOR])
{
	if (door[1].revents != 0)
		hear();
	if (door[0].revents == 0 || keep_taken())
		return;
	i64 fd = sys(accept4, listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (!same_user((int)fd)) {
		sys(close, fd);
		return;
	}
	/* One who came before and still says nothing makes room. */
	if (caller >= 0)
		sys(close, caller);
	caller = (int)fd;
}

/* Somebody who may do so has brought streams for this conversation, which are not in use yet. */
bool keep_taken(void) { return next.fd >= 0; }

/*
 * The connection is gone, or another one stands at the door already. True: that one has the conversation now, and the
 * old streams are closed. False: the time is over, somebody ended it, or keeping was never asked for.
 */
bool keep_wait(void)
{
	if (listener < 0 || keep_seconds == 0)
		return false;
	/* The lost streams are let go, so that whoever holds their other ends can end. */
	i64 nothing = sys(openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		if (nothing < 0 || sys(dup3, nothing, fd, 0) < 0)
			sys(close, fd);
	if (nothing > 2)
		sys(close, nothing);
	if (visitor >= 0)
		sys(close, visitor);
	visitor = -1;
	if (wait_for(-1, 0, now_ms() + (u64)keep_seconds * 1000) != R_TAKEN)
		return false;
	sys(dup3, next.in, 0, 0);
	sys(dup3, next.out, 1, 0);
	sys(close, next.in), sys(close, next.out);
	visitor = next.fd;
	next.fd = -1;
	return true;
}

/* In a child that outlives the conversation: nobody is to wait at its copy of the door, nor for its copies of streams. */
void keep_close(void)
{
	sys(close, listener), sys(close, caller), sys(close, visitor);
	if (keep_taken())
		sys(close, next.fd), sys(close, next.in), sys(close, next.out);
}

/* The visitor ends with the keeper's exit code. */
void keep_exit(int code)
{
	u8 byte = (u8)code;
	if (visitor >= 0)
		sys(sendto, visitor, &byte, 1, MSG_NOSIGNAL, NULL, 0);
}

/* `resume`: reads the TOKEN frame, hands the streams to the keeper, and stays until the keeper ends. */
int keep_resume(void)
{
	static struct frame frame;
	struct address address;
	u8 code = X_FAILED;
	/* No byte more than this frame is read: what follows belongs to the keeper. */
	enum received received = receive_frame(&frame, now_ms() + IDLE_MS);
	if (received == R_SIGNAL || received == R_LATE)
		return X_FAILED;
	if (received != R_FRAME || frame.type != F_TOKEN || frame.length != TOKEN)
		return X_FRAMES;
	struct rights rights = { { sizeof rights, SOL_SOCKET, SCM_RIGHTS }, { 0, 1 } };
	struct iovec part = { frame.payload, TOKEN };
	struct msghdr message = { NULL, 0, &part, 1, &rights, sizeof rights, 0 };
	i64 fd = sys(socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	u32 length = make_address(&address, frame.payload);
	i64 failed = fd < 0 ? fd : sys(connect, fd, &address, length);
	/* The name can be seen in /proc/net/unix: once the keeper is gone anybody could take it, and be handed these streams. */
	if (failed == 0 && !same_user((int)fd))
		failed = -EACCES;
	if (failed == 0)
		failed = sys(sendmsg, fd, &message, MSG_NOSIGNAL);
	if (failed < 0) {
		send_preamble("resume", false);
		complain("NOT_KEPT", "resume", failed, -1);
		return X_FAILED;
	}
	sys(close, 0), sys(close, 1);
	return sys(read, fd, &code, 1) == 1 ? code : X_FAILED;
}
