/*
 * LZMA chunks of LZMA2 (xz-file-format.txt 5.3.1; the LZMA specification of the LZMA SDK, "lzma-specification.txt"),
 * and CRC64, for WebAssembly. The caller keeps the window: chunks are unpacked where they belong behind it. The
 * memory is the module's own, so whatever the input does, it cannot reach beyond; every length is checked all the same.
 *
 * Bits of trees are decoded without branches: which way they go cannot be predicted, and a wrong guess costs more
 * than both ways. Built by build.ts; there is no C library.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum { MODEL_BITS = 11, HALF = 1024, FULL = 2048, MOVE = 5, STATES = 12, POSITIONS = 16, LITERALS = 0x300 };

struct lengths {
	u16 choice, choice2;
	u16 low[POSITIONS][8], middle[POSITIONS][8], high[256];
};

static struct {
	u16 match[STATES][POSITIONS], rep[STATES], rep0[STATES], rep1[STATES], rep2[STATES];
	u16 repLong[STATES][POSITIONS];
	u16 slot[4][64], special[128], align[16];
	struct lengths matchLengths, repLengths;
	u16 literal[POSITIONS * LITERALS];
} model;

static u32 state, last0, last1, last2, last3, contextBits, positionBits, matchPositionBits;

/* Sets lc, lp and pb; answers 0 where they are allowed: LZMA2 wants lc + lp <= 4. */
__attribute__((export_name("properties"))) int properties(u32 byte)
{
	if (byte > (4 * 5 + 4) * 9 + 8) return 1;
	contextBits = byte % 9;
	positionBits = byte / 9 % 5;
	matchPositionBits = byte / 45;
	return contextBits + positionBits > 4;
}

/* State reset: all probabilities even, no distance known. */
__attribute__((export_name("reset"))) void reset(void)
{
	u16 *at = (u16 *)&model;
	for (u32 i = 0; i < sizeof model / sizeof *at; i++) at[i] = HALF;
	state = last0 = last1 = last2 = last3 = 0;
}

#define NORMALIZE()                           \
	if (range < 1u << 24) {               \
		range <<= 8;                  \
		code = code << 8 | *in++;     \
	}

/* One bit that decides what comes next: a branch. */
#define DECIDE(pointer, zero, one)                                   \
	{                                                            \
		NORMALIZE();                                         \
		u16 *p_ = (pointer);                                 \
		u32 bound = (range >> MODEL_BITS) * *p_;             \
		if (code < bound) {                                  \
			range = bound;                               \
			*p_ += (FULL - *p_) >> MOVE;                 \
			zero;                                        \
		} else {                                             \
			range -= bound;                              \
			code -= bound;                               \
			*p_ -= *p_ >> MOVE;                          \
			one;                                         \
		}                                                    \
	}

/* One bit of a number, into `zero`: all ones for a 0, none for a 1. No branch. */
#define BIT(pointer, zero)                                                                   \
	NORMALIZE();                                                                         \
	u16 *p_ = (pointer);                                                                 \
	u32 was_ = *p_, bound_ = (range >> MODEL_BITS) * was_;                               \
	u32 zero = code < bound_ ? ~0u : 0;                                                  \
	u32 range_ = range - bound_, code_ = code - bound_;                                  \
	range = zero ? bound_ : range_;                                                      \
	code = zero ? code : code_;                                                          \
	*p_ = was_ + (((int)((zero & FULL) + (~zero & ((1 << MOVE) - 1))) - (int)was_) >> MOVE)

#define TREE(tree, symbol)                            \
	{                                             \
		BIT((tree) + (symbol), zero_);        \
		(symbol) = (symbol) * 2 + 1 + zero_;  \
	}

/*
 * Unpacks one chunk of `packed` bytes at `in` to `window + position`; `size` bytes must come of it. `position` is how
 * many bytes of the window are known, which may be more than the `dictionary` that the block was declared with: nothing
 * is fetched from farther away than that, as others have nothing there. Answers 0, or what is wrong.
 */
__attribute__((export_name("chunk"))) int chunk(const u8 *in, u32 packed, u8 *window, u32 position, u32 size, u32 dictionary)
{
	const u8 *end = in + packed;
	if (packed < 5 || *in != 0) return 1;
	u32 range = ~0u, code = (u32)in[1] << 24 | in[2] << 16 | in[3] << 8 | in[4];
	in += 5;
	u32 limit = position + size, s = state;
	u32 d0 = last0, d1 = last1, d2 = last2, d3 = last3;
	const u32 pbMask = (1u << matchPositionBits) - 1, lpMask = (1u << positionBits) - 1;

	while (position < limit) {
		/* A round takes 20 bytes at most; the caller has put more behind the chunk. */
		if (in > end) return 2;
		u32 ps = position & pbMask, length;
		struct lengths *lengths;

		DECIDE(&model.match[s][ps], {
			u32 previous = position ? window[position - 1] : 0;
			u32 symbol = 1;
			u32 context = ((position & lpMask) << contextBits) + (previous >> (8 - contextBits));
			u16 *tree = model.literal + LITERALS * context;
			if (s < 7) {
				TREE(tree, symbol) TREE(tree, symbol) TREE(tree, symbol) TREE(tree, symbol)
				TREE(tree, symbol) TREE(tree, symbol) TREE(tree, symbol) TREE(tree, symbol)
			} else {
				/* After a match: the byte that it would have gone on with is part of the context. */
				if (d0 >= position) return 3;
				u32 other = window[position - d0 - 1];
				u32 offset = 0x100;
				for (int i = 0; i < 8; i++) {
					other <<= 1;
					u32 bit = other & offset;
					BIT(tree + offset + bit + symbol, zero);
					symbol = symbol * 2 + 1 + zero;
					offset &= zero ? ~bit : bit;
				}
			}
			window[position++] = (u8)symbol;
			s = s < 4 ? 0 : s < 10 ? s - 3 : s - 6;
			continue;
		}, {})

		DECIDE(&model.rep[s], {
			d3 = d2;
			d2 = d1;
			d1 = d0;
			s = s < 7 ? 7 : 10;
			lengths = &model.matchLengths;
		}, {
			DECIDE(&model.rep0[s], {
				DECIDE(&model.repLong[s][ps], {
					if (d0 >= position) return 3;
					window[position] = window[position - d0 - 1];
					position++;
					s = s < 7 ? 9 : 11;
					continue;
				}, {})
			}, {
				u32 distance;
				DECIDE(&model.rep1[s], distance = d1, {
					DECIDE(&model.rep2[s], distance = d2, {
						distance = d3;
						d3 = d2;
					})
					d2 = d1;
				})
				d1 = d0;
				d0 = distance;
			})
			lengths = &model.repLengths;
			s = s < 7 ? 8 : 11;
		})

		u32 symbol = 1;
		DECIDE(&lengths->choice, {
			u16 *tree = lengths->low[ps];
			TREE(tree, symbol) TREE(tree, symbol) TREE(tree, symbol)
			length = symbol - 8 + 2;
		}, {
			DECIDE(&lengths->choice2, {
				u16 *tree = lengths->middle[ps];
				TREE(tree, symbol) TREE(tree, symbol) TREE(tree, symbol)
				length = symbol - 8 + 10;
			}, {
				for (int i = 0; i < 8; i++) TREE(lengths->high, symbol)
				length = symbol - 256 + 18;
			})
		})

		if (lengths == &model.matchLengths) {
			u16 *tree = model.slot[length < 6 ? length - 2 : 3];
			u32 slot = 1;
			TREE(tree, slot) TREE(tree, slot) TREE(tree, slot)
			TREE(tree, slot) TREE(tree, slot) TREE(tree, slot)
			slot -= 64;
			d0 = slot;
			if (slot >= 4) {
				u32 bits = (slot >> 1) - 1, node = 1;
				d0 = (2 | (slot & 1)) << bits;
				tree = model.align;
				if (slot < 14) {
					tree = model.special + d0 - slot;
				} else {
					u32 middle = 0;
					for (u32 i = bits - 4; i; i--) {
						NORMALIZE();
						range >>= 1;
						u32 one = code >= range ? ~0u : 0;
						code -= range & one;
						middle = middle * 2 - one;
					}
					d0 += middle << 4;
					bits = 4;
				}
				for (u32 i = 0; i < bits; i++) {
					DECIDE(tree + node, node *= 2, {
						node = node * 2 + 1;
						d0 += 1u << i;
					})
				}
			}
		}
		/* Distances that come again were held against the dictionary when they came first. */
		if (d0 >= position || d0 >= dictionary || length > limit - position) return 3;
		u8 *to = window + position;
		const u8 *from = to - d0 - 1;
		position += length;
		if (d0 >= 7 && limit - position >= 8) {
			/* Eight at a time; what is written too much lies before the limit and comes again. */
			for (u32 i = 0; i < length; i += 8) __builtin_memcpy(to + i, from + i, 8);
		} else {
			for (u32 i = 0; i < length; i++) to[i] = from[i];
		}
	}
	NORMALIZE();
	state = s, last0 = d0, last1 = d1, last2 = d2, last3 = d3;
	return code != 0 || in != end ? 4 : 0;
}

/* ECMA-182 reflected, as .xz has it (5.1 of its specification), eight bytes at a time. */
static u64 tables[8][256];

__attribute__((export_name("crc64"))) u64 crc64(const u8 *at, u32 length, u64 crc)
{
	if (tables[0][1] == 0) {
		for (u32 i = 0; i < 256; i++) {
			u64 value = i;
			for (int bit = 0; bit < 8; bit++) value = value >> 1 ^ (-(value & 1) & 0xC96C5795D7870F42ull);
			tables[0][i] = value;
		}
		for (u32 i = 0; i < 256; i++)
			for (int t = 1; t < 8; t++) tables[t][i] = tables[0][tables[t - 1][i] & 255] ^ tables[t - 1][i] >> 8;
	}
	crc = ~crc;
	for (; length >= 8; length -= 8, at += 8) {
		u64 word;
		__builtin_memcpy(&word, at, 8);
		word ^= crc;
		crc = 0;
		for (int t = 0; t < 8; t++) crc ^= tables[7 - t][word >> 8 * t & 255];
	}
	for (; length; length--) crc = crc >> 8 ^ tables[0][(crc ^ *at++) & 255];
	return ~crc;
}
