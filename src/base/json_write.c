/* The JSON writer: strings and doubles; the rest of the grammar is the caller's. */
#include "base/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"

/* Bytes from p on that need no escape. */
static size_t plain_run(const unsigned char *p, const unsigned char *end)
{
    const unsigned char *at = p;
    while (end - at >= 8 && !mb_utf8__special(mb_word_load(at))) at += 8;
    while (at < end && *at >= 0x20 && *at != '"' && *at != '\\') at++;
    return (size_t)(at - p);
}

static enum mb_rc add_escape(struct mb_buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char out[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    switch (c) {
    case '\b': out[1] = 'b'; break;
    case '\t': out[1] = 't'; break;
    case '\n': out[1] = 'n'; break;
    case '\f': out[1] = 'f'; break;
    case '\r': out[1] = 'r'; break;
    case '"':
    case '\\': out[1] = (char)c; break;
    default: return mb_buf_add(b, out, 6);
    }
    return mb_buf_add(b, out, 2);
}

enum mb_rc mb_json_str_trusted(struct mb_buf *b, const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s, *end = p + len;
    if (len > SIZE_MAX - 2) return MB_E_LIMIT;
    enum mb_rc rc = mb_buf_reserve(b, len + 2);
    if (rc != MB_OK) return rc;
    b->data[b->len++] = '"';
    while (p < end) {
        size_t run = plain_run(p, end);
        rc = mb_buf_add(b, p, run);
        if (rc != MB_OK) return rc;
        p += run;
        if (p < end && (rc = add_escape(b, *p++)) != MB_OK) return rc;
    }
    return mb_buf_add(b, "\"", 1);
}

static bool is_plain_word(uint64_t word)
{
    return ((word & MB_WORD_HIGH) | mb_utf8__special(word)) == 0;
}

/* Copies s when it is printable ASCII without anything to escape, as most texts are: in steps of
 * eight, the last of which overlaps the one before; less than eight bytes are stored as a word, for
 * which there is room. */
static bool add_plain(struct mb_buf *b, const char *s, size_t len)
{
    if (len > SIZE_MAX / 2 || mb_buf_reserve(b, len + 2 + sizeof(uint64_t)) != MB_OK) return false;
    char *out = b->data + b->len;
    for (size_t i = 0; len >= 8 && i < len; i += 8) {
        size_t at = len - i < 8 ? len - 8 : i;
        uint64_t word = mb_word_load(s + at);
        if (!is_plain_word(word)) return false;
        memcpy(out + 1 + at, &word, sizeof word);
    }
    if (len < 8) {
        uint64_t word = mb_word_short(s, len);
        if (!is_plain_word(word)) return false;
        memcpy(out + 1, &word, sizeof word);
    }
    out[0] = out[1 + len] = '"';
    b->len += len + 2;
    return true;
}

enum mb_rc mb_json_str(struct mb_buf *b, const char *s, size_t len)
{
    if (add_plain(b, s, len)) return MB_OK;
    return mb_utf8_valid(s, len) ? mb_json_str_trusted(b, s, len) : MB_E_JSON;
}

enum mb_rc mb_json_member(struct mb_buf *b, bool is_first, const char *s, size_t len)
{
    enum mb_rc rc = is_first ? MB_OK : mb_buf_add(b, ",", 1);
    if (rc == MB_OK) rc = mb_json_str(b, s, len);
    return rc == MB_OK ? mb_buf_add(b, ":", 1) : rc;
}

enum mb_rc mb_json_double(struct mb_buf *b, double v)
{
    if (!isfinite(v)) return MB_E_JSON;
    char text[32];
    /* 15 digits always survive a round trip of the text, so %g of them is shortest when it reads
     * back; 17 always read back. Subnormal numbers have fewer digits. */
    int n = 0;
    for (int digits = fabs(v) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        n = snprintf(text, sizeof text, "%.*g", digits, v);
        double back = strtod(text, NULL);
        if (memcmp(&back, &v, sizeof v) == 0) break;
    }
    return mb_buf_add(b, text, (size_t)n);
}
