/* The growing byte buffer. It must not know what its bytes mean. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 256 };

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

bool mb_str_ieq(struct mb_str a, struct mb_str b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower((unsigned char)a.ptr[i]) != lower((unsigned char)b.ptr[i])) return false;
    }
    return true;
}

void mb_buf_init(struct mb_buf *b, size_t max) { *b = (struct mb_buf){.max = max}; }

void mb_buf_reset(struct mb_buf *b)
{
    free(b->data);
    mb_buf_init(b, b->max);
}

/* Doubling, but never past max: the ceiling is exact. */
static enum mb_rc grow(struct mb_buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : FIRST_CAPACITY;
    while (cap < need) cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (cap > b->max) cap = b->max;
    char *data = realloc(b->data, cap);
    if (!data) return MB_E_NOMEM;
    b->data = data;
    b->cap = cap;
    return MB_OK;
}

enum mb_rc mb_buf__grow(struct mb_buf *b, size_t extra)
{
    if (extra > b->max || b->len > b->max - extra) return MB_E_LIMIT;
    return grow(b, b->len + extra);
}

enum mb_rc mb_buf_addz(struct mb_buf *b, const char *z) { return mb_buf_add(b, z, strlen(z)); }

enum mb_rc mb_buf_addf(struct mb_buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    size_t room = b->cap - b->len;
    int n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, args);
    va_end(args);
    enum mb_rc rc = MB_OK;
    if (n < 0) {
        rc = MB_E_INVALID;
    } else if ((size_t)n >= room) {
        /* vsnprintf also writes a NUL, which must fit although it is not counted; a buffer at
         * its ceiling gets the text through a temporary instead. */
        char *whole = malloc((size_t)n + 1);
        if (!whole) {
            rc = MB_E_NOMEM;
        } else {
            (void)vsnprintf(whole, (size_t)n + 1, fmt, again);
            rc = mb_buf_add(b, whole, (size_t)n);
            free(whole);
        }
    } else {
        b->len += (size_t)n;
    }
    va_end(again);
    return rc;
}

enum mb_rc mb_buf_i64(struct mb_buf *b, int64_t v)
{
    char text[20]; /* "-9223372036854775808" */
    char *p = text + sizeof text;
    uint64_t rest = v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v;
    do {
        *--p = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (v < 0) *--p = '-';
    return mb_buf_add(b, p, (size_t)(text + sizeof text - p));
}
