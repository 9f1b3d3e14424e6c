#pragma once
/* UTF-8 in small steps, and tests on eight bytes at once; for the files of this folder. */
#include "base/buf.h"

/* Length (1..4) of the well-formed character that begins at p, 0 if there is none: overlong
 * forms, surrogates and values past U+10FFFF are not well-formed. */
size_t mb_utf8__step(const unsigned char *p, const unsigned char *end);

#define MB_UTF8__ONES UINT64_C(0x0101010101010101)
#define MB_UTF8__HIGH UINT64_C(0x8080808080808080)

static inline uint64_t mb_utf8__load(const void *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Not zero when one of eight bytes is a control byte, a quote or a backslash. Borrows can only
 * mark bytes above a real hit, so the answer for the word as a whole is exact. */
static inline uint64_t mb_utf8__special(uint64_t w)
{
    uint64_t quote = w ^ (MB_UTF8__ONES * '"'), slash = w ^ (MB_UTF8__ONES * '\\');
    return (((w - MB_UTF8__ONES * 0x20) & ~w) | ((quote - MB_UTF8__ONES) & ~quote) |
            ((slash - MB_UTF8__ONES) & ~slash)) &
           MB_UTF8__HIGH;
}
