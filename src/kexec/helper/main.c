/* The conversation: frames in, frames out, and nothing left behind whichever way it ends. */
#include "helper.h"

static struct frame frame;

static int finish(int code)
{
	/* Staged memory goes with the process. */
	unload_mine();
	keep_exit(code);
	return code;
}

static int fail(const char *code, int exit)
{
	complain(code, "conversation", 0, -1);
	return finish(exit);
}

/* The connection is gone; true once another one has taken the conversation up. */
static bool taken_up(void)
{
	while (keep_wait())
		if (send_preamble("run", true)) {
			stage_state();
			return true;
		}
	return false;
}

static int converse(bool may_change)
{
	for (;;) {
		const char *wrong;
		enum received received = receive_frame(&frame, now_ms() + IDLE_MS);
		if (received == R_SIGNAL)
			return fail("SIGNAL", X_FAILED);
		if (received == R_LATE)
			return fail("IDLE", X_FAILED);
		if (received != R_FRAME) {
			/* A lost connection: input that ends or breaks off, or another connection that takes the conversation over. */
			if (may_change && taken_up())
				continue;
			return received == R_END ? finish(may_change ? X_FAILED : X_DONE) : fail("FRAMES", X_FRAMES);
		}
		switch (frame.type) {
		case F_SOURCE:
			wrong = probe_add(&frame);
			if (wrong != NULL)
				return fail("FRAMES", X_FRAMES);
			continue;
		case F_PROBE:
			if (!probe_run() && !(may_change && taken_up()))
				return finish(X_FAILED);
			continue;
		case F_ALIVE:
			if (frame.tag != 0) {
				struct json json;
				json_open(&json, "alive");
				json_number(&json, "tag", frame.tag);
				send_json(F_EVENT, 0, &json);
			}
			continue;
		case F_ABORT: {
			struct json json;
			unload_mine();
			json_open(&json, "aborted");
			json_number(&json, "kexec_loaded", kexec_loaded());
			send_json(F_EVENT, 0, &json);
			return finish(X_DONE);
		}
		}
		if (!may_change)
			return fail("FRAMES", X_FRAMES);
		switch (frame.type) {
		case F_KEEP:
			if (frame.length != 4)
				return fail("FRAMES", X_FRAMES);
			keep_start(get32(frame.payload));
			break;
		case F_FILE: stage_file(&frame); break;
		case F_PART: stage_part(&frame); break;
		case F_DATA: stage_data(&frame); break;
		case F_SEAL: stage_seal(); break;
		case F_LOAD_FILE: load_file(&frame); break;
		case F_LOAD_SEGMENTS: load_segments(&frame); break;
		case F_UNLOAD: {
			struct json json;
			unload_mine();
			json_open(&json, "unloaded");
			json_number(&json, "kexec_loaded", kexec_loaded());
			send_json(F_EVENT, 0, &json);
			break;
		}
		case F_GO:
			if (jump(&frame)) {
				keep_exit(X_DONE);
				return X_DONE;
			}
			break;
		default: return fail("FRAMES", X_FRAMES);
		}
	}
}

static void print(struct json *json)
{
	json_close(json);
	write_fully(1, json->text, json->length);
}

/* --once: the uploaded file goes as soon as it runs, so that no loss of the connection can leave it behind. */
static void forget_file(const char *called)
{
	static char path[PATH_MAX];
	i64 length = sys(readlinkat, AT_FDCWD, "/proc/self/exe", path, sizeof path - 1);
	sys(unlinkat, AT_FDCWD, length > 0 ? path : called, 0);
}

static int start(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	struct json json;
	json_open(&json, NULL);
	if (argc == 2 && same(command, "version")) {
		json_text(&json, "helper", "ekexec");
		json_number(&json, "contract", CONTRACT);
		json_text(&json, "arch", ARCH);
		print(&json);
		return X_DONE;
	}
	if (argc == 2 && same(command, "unload")) {
		i64 done = unload();
		json_number(&json, "errno", -done);
		json_number(&json, "kexec_loaded", kexec_loaded());
		print(&json);
		return done < 0 ? X_FAILED : X_DONE;
	}
	bool once = argc == 3 && same(argv[2], "--once"), run = same(command, "run");
	if ((argc == 2 || once) && (run || same(command, "probe") || same(command, "resume"))) {
		catch_signals();
		if (once)
			forget_file(argv[0]);
		if (same(command, "resume"))
			return keep_resume();
		if (run) {
			/* Host keys pass through; and pages of this program may lie on the disk that dies. */
			sys(prctl, PR_SET_DUMPABLE, 0);
			sys(mlockall, MCL_CURRENT);
			/* If memory runs out, this is what must go, and not the services of the target. */
			rank_for_oom("1000");
			sys(setsid);
		}
		if (!send_preamble(command, false))
			return X_FAILED;
		return converse(run);
	}
	static const char usage[] = "usage: helper version | unload | probe [--once] | run [--once] | resume [--once]\n";
	write_fully(2, usage, sizeof usage - 1);
	return X_USAGE;
}

__attribute__((used)) void begin(u64 *stack)
{
	sys(chdir, "/");
	die(start((int)stack[0], (char **)(stack + 1)));
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl begin\n");
#endif
