#pragma once
/* Eight bytes looked at as one word. In the tests on all of them a borrow can only mark bytes above
 * a real hit, so that an answer for the word as a whole is exact. */
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
