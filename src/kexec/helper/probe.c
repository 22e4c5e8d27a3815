/*
 * Probing: the sources that TypeScript named are read by a few workers (child processes). A worker that gets stuck
 * on a dead disk is killed, or abandoned where the kernel cannot kill it, and another one takes the next source.
 */
#include "helper.h"
#include "sources.h"

enum {
	WORKERS = 4,
	/* What one probe may ask for: a host with a thousand disks stays far below. */
	SOURCES_MAX = 2048,
	ARGUMENTS_MAX = 262144,
	/* Workers that hang in the kernel hold memory; a host with more dead sources than this is told so. */
	ABANDONED_MAX = 64,
	DEADLINE_MAX_MS = 60000,
};

struct worker { i32 pid; int fd; i32 source; u64 start, blocked; };

static struct source sources[SOURCES_MAX];
static u32 source_count, arguments_used;
static u8 arguments[ARGUMENTS_MAX];
static struct worker workers[WORKERS];
static u32 abandoned;

/* Takes a SOURCE frame; answers what is wrong with it, or NULL. */
const char *probe_add(const struct frame *frame)
{
	u32 argument = frame->length - SOURCE_HEAD;
	if (frame->length < SOURCE_HEAD)
		return "source too short";
	if (source_count == SOURCES_MAX || argument + 1 > ARGUMENTS_MAX - arguments_used)
		return "too many sources";
	struct source *source = &sources[source_count];
	source->tag = frame->tag;
	source->op = frame->payload[0];
	source->flags = frame->payload[1];
	source->items = get16(frame->payload + 2);
	source->deadline = get32(frame->payload + 4);
	source->cap = get32(frame->payload + 8);
	source->argument = arguments + arguments_used;
	source->length = argument;
	if (source->op >= OPS)
		return "unknown kind of source";
	if (source->deadline == 0 || source->deadline > DEADLINE_MAX_MS)
		return "deadline of a source out of range";
	if (source->cap > READ_MAX)
		return "cap of a source out of range";
	memcpy(arguments + arguments_used, frame->payload + SOURCE_HEAD, argument);
	arguments[arguments_used + argument] = 0;
	arguments_used += argument + 1;
	source_count++;
	return NULL;
}

static bool start_worker(struct worker *worker)
{
	int pair[2];
	if (sys(socketpair, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	i64 pid = fork_child();
	if (pid == 0) {
		/* A worker that hangs must hold nothing that somebody waits for: not even the standard output. */
		sys(prctl, PR_SET_PDEATHSIG, SIGKILL);
		sys(dup3, pair[1], 3, O_CLOEXEC);
		close_above(4);
		sys(close, 0), sys(close, 1), sys(close, 2);
		for (;;) {
			u16 index;
			if (read_fully(3, &index, sizeof index) != sizeof index || index >= source_count)
				die(X_DONE);
			serve_source(&sources[index], 3);
		}
	}
	sys(close, pair[1]);
	if (pid < 0) {
		sys(close, pair[0]);
		return false;
	}
	*worker = (struct worker){ (i32)pid, pair[0], -1, 0, 0 };
	return true;
}

static void stop_worker(struct worker *worker)
{
	/* kill(0) and kill(-1) would reach far more than a worker. */
	if (worker->pid > 0) {
		sys(kill, worker->pid, SIGKILL);
		sys(close, worker->fd);
	}
	worker->pid = 0;
	worker->source = -1;
}

static bool send_end(const struct source *source, u32 error, u32 state)
{
	u32 end[2] = { error, state };
	return send_frame(F_END, source->tag, end, sizeof end);
}

/* Hands every idle worker its next source; starts workers where there are too few. */
static bool assign(u32 *next)
{
	for (u32 i = 0; i < WORKERS && *next < source_count; i++) {
		struct worker *worker = &workers[i];
		if (worker->source >= 0)
			continue;
		if (worker->pid == 0 && (abandoned >= ABANDONED_MAX || !start_worker(worker)))
			continue;
		u16 index = (u16)*next;
		if (write_fully(worker->fd, &index, sizeof index) != sizeof index) {
			stop_worker(worker);
			abandoned++;
			continue;
		}
		worker->source = (i32)(*next)++;
		worker->start = now_ms();
		worker->blocked = blocked_ms();
	}
	return true;
}

static u64 deadline_of(const struct worker *worker)
{
	/* Time in which the operator's side took nothing is not the source's. */
	return worker->start + sources[worker->source].deadline + (blocked_ms() - worker->blocked);
}

/* Runs all sources given so far. False: nobody reads any more. */
bool probe_run(void)
{
	static struct frame frame;
	u32 next = 0, done = 0;
	bool alive = true;
	abandoned = 0;
	for (u32 i = 0; i < WORKERS; i++)
		workers[i] = (struct worker){ 0, -1, -1, 0, 0 };
	while (alive && done < source_count) {
		assign(&next);
		struct pollfd fds[WORKERS + 2];
		u64 first = 0;
		u32 busy = 0;
		for (u32 i = 0; i < WORKERS; i++) {
			fds[i] = (struct pollfd){ workers[i].source >= 0 ? workers[i].fd : -1, POLLIN, 0 };
			if (workers[i].source < 0)
				continue;
			busy++;
			if (first == 0 || deadline_of(&workers[i]) < first)
				first = deadline_of(&workers[i]);
		}
		if (busy == 0) {
			/* No worker can be had any more: what is left is told as not read. */
			for (; alive && next < source_count; next++, done++)
				alive = send_end(&sources[next], EAGAIN, S_TIMED_OUT);
			break;
		}
		fds[WORKERS] = (struct pollfd){ 1, 0, 0 };
		fds[WORKERS + 1] = (struct pollfd){ signals_fd(), POLLIN, 0 };
		u64 now = now_ms(), left = first > now ? first - now : 0;
		struct timespec limit = { (i64)(left / 1000), (i64)(left % 1000 * 1000000) };
		i64 ready = sys(ppoll, fds, WORKERS + 2, &limit, NULL, 8);
		if (ready < 0 && ready != -EINTR)
			break;
		if ((fds[WORKERS].revents & (POLLERR | POLLHUP | POLLNVAL)) || (fds[WORKERS + 1].revents & POLLIN))
			alive = false;
		for (u32 i = 0; alive && i < WORKERS; i++) {
			struct worker *worker = &workers[i];
			if (worker->source < 0)
				continue;
			const struct source *source = &sources[worker->source];
			if (ready > 0 && fds[i].revents != 0) {
				i64 got = sys(read, worker->fd, &frame, FRAME_HEAD + FRAME_MAX);
				if (got < FRAME_HEAD || (u64)got != FRAME_HEAD + (u64)frame.length) {
					stop_worker(worker);
					alive = send_end(source, EIO, S_CUT);
					done++;
				} else {
					if (frame.type == F_END) {
						worker->source = -1;
						done++;
					}
					alive = send_raw(&frame, (u32)got);
				}
			} else if (now_ms() >= deadline_of(worker)) {
				stop_worker(worker);
				abandoned++;
				alive = send_end(source, ETIMEDOUT, S_TIMED_OUT);
				done++;
			}
		}
	}
	for (u32 i = 0; i < WORKERS; i++)
		if (workers[i].pid != 0)
			stop_worker(&workers[i]);
	/* Those that can be reaped are reaped; one that hangs in the kernel is left to it. */
	while (sys(wait4, -1, NULL, WNOHANG, NULL) > 0)
		;
	source_count = arguments_used = 0;
	if (!alive)
		return false;
	struct json json;
	json_open(&json, "probed");
	json_number(&json, "sources", done);
	json_number(&json, "abandoned", abandoned);
	return send_json(F_EVENT, 0, &json);
}
