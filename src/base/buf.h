#pragma once
/*
 * Borrowed slices and a growing byte buffer with a ceiling. A buffer owns `data`;
 * zero-initialised with only `max` set it is ready for use (mb_buf_init).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct mb_str {
    const char *ptr; /* not NUL-terminated */
    size_t len;
};

#define MB_STR(literal) ((struct mb_str){(literal), sizeof(literal) - 1})

static inline struct mb_str mb_str_z(const char *z) { return (struct mb_str){z, z ? strlen(z) : 0}; }
static inline bool mb_str_eq(struct mb_str a, struct mb_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
bool mb_str_ieq(struct mb_str a, struct mb_str b); /* ASCII case-insensitive */

struct mb_buf {
    char *data;
    size_t len, cap;
    size_t max; /* ceiling in bytes; growth past it is MB_E_LIMIT */
};

void mb_buf_init(struct mb_buf *b, size_t max);
void mb_buf_reset(struct mb_buf *b);                     /* frees, keeps max */
static inline void mb_buf_clear(struct mb_buf *b) { b->len = 0; } /* keeps memory */
/* Room for `extra` more bytes at data + len. */
MB_MUST_CHECK enum mb_rc mb_buf__grow(struct mb_buf *b, size_t extra);
MB_MUST_CHECK static inline enum mb_rc mb_buf_reserve(struct mb_buf *b, size_t extra)
{
    return extra <= b->cap - b->len ? MB_OK : mb_buf__grow(b, extra);
}
MB_MUST_CHECK static inline enum mb_rc mb_buf_add(struct mb_buf *b, const void *p, size_t n)
{
    enum mb_rc rc = mb_buf_reserve(b, n);
    if (rc == MB_OK && n > 0) {
        memcpy(b->data + b->len, p, n);
        b->len += n;
    }
    return rc;
}
MB_MUST_CHECK enum mb_rc mb_buf_addz(struct mb_buf *b, const char *z);
MB_MUST_CHECK enum mb_rc mb_buf_addf(struct mb_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
MB_MUST_CHECK enum mb_rc mb_buf_i64(struct mb_buf *b, int64_t v); /* decimal */
static inline struct mb_str mb_buf_str(const struct mb_buf *b) { return (struct mb_str){b->data, b->len}; }
