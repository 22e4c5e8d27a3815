/* Loading and unloading. Which call, which flags and which addresses is TypeScript's thinking; here it is done. */
#include "helper.h"

enum {
	KEXEC_FILE_UNLOAD = 1, KEXEC_FILE_ON_CRASH = 2, KEXEC_FILE_NO_INITRAMFS = 4, SEGMENTS = 16, SEGMENT_SIZE = 40,
	/* kexec_load's flags: the architecture in the upper half (include/uapi/linux/kexec.h). */
#if defined(__x86_64__)
	KEXEC_ARCH = 62 << 16,
#else
	KEXEC_ARCH = 183 << 16,
#endif
};

struct kexec_segment { const void *buffer; u64 buffer_size, memory, memory_size; };

static bool mine;
static int guard = -1;

bool loaded_mine(void) { return mine; }

/* /sys/kernel/kexec_loaded: 0, 1, or a negative errno. */
i32 kexec_loaded(void)
{
	char digit = 0;
	i64 fd = sys(openat, AT_FDCWD, "/sys/kernel/kexec_loaded", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return (i32)fd;
	i64 got = sys(read, fd, &digit, 1);
	sys(close, fd);
	return got == 1 ? digit - '0' : -EIO;
}

/* Unloads by whichever call is there. Harmless where nothing is loaded. */
i64 unload(void)
{
	i64 done = sys(kexec_file_load, -1, -1, 0, NULL, KEXEC_FILE_UNLOAD);
	if (done < 0)
		done = sys(kexec_load, 0, 0, NULL, KEXEC_ARCH);
	return done;
}

void unload_mine(void)
{
	if (mine)
		unload();
	mine = false;
	disarm_guard();
}

/*
 * A small process that unloads if this one dies without having said so: SIGKILL, or the kernel's need for memory.
 * It holds the reading end of a pipe and nothing else.
 */
static void arm_guard(void)
{
	int pipe[2];
	if (guard >= 0 || sys(pipe2, pipe, O_CLOEXEC) < 0)
		return;
	i64 pid = fork_child();
	if (pid == 0) {
		char word;
		sys(setsid);
		sys(prctl, PR_SET_NAME, "ekexec-guard");
		rank_for_oom("-1000");
		sys(dup3, pipe[0], 3, O_CLOEXEC);
		close_above(4);
		sys(close, 0), sys(close, 1), sys(close, 2);
		if (read_fully(3, &word, 1) != 1)
			unload();
		die(X_DONE);
	}
	sys(close, pipe[0]);
	if (pid < 0)
		sys(close, pipe[1]);
	else
		guard = pipe[1];
}

/* In a child that may outlive this process: its copy of the pipe must not keep the guard from noticing. */
void leave_guard(void)
{
	if (guard >= 0)
		sys(close, guard);
}

void disarm_guard(void)
{
	if (guard < 0)
		return;
	write_fully(guard, "", 1);
	sys(close, guard);
	guard = -1;
}

static void tell(const char *method, i64 failed)
{
	struct json json;
	if (failed < 0) {
		if (!mine)
			disarm_guard();
		return complain("LOAD", method, failed, -1);
	}
	mine = true;
	json_open(&json, "loaded");
	json_text(&json, "method", method);
	json_number(&json, "kexec_loaded", kexec_loaded());
	send_json(F_EVENT, 0, &json);
}

/* LOAD_FILE: kernel is file 0, initrd file 1; u32 flags, then the command line with its NUL. */
void load_file(const struct frame *frame)
{
	if (frame->length < 5 || frame->payload[frame->length - 1] != 0)
		return complain("RANGE", "kexec_file_load", 0, -1);
	u32 flags = get32(frame->payload);
	bool initrd = (flags & KEXEC_FILE_NO_INITRAMFS) == 0;
	if ((flags & (KEXEC_FILE_UNLOAD | KEXEC_FILE_ON_CRASH)) != 0)
		return complain("RANGE", "kexec_file_load", 0, -1);
	/* The kernel alone may be tried while the initrd is on its way; a real load takes sealed bytes only. */
	if (staged[0].map == NULL || (initrd && (staged[1].map == NULL || !stage_sealed())))
		return complain("ORDER", "kexec_file_load", 0, -1);
	arm_guard();
	tell("kexec_file_load", sys(kexec_file_load, staged[0].fd, initrd ? staged[1].fd : -1, frame->length - 4, frame->payload + 4, flags));
}

/* LOAD_SEGMENTS: u64 entry, u64 flags, then segments as in CONTRACT.md. */
void load_segments(const struct frame *frame)
{
	struct kexec_segment segments[SEGMENTS];
	u32 count = frame->length < 16 ? 0 : (frame->length - 16) / SEGMENT_SIZE;
	if (count == 0 || count > SEGMENTS || frame->length != 16 + count * SEGMENT_SIZE)
		return complain("RANGE", "kexec_load", 0, -1);
	if (!stage_sealed())
		return complain("ORDER", "kexec_load", 0, -1);
	for (u32 i = 0; i < count; i++) {
		const u8 *at = frame->payload + 16 + i * SEGMENT_SIZE;
		u32 file = get32(at);
		u64 offset = get64(at + 8), size = get64(at + 16);
		if (file >= FILES || staged[file].map == NULL || size > staged[file].size || offset > staged[file].size - size)
			return complain("RANGE", "kexec_load", 0, -1);
		segments[i] = (struct kexec_segment){ staged[file].map + offset, size, get64(at + 24), get64(at + 32) };
	}
	u64 flags = get64(frame->payload + 8);
	if (flags != 0)
		return complain("RANGE", "kexec_load", 0, -1);
	arm_guard();
	tell("kexec_load", sys(kexec_load, get64(frame->payload), count, segments, KEXEC_ARCH));
}
