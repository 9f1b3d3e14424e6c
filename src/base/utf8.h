#pragma once
/* UTF-8 in small steps, and tests on eight bytes at once; for the files of this folder. */
#include "base/buf.h"
#include "base/word.h"

/* Length (1..4) of the well-formed character that begins at p, 0 if there is none: overlong
 * forms, surrogates and values past U+10FFFF are not well-formed. */
size_t mb_utf8__step(const unsigned char *p, const unsigned char *end);

/* Not zero when one of eight bytes is a control byte, a quote or a backslash. */
static inline uint64_t mb_utf8__special(uint64_t w)
{
    return mb_word_below(w, 0x20) | mb_word_equal(w, '"') | mb_word_equal(w, '\\');
}
