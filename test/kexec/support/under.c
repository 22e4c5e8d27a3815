/*
 * Runs a program under a seccomp filter: `under 320=38 137=hang program words…`. Each pair answers a system call (by
 * number) with an errno without making it (0: as if it had worked), or lets it wait for ever.
 */
#include "../../../src/kexec/helper/sys.h"

enum {
#if defined(__x86_64__)
	NR_seccomp = 317,
#else
	NR_seccomp = 277,
#endif
	PR_SET_NO_NEW_PRIVS = 38, SET_MODE_FILTER = 1, NEW_LISTENER = 8,
	ALLOW = 0x7fff0000, ERRNO = 0x00050000, USER_NOTIF = 0x7fc00000,
};
struct sock_filter { u16 code; u8 jt, jf; u32 k; };
struct sock_fprog { u16 length; const struct sock_filter *filter; };

static struct sock_filter filter[64];
static u16 used;

static void add(u16 code, u8 jt, u8 jf, u32 k)
{
	if (used < LENGTH(filter))
		filter[used++] = (struct sock_filter){ code, jt, jf, k };
}

__attribute__((used)) void begin(u64 *stack)
{
	int count = (int)stack[0], at = 1;
	char **words = (char **)(stack + 1), **environment = words + count + 1;
	bool hangs = false;
	add(0x20, 0, 0, 0);
	for (; at < count && words[at][0] >= '0' && words[at][0] <= '9'; at++) {
		u32 numbers[2] = { 0, 0 };
		u32 which = 0;
		bool hang = false;
		for (const char *letter = words[at]; *letter != 0; letter++) {
			if (*letter == '=')
				which = 1;
			else if (*letter == 'h')
				hang = true;
			else if (*letter >= '0' && *letter <= '9')
				numbers[which] = numbers[which] * 10 + (u32)(*letter - '0');
		}
		hangs |= hang;
		add(0x15, 0, 1, numbers[0]);
		add(0x06, 0, 0, hang ? USER_NOTIF : ERRNO | numbers[1]);
	}
	add(0x06, 0, 0, ALLOW);
	const struct sock_fprog program = { used, filter };
	sys(prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	/* The listener stays open in the program: nobody ever answers, so the call hangs. */
	i64 done = sys(seccomp, SET_MODE_FILTER, hangs ? NEW_LISTENER : 0, &program);
	if (done >= 0) {
		if (hangs)
			sys(fcntl, done, F_SETFD, 0);
		sys(execve, words[at], words + at, environment);
	}
	sys(exit_group, 99);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl begin\n");
#endif
