/* The jump: answer, let the answer arrive, then leave for the loaded kernel. */
#include "helper.h"

enum { VIA_REBOOT = 0, VIA_SYSTEMD = 1, VIA_NOTHING = 2, GO_SIZE = 16, X_OK = 1 };

static const char *const systemctl[] = { "/usr/bin/systemctl", "/bin/systemctl", "/run/current-system/sw/bin/systemctl" };

/* The last words of a jump that failed go to the kernel's log: nobody else listens any more. */
static void lament(const char *what)
{
	i64 fd = sys(openat, AT_FDCWD, "/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		write_fully((int)fd, what, strlen(what));
}

/* sync() in a child: a dead disk holds the child and not the jump. */
static void sync_within(u32 deadline)
{
	i64 pid = fork_child();
	if (pid == 0) {
		sys(sync);
		die(X_DONE);
	}
	for (u64 end = now_ms() + deadline; pid > 0 && now_ms() < end; nap_ms(20))
		if (sys(wait4, pid, NULL, WNOHANG, NULL) == pid)
			return;
}

/* GO. True: the jump is under way and this process has nothing left to do. */
bool jump(const struct frame *frame)
{
	static struct frame answer;
	const char *program = NULL;
	if (frame->length != GO_SIZE || frame->payload[0] > VIA_NOTHING) {
		complain("RANGE", "go", 0, -1);
		return false;
	}
	if (!loaded_mine() || kexec_loaded() == 0) {
		complain("ORDER", "go", 0, -1);
		return false;
	}
	u8 via = frame->payload[0];
	u32 answered = get32(frame->payload + 4), drain = get32(frame->payload + 8), sync = get32(frame->payload + 12);
	if (via == VIA_SYSTEMD) {
		for (u32 i = 0; program == NULL && i < LENGTH(systemctl); i++)
			if (sys(faccessat, AT_FDCWD, systemctl[i], X_OK) == 0)
				program = systemctl[i];
		if (program == NULL) {
			complain("SYSTEM", "systemctl", -ENOENT, -1);
			return false;
		}
	}
	struct json json;
	json_open(&json, "going");
	send_json(F_EVENT, 0, &json);
	/* The other side says that it has read this, closes, or comes anew; if nothing comes, its order stands all the same. */
	receive_frame(&answer, now_ms() + answered);
	if (via == VIA_NOTHING) {
		/* The kernel stays loaded for whoever reboots into it: no guard may unload it. */
		disarm_guard();
		return true;
	}
	i64 pid = fork_child();
	if (pid < 0) {
		complain("SYSTEM", "fork", pid, -1);
		return false;
	}
	if (pid > 0)
		return true;
	/* Own session, no terminal, and nothing held that the transport would wait for. */
	sys(setsid);
	sys(prctl, PR_SET_NAME, "ekexec-jump");
	rank_for_oom("-1000");
	sys(close, 0), sys(close, 1), sys(close, 2);
	keep_close();
	nap_ms(drain);
	if (sync != 0)
		sync_within(sync);
	if (program != NULL) {
		const char *words[] = { program, "kexec", NULL }, *environment[] = { "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
		u64 none = 0;
		/* systemd has the kernel now: no guard may unload it under its hands. */
		disarm_guard();
		sys(rt_sigprocmask, 2 /* SIG_SETMASK */, &none, NULL, 8);
		sys(execve, program, words, environment);
		lament("<3>ekexec: systemctl could not be executed; unloading\n");
	} else {
		sys(reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
		lament("<3>ekexec: reboot into the loaded kernel was refused; unloading\n");
	}
	unload();
	disarm_guard();
	die(X_FAILED);
}
