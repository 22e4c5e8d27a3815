/*
 * Keeping what is staged when the connection is lost, for a bounded time and only if that was asked for. The keeper
 * is this very process; it listens on an abstract socket, and a second helper hands it new standard streams.
 */
#include "helper.h"

enum { TOKEN = 32, NAME = 16, KEEP_MAX_SECONDS = 3600 };

struct address { u16 family; char path[108]; };
struct rights { struct cmsghdr head; i32 fds[2]; };

static u8 token[TOKEN];
static u32 keep_seconds;
static int listener = -1, visitor = -1;

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

/* Takes the standard streams that a visitor brings, if it is the same user and knows the whole token. */
static bool take_streams(int fd)
{
	u8 said[TOKEN];
	struct rights rights;
	u32 different = 0;
	struct iovec part = { said, sizeof said };
	struct msghdr message = { NULL, 0, &part, 1, &rights, sizeof rights, 0 };
	struct pollfd wait = { fd, POLLIN, 0 };
	struct timespec second = { 1, 0 };
	if (!same_user(fd))
		return false;
	if (sys(ppoll, &wait, 1, &second, NULL, 8) <= 0)
		return false;
	i64 got = sys(recvmsg, fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (got != TOKEN || message.control_length < sizeof rights || rights.head.type != SCM_RIGHTS || rights.head.level != SOL_SOCKET)
		return false;
	for (u32 i = 0; i < TOKEN; i++)
		different |= (u32)(said[i] ^ token[i]);
	if (different == 0) {
		sys(dup3, rights.fds[0], 0, 0);
		sys(dup3, rights.fds[1], 1, 0);
	}
	sys(close, rights.fds[0]);
	sys(close, rights.fds[1]);
	return different == 0;
}

/* The connection is gone. True: another one took it up. False: the time is over, or keeping was never asked for. */
bool keep_wait(void)
{
	if (listener < 0 || keep_seconds == 0)
		return false;
	u64 end = now_ms() + (u64)keep_seconds * 1000;
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
	for (u64 now = now_ms(); now < end; now = now_ms()) {
		struct timespec limit = { (i64)((end - now) / 1000), (i64)((end - now) % 1000 * 1000000) };
		struct pollfd wait[2] = { { listener, POLLIN, 0 }, { signals_fd(), POLLIN, 0 } };
		if (sys(ppoll, wait, 2, &limit, NULL, 8) <= 0)
			continue;
		if (wait[1].revents & POLLIN) {
			/* A hangup is what losing a connection may look like; the others mean to end it. */
			if (signal_taken() != SIGHUP)
				return false;
			continue;
		}
		i64 fd = sys(accept4, listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		if (take_streams((int)fd)) {
			visitor = (int)fd;
			return true;
		}
		sys(close, fd);
	}
	return false;
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
	struct { u32 length; u16 type, tag; u8 token[TOKEN]; } frame;
	struct address address;
	u8 code = X_FAILED;
	/* No byte more than this frame is read: what follows belongs to the keeper. */
	if (read_fully(0, &frame, sizeof frame) != sizeof frame || frame.type != F_TOKEN || frame.length != TOKEN)
		return X_FRAMES;
	struct rights rights = { { sizeof rights, SOL_SOCKET, SCM_RIGHTS }, { 0, 1 } };
	struct iovec part = { frame.token, TOKEN };
	struct msghdr message = { NULL, 0, &part, 1, &rights, sizeof rights, 0 };
	i64 fd = sys(socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	u32 length = make_address(&address, frame.token);
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
