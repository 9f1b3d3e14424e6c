/* UTF-8 as of RFC 3629. It must not know JSON or logs. */
#include "base/utf8.h"

#include "base/json.h"

static bool is_tail(unsigned char c) { return (c & 0xC0) == 0x80; }

size_t mb_utf8__step(const unsigned char *p, const unsigned char *end)
{
    size_t left = (size_t)(end - p);
    if (left == 0) return 0;
    unsigned char c = p[0];
    if (c < 0x80) return 1;
    if (c < 0xC2 || c > 0xF4) return 0;
    if (c < 0xE0) return left >= 2 && is_tail(p[1]) ? 2 : 0;
    if (left < 3 || !is_tail(p[1]) || !is_tail(p[2])) return 0;
    if (c < 0xF0) {
        bool overlong = c == 0xE0 && p[1] < 0xA0;
        bool surrogate = c == 0xED && p[1] > 0x9F;
        return overlong || surrogate ? 0 : 3;
    }
    if (left < 4 || !is_tail(p[3])) return 0;
    bool overlong = c == 0xF0 && p[1] < 0x90;
    bool too_great = c == 0xF4 && p[1] > 0x8F;
    return overlong || too_great ? 0 : 4;
}

bool mb_utf8_valid(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + len;
    while (p < end) {
        if (end - p >= 8 && !(mb_word_load(p) & MB_WORD_HIGH)) {
            p += 8;
            continue;
        }
        size_t n = mb_utf8__step(p, end);
        if (n == 0) return false;
        p += n;
    }
    return true;
}
