/*
 * A link between two network namespaces: wire NS1 NS2 MBIT DELAY_US QUEUE_BYTES
 *
 * Makes a TUN device "wire" in each namespace and carries packets between them as a cable with a router would: each
 * packet takes its time on the line at the rate, waits in a queue that drops what does not fit, and arrives DELAY_US
 * later. The kernel's TCP is the real one on both ends. Kernels with sch_netem could do the same; not all have it.
 *
 * Packets come as the kernel segments them last (virtio's header says how), so that a gigabit costs few system calls;
 * on the line each segment is counted with its own headers and what Ethernet adds to it.
 *
 * Says "ready"; answers each line of input with "BYTES BYTES DROPPED" (counted on the line, there and back); ends with
 * its input.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* Preamble, header, checksum and gap of Ethernet (IEEE 802.3). */
enum { ETHERNET = 38, LARGEST = 65536 + sizeof(struct virtio_net_hdr) };

struct packet {
	struct packet *next;
	long due;
	size_t length;
	unsigned char bytes[];
};

/* One direction: from `in` to `out`. Times in nanoseconds. */
struct lane {
	int in, out;
	struct packet *first, **last;
	long free_at;
	unsigned long carried, dropped;
};

static double rate;
static long delay, queue;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

static int device(const char *namespace)
{
	int ns = open(namespace, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		die(namespace);
	close(ns);
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	strcpy(request.ifr_name, "wire");
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) < 0)
		die("/dev/net/tun");
	return fd;
}

/* Bytes that a packet has on the line once it is cut into segments. */
static long on_the_line(const unsigned char *bytes, size_t length)
{
	struct virtio_net_hdr head;
	memcpy(&head, bytes, sizeof head);
	length -= sizeof head;
	if (head.gso_type == VIRTIO_NET_HDR_GSO_NONE || head.gso_size == 0 || length <= head.hdr_len)
		return (long)length + ETHERNET;
	long segments = ((long)length - head.hdr_len + head.gso_size - 1) / head.gso_size;
	return (long)length + (segments - 1) * head.hdr_len + segments * ETHERNET;
}

static void take(struct lane *lane)
{
	static unsigned char bytes[LARGEST];
	for (int i = 0; i < 64; i++) {
		ssize_t got = read(lane->in, bytes, sizeof bytes);
		if (got <= (ssize_t)sizeof(struct virtio_net_hdr))
			return;
		long at = now(), size = on_the_line(bytes, (size_t)got);
		if (lane->free_at < at)
			lane->free_at = at;
		if ((double)(lane->free_at - at) * rate > (double)queue) {
			lane->dropped++;
			continue;
		}
		lane->free_at += (long)((double)size / rate);
		lane->carried += (unsigned long)size;
		struct packet *packet = malloc(sizeof *packet + (size_t)got);
		if (packet == NULL)
			die("malloc");
		*packet = (struct packet){ NULL, lane->free_at + delay, (size_t)got };
		memcpy(packet->bytes, bytes, (size_t)got);
		*lane->last = packet;
		lane->last = &packet->next;
	}
}

/* Hands over what has arrived; returns when the next packet will have. */
static long give(struct lane *lane)
{
	while (lane->first != NULL && lane->first->due <= now()) {
		struct packet *packet = lane->first;
		lane->first = packet->next;
		if (lane->first == NULL)
			lane->last = &lane->first;
		if (write(lane->out, packet->bytes, packet->length) < 0)
			lane->dropped++;
		free(packet);
	}
	return lane->first == NULL ? -1 : lane->first->due;
}

int main(int argc, char **argv)
{
	if (argc != 6)
		return 2;
	prctl(PR_SET_TIMERSLACK, 1000);
	/* Bytes in a nanosecond. */
	rate = atof(argv[3]) * 1e6 / 8 / 1e9;
	delay = atol(argv[4]) * 1000;
	queue = atol(argv[5]);
	int one = device(argv[1]), two = device(argv[2]);
	struct lane there = { .in = one, .out = two, .last = &there.first };
	struct lane back = { .in = two, .out = one, .last = &back.first };
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	for (;;) {
		long a = give(&there), b = give(&back);
		long next = a < 0 ? b : b < 0 || a < b ? a : b, wait = next - now();
		struct timespec limit = { wait > 0 ? wait / 1000000000 : 0, wait > 0 ? wait % 1000000000 : 0 };
		struct pollfd fds[3] = { { one, POLLIN, 0 }, { two, POLLIN, 0 }, { 0, POLLIN, 0 } };
		if (ppoll(fds, 3, next < 0 ? NULL : &limit, NULL) < 0)
			die("ppoll");
		if (fds[0].revents)
			take(&there);
		if (fds[1].revents)
			take(&back);
		if (fds[2].revents) {
			char line[64];
			if (read(0, line, sizeof line) <= 0)
				return 0;
			printf("%lu %lu %lu\n", there.carried, back.carried, there.dropped + back.dropped);
		}
	}
}
