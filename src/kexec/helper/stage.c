/*
 * Staging: kernel, initrd and whatever else kexec takes are memfds, filled part by part, checked, then sealed.
 * Nothing has a name in any file system, so nothing can be left behind.
 */
#include "helper.h"

enum { K_LITERAL = 0, K_DIGEST = 1, K_SPLICE = 2, PARTS = 4096, PART_HEAD = 56, SPLICE_STEP = 65536 };

struct part { u64 offset, size, received; u8 file, kind; bool used, whole; u8 digest[32]; };

struct staged staged[FILES];
static struct part parts[PARTS];
static bool sealed;

bool stage_sealed(void) { return sealed; }

/* An error that ends nothing: the conversation goes on, and what is staged stays. */
void complain(const char *code, const char *at, i64 error, i32 part)
{
	struct json json;
	json_open(&json, "error");
	json_text(&json, "code", code);
	json_text(&json, "at", at);
	json_number(&json, "errno", error < 0 ? -error : error);
	if (part >= 0)
		json_number(&json, "part", part);
	send_json(F_EVENT, 0, &json);
}

static void complain_size(const char *code, const char *at, u16 part, u64 expected, u64 found)
{
	struct json json;
	json_open(&json, "error");
	json_text(&json, "code", code);
	json_text(&json, "at", at);
	json_number(&json, "errno", 0);
	json_number(&json, "part", part);
	json_number(&json, "expected", (i64)expected);
	json_number(&json, "found", (i64)found);
	send_json(F_EVENT, 0, &json);
}

/* A file that is begun again is forgotten with all its parts. */
static void forget(u8 number)
{
	struct staged *file = &staged[number];
	if (file->map == NULL)
		return;
	sys(munmap, file->map, file->size);
	sys(close, file->fd);
	*file = (struct staged){ -1, 0, NULL, false, false };
	for (u32 i = 0; i < PARTS; i++)
		if (parts[i].used && parts[i].file == number)
			parts[i].used = false;
}

/* FILE: takes the memory for one file, all of it now, so that a lack of it shows before anything is sent. */
void stage_file(const struct frame *frame)
{
	static const char *const names[FILES] = { "ekexec-kernel", "ekexec-initrd", "ekexec-2", "ekexec-3" };
	if (frame->length != 8 || frame->tag >= FILES || sealed)
		return complain("ORDER", "file", 0, -1);
	forget((u8)frame->tag);
	struct staged *file = &staged[frame->tag];
	u64 size = get64(frame->payload);
	if (size == 0 || size >> 46 != 0)
		return complain("RANGE", "file", 0, -1);
	/* vm.memfd_noexec=2 allows no memfd that could be executed; kernels before 6.3 do not know the flag. */
	i64 fd = sys(memfd_create, names[frame->tag], MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd == -EINVAL)
		fd = sys(memfd_create, names[frame->tag], MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return complain("SYSTEM", "memfd_create", fd, -1);
	i64 failed = sys(ftruncate, fd, size);
	const char *at = "ftruncate";
	if (failed == 0)
		at = "fallocate", failed = sys(fallocate, fd, 0, 0, size);
	i64 map = 0;
	if (failed == 0) {
		/* Private and read-only: such a mapping shows the file's own pages and does not stand in the way of sealing. */
		at = "mmap";
		map = sys(mmap, NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
		failed = map < 0 && map > -4096 ? map : 0;
	}
	if (failed < 0) {
		sys(close, fd);
		return complain("SYSTEM", at, failed, -1);
	}
	sys(fcntl, fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK);
	file->fd = (int)fd;
	file->size = size;
	file->map = (const u8 *)map;
	/* Locked pages never go to a swap device, which may be the disk that dies; without the right to lock, go on. */
	file->locked = sys(mlock, map, size) == 0;
	struct json json;
	json_open(&json, "file");
	json_number(&json, "file", frame->tag);
	json_number(&json, "size", (i64)size);
	json_bool(&json, "locked", file->locked);
	send_json(F_EVENT, 0, &json);
}

static void whole(u16 number)
{
	struct json json;
	parts[number].whole = true;
	json_open(&json, "part");
	json_number(&json, "part", number);
	json_number(&json, "size", (i64)parts[number].size);
	send_json(F_EVENT, 0, &json);
}

/* In the child: copies the file into its place. The answer is in the exit: 0 done, 1 shorter, 2 longer, 3 see `errno`. */
static int copy_splice(const struct part *part, const char *path, i64 *error)
{
	static u8 step[SPLICE_STEP];
	struct stat status;
	/* Looked at before it is opened: opening a device or a pipe may do harm or hang. */
	i64 spot = sys(openat, AT_FDCWD, path, O_PATH | O_CLOEXEC);
	*error = spot < 0 ? spot : sys(fstat, spot, &status);
	if (*error < 0)
		return 3;
	if ((status.mode & S_IFMT) != S_IFREG) {
		*error = -EINVAL;
		return 3;
	}
	char link[32];
	i64 fd = sys(openat, AT_FDCWD, fd_path((int)spot, link), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd == -ENOENT)
		fd = sys(openat, AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		*error = fd;
		return 3;
	}
	u64 done = 0;
	while (done <= part->size) {
		i64 got = sys(read, fd, step, sizeof step);
		if (got < 0) {
			*error = got;
			return 3;
		}
		if (got == 0)
			break;
		if ((u64)got > part->size - done)
			return 2;
		i64 put = sys(pwrite64, staged[part->file].fd, step, got, part->offset + done);
		if (put != got) {
			*error = put < 0 ? put : -EIO;
			return 3;
		}
		done += (u64)got;
	}
	return done == part->size ? 0 : 1;
}

/*
 * A splice: the file is read on the target and its bytes go nowhere but into their place. A child reads it, so that
 * a disk that hangs costs a deadline and not the conversation.
 */
static void splice(u16 number, const char *path, u32 deadline)
{
	struct part *part = &parts[number];
	int pipe[2];
	i64 failed = sys(pipe2, pipe, O_CLOEXEC);
	if (failed < 0)
		return complain("SYSTEM", "pipe2", failed, number);
	i64 pid = fork_child();
	if (pid == 0) {
		sys(prctl, PR_SET_PDEATHSIG, SIGKILL);
		sys(close, 0), sys(close, 1), sys(close, 2);
		leave_guard();
		keep_close();
		i64 answer[2] = { 0, 0 };
		answer[0] = copy_splice(part, path, &answer[1]);
		write_fully(pipe[1], answer, sizeof answer);
		die(X_DONE);
	}
	sys(close, pipe[1]);
	i64 answer[2] = { 3, pid < 0 ? pid : -EIO };
	if (pid > 0) {
		u64 end = now_ms() + deadline;
		i64 ready = -EINTR;
		while (ready == -EINTR) {
			u64 now = now_ms(), left = end > now ? end - now : 0;
			struct timespec limit = { (i64)(left / 1000), (i64)(left % 1000 * 1000000) };
			struct pollfd wait = { pipe[0], POLLIN, 0 };
			ready = sys(ppoll, &wait, 1, &limit, NULL, 8);
		}
		if (ready == 0)
			answer[1] = -ETIMEDOUT;
		else if (read_fully(pipe[0], answer, sizeof answer) != sizeof answer)
			answer[0] = 3, answer[1] = -EIO;
		sys(kill, pid, SIGKILL);
		if (ready != 0)
			sys(wait4, pid, NULL, 0, NULL);
	}
	sys(close, pipe[0]);
	if (answer[0] == 0)
		return whole(number);
	part->used = false;
	if (answer[0] == 3)
		return complain("SPLICE", "splice", answer[1], number);
	complain(answer[0] == 1 ? "SPLICE_SHORTER" : "SPLICE_LONGER", "splice", 0, number);
}

/* PART: says what goes where. Literal bytes follow as DATA; a splice is copied at once. */
void stage_part(const struct frame *frame)
{
	if (frame->length < PART_HEAD || frame->tag >= PARTS || sealed || parts[frame->tag].used)
		return complain("ORDER", "part", 0, frame->tag);
	const u8 *at = frame->payload;
	u64 offset = get64(at + 8), size = get64(at + 16);
	u8 file = at[0], kind = at[1];
	u32 deadline = get32(at + 4);
	if (file >= FILES || staged[file].map == NULL || kind > K_SPLICE)
		return complain("ORDER", "part", 0, frame->tag);
	if (size > staged[file].size || offset > staged[file].size - size)
		return complain("RANGE", "part", 0, frame->tag);
	struct part *part = &parts[frame->tag];
	*part = (struct part){ offset, size, 0, file, kind, true, false, { 0 } };
	memcpy(part->digest, at + 24, 32);
	if (kind == K_SPLICE)
		return splice(frame->tag, (const char *)at + PART_HEAD, deadline);
	if (size == 0)
		whole(frame->tag);
}

static void check(u16 number)
{
	struct part *part = &parts[number];
	u8 digest[32];
	if (part->kind == K_DIGEST) {
		sha256(staged[part->file].map + part->offset, part->size, digest);
		if (memcmp(digest, part->digest, sizeof digest) != 0) {
			part->received = 0;
			return complain("DIGEST", "part", 0, number);
		}
	}
	whole(number);
}

/* DATA: the next bytes of a part. */
void stage_data(const struct frame *frame)
{
	struct part *part = frame->tag < PARTS ? &parts[frame->tag] : NULL;
	if (part == NULL || !part->used || part->kind == K_SPLICE || part->whole || sealed)
		return complain("ORDER", "data", 0, frame->tag);
	if (frame->length > part->size - part->received)
		return complain_size("RANGE", "data", frame->tag, part->size, part->received + frame->length);
	for (u32 done = 0; done < frame->length;) {
		i64 put = sys(pwrite64, staged[part->file].fd, frame->payload + done, frame->length - done, part->offset + part->received);
		if (put == -EINTR)
			continue;
		if (put <= 0)
			return complain("SYSTEM", "pwrite", put == 0 ? -EIO : put, frame->tag);
		done += (u32)put;
		part->received += (u64)put;
	}
	if (part->received == part->size)
		check(frame->tag);
}

/* SEAL: after this the bytes cannot change any more, by anyone. */
void stage_seal(void)
{
	for (u32 i = 0; i < PARTS; i++)
		if (parts[i].used && !parts[i].whole)
			return complain_size("INCOMPLETE", "seal", (u16)i, parts[i].size, parts[i].received);
	for (u32 i = 0; i < FILES; i++) {
		if (staged[i].map == NULL || staged[i].sealed)
			continue;
		i64 failed = sys(fcntl, staged[i].fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL);
		if (failed < 0)
			return complain("SYSTEM", "seal", failed, -1);
		staged[i].sealed = true;
	}
	sealed = true;
	struct json json;
	json_open(&json, "sealed");
	send_json(F_EVENT, 0, &json);
}

/* Told to a connection that takes up a staging where another one lost it. */
void stage_state(void)
{
	struct json json;
	for (u32 i = 0; i < FILES; i++) {
		if (staged[i].map == NULL)
			continue;
		json_open(&json, "held");
		json_number(&json, "file", i);
		json_number(&json, "size", (i64)staged[i].size);
		send_json(F_EVENT, 0, &json);
	}
	for (u32 i = 0; i < PARTS; i++) {
		if (!parts[i].used)
			continue;
		json_open(&json, "state");
		json_number(&json, "part", i);
		json_number(&json, "received", (i64)parts[i].received);
		json_number(&json, "size", (i64)parts[i].size);
		json_bool(&json, "whole", parts[i].whole);
		send_json(F_EVENT, 0, &json);
	}
	json_open(&json, "resumed");
	json_bool(&json, "sealed", sealed);
	json_bool(&json, "loaded", loaded_mine());
	send_json(F_EVENT, 0, &json);
}
