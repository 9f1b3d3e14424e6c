#pragma once
/* Eight bytes looked at as one word. In the tests on all of them a borrow can only mark bytes above
 * a real hit, so that an answer for the word as a whole is exact. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MB_WORD_ONES UINT64_C(0x0101010101010101)
#define MB_WORD_HIGH UINT64_C(0x8080808080808080)

static inline uint64_t mb_word_load(const void *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Both have the high bit of a byte set where it is below least (at most 0x80), or equal to c; for
 * other bytes see above. */
static inline uint64_t mb_word_below(uint64_t w, uint8_t least)
{
    return (w - MB_WORD_ONES * least) & ~w & MB_WORD_HIGH;
}
static inline uint64_t mb_word_equal(uint64_t w, uint8_t c)
{
    return mb_word_below(w ^ (MB_WORD_ONES * c), 1);
}
/* Capitals of ASCII as small letters; all bytes are ASCII. */
static inline uint64_t mb_word_lower(uint64_t w)
{
    uint64_t from_a = w + MB_WORD_ONES * (0x80 - 'A'), above_z = w + MB_WORD_ONES * (0x7f - 'Z');
    return w | ((from_a & ~above_z & MB_WORD_HIGH) >> 2);
}
/* As mb_word_load, the first byte lowest: there a borrow only marks bytes behind a hit. */
static inline uint64_t mb_word_load_first(const char *p)
{
    uint64_t word = mb_word_load(p);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? word : __builtin_bswap64(word);
}
/* The place of the first marked byte of such a word; marks is not zero. */
static inline size_t mb_word_first(uint64_t marks) { return (size_t)__builtin_ctzll(marks) / 8; }

/* Up to seven bytes as a word, filled up with blanks. */
static inline uint64_t mb_word_short(const char *s, size_t len)
{
    char bytes[8] = "        ";
    if (len >= 4) {
        memcpy(bytes, s, 4);
        memcpy(bytes + len - 4, s + len - 4, 4);
    } else if (len > 0) {
        bytes[0] = s[0];
        bytes[len / 2] = s[len / 2];
        bytes[len - 1] = s[len - 1];
    }
    return mb_word_load(bytes);
}
