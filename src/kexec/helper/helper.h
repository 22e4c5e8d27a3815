/* What the parts of the helper share. The wire format is told in CONTRACT.md; the numbers here are the same. */
#ifndef EKEXEC_HELPER_H
#define EKEXEC_HELPER_H
#include "sys.h"

enum {
	CONTRACT = 1, FRAME_HEAD = 8, FRAME_MAX = 65536,
	/* A peer that says or takes nothing for this long is gone, whatever the transport believes. Clients send ALIVE far more often. */
	IDLE_MS = 600000,
};

/* Frames that come in. */
enum {
	F_SOURCE = 1, F_PROBE = 2, F_KEEP = 3, F_FILE = 4, F_PART = 5, F_DATA = 6, F_SEAL = 7, F_LOAD_FILE = 8,
	F_LOAD_SEGMENTS = 9, F_UNLOAD = 10, F_GO = 11, F_ABORT = 12, F_RECEIVED = 13, F_TOKEN = 14, F_ALIVE = 15,
};
/* Frames that go out. */
enum { F_HELLO = 64, F_ITEM = 65, F_BYTES = 66, F_END = 67, F_EVENT = 68 };

/* State of an item or a source. */
enum { S_WHOLE = 0, S_CUT = 1, S_TIMED_OUT = 2, S_REFUSED = 3, S_UNSTABLE = 4 };

/* Exit codes, all told in CONTRACT.md. */
enum { X_DONE = 0, X_USAGE = 2, X_FAILED = 4, X_FRAMES = 65 };

struct frame { u32 length; u16 type, tag; u8 payload[FRAME_MAX + 1]; };
_Static_assert(__builtin_offsetof(struct frame, payload) == FRAME_HEAD, "a frame is its head and its payload");

/* base.c */
void *memcpy(void *to, const void *from, usize length);
void *memmove(void *to, const void *from, usize length);
void *memset(void *to, int byte, usize length);
int memcmp(const void *a, const void *b, usize length);
usize strlen(const char *text);
bool same(const char *a, const char *b);
u64 now_ms(void);
void nap_ms(u64 ms);
i64 fork_child(void);
i64 read_fully(int fd, void *to, usize length);
i64 write_fully(int fd, const void *from, usize length);
void close_above(int lowest);
void die(int code) __attribute__((noreturn));
void rank_for_oom(const char *score);
/* "/proc/self/fd/N" in a buffer of at least 32 bytes. */
char *fd_path(int fd, char *buffer);

/* JSON, written piece by piece into a buffer of fixed size. Texts are the helper's own or escaped. */
struct json { u32 length; bool more; char text[4096]; };
void json_open(struct json *json, const char *event);
void json_number(struct json *json, const char *key, i64 value);
void json_text(struct json *json, const char *key, const char *value);
void json_bool(struct json *json, const char *key, bool value);
void json_close(struct json *json);

/* frame.c */
bool send_frame(u16 type, u16 tag, const void *payload, u32 length);
bool send_raw(const void *frame, u32 length);
bool send_json(u16 type, u16 tag, struct json *json);
bool send_preamble(const char *command, bool resumed);
enum received { R_FRAME, R_END, R_SIGNAL, R_LATE, R_BAD, R_TAKEN };
enum received wait_for(int fd, u16 events, u64 deadline);
enum received receive_frame(struct frame *frame, u64 deadline);
void catch_signals(void);
int signals_fd(void);
void forget_hangups(void);
u64 blocked_ms(void);

/* sha256.c */
void sha256(const u8 *data, usize length, u8 digest[32]);

/* probe.c */
const char *probe_add(const struct frame *frame);
bool probe_run(void);

/* stage.c */
struct staged { int fd; u64 size; const u8 *map; bool locked, sealed; };
enum { FILES = 4 };
extern struct staged staged[FILES];
void stage_file(const struct frame *frame);
void stage_part(const struct frame *frame);
void stage_data(const struct frame *frame);
void stage_seal(void);
void stage_state(void);
bool stage_sealed(void);
void complain(const char *code, const char *at, i64 error, i32 part);

/* load.c */
void load_file(const struct frame *frame);
void load_segments(const struct frame *frame);
i64 unload(void);
void unload_mine(void);
bool loaded_mine(void);
i32 kexec_loaded(void);
void disarm_guard(void);
void leave_guard(void);

/* jump.c */
bool jump(const struct frame *frame);

/* keep.c */
enum { DOOR = 2 };
bool keep_start(u32 seconds);
void keep_watch(struct pollfd door[DOOR]);
void keep_answer(const struct pollfd door[DOOR]);
bool keep_taken(void);
bool keep_wait(void);
void keep_close(void);
int keep_resume(void);
void keep_exit(int code);

/* Little-endian integers of a payload, wherever they lie. Both architectures are little-endian. */
static inline u16 get16(const u8 *at) { u16 v; __builtin_memcpy(&v, at, 2); return v; }
static inline u32 get32(const u8 *at) { u32 v; __builtin_memcpy(&v, at, 4); return v; }
static inline u64 get64(const u8 *at) { u64 v; __builtin_memcpy(&v, at, 8); return v; }
static inline void put32(u8 *at, u32 v) { __builtin_memcpy(at, &v, 4); }
static inline void put64(u8 *at, u64 v) { __builtin_memcpy(at, &v, 8); }

#endif
