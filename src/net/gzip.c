/* gzip by zlib. Knows bytes and media types, no request. */
#include "net/gzip.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    GZIP_WINDOW = 15 + 16,
    MEMORY_LEVEL = 8,
    KEPT_BYTES = 256 * 1024,
};

static const char BETWEEN[] = ", \t";

struct mb_gzip {
    z_stream stream;
    struct mb_buf out;
    char types[];
};

enum mb_rc mb_gzip_new(struct mb_gzip **out, int level, const char *types)
{
    size_t size = types ? strlen(types) + 1 : 1;
    struct mb_gzip *g = calloc(1, sizeof *g + size);
    if (!g)
        return MB_E_NOMEM;
    if (types)
        memcpy(g->types, types, size);
    if (deflateInit2(&g->stream, level, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        free(g);
        return MB_E_NOMEM;
    }
    mb_buf_init(&g->out, UINT_MAX);
    *out = g;
    return MB_OK;
}

void mb_gzip_free(struct mb_gzip *g)
{
    if (!g)
        return;
    (void)deflateEnd(&g->stream);
    mb_buf_reset(&g->out);
    free(g);
}

static bool starts(struct mb_str s, struct mb_str with)
{
    return s.len >= with.len && mb_str_ieq((struct mb_str){s.ptr, with.len}, with);
}

static bool ends(struct mb_str s, struct mb_str with)
{
    return s.len >= with.len &&
           mb_str_ieq((struct mb_str){s.ptr + s.len - with.len, with.len}, with);
}

/* The next of a list, and *at behind it; of no length at the end. */
static struct mb_str next_of(const char **at)
{
    *at += strspn(*at, BETWEEN);
    struct mb_str entry = {*at, strcspn(*at, BETWEEN)};
    *at += entry.len;
    return entry;
}

static bool is_pattern(struct mb_str s)
{
    static const char marks[] = "!#$&-^_.+/*";
    size_t slashes = 0, stars = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_word && strchr(marks, c) == NULL)
            return false;
        slashes += c == '/';
        stars += c == '*';
    }
    return stars <= 1 && slashes <= 1 && (slashes == 1 || s.ptr[0] == '*');
}

bool mb_gzip_is_types(const char *text)
{
    const char *at = text;
    for (struct mb_str entry = next_of(&at); entry.len > 0; entry = next_of(&at)) {
        if (!is_pattern(entry))
            return false;
    }
    return true;
}

static bool matches(struct mb_str type, struct mb_str pattern)
{
    const char *star = memchr(pattern.ptr, '*', pattern.len);
    if (!star)
        return mb_str_ieq(type, pattern);
    struct mb_str head = {pattern.ptr, (size_t)(star - pattern.ptr)};
    struct mb_str tail = {star + 1, pattern.len - head.len - 1};
    return type.len >= head.len + tail.len && starts(type, head) && ends(type, tail);
}

bool mb_gzip_is_compressible(const struct mb_gzip *g, const char *content_type)
{
    const char *at = g->types;
    if (!content_type)
        return false;
    struct mb_str type = {content_type, strcspn(content_type, "; ")};
    for (struct mb_str entry = next_of(&at); entry.len > 0; entry = next_of(&at)) {
        if (matches(type, entry))
            return true;
    }
    return false;
}

enum mb_rc mb_gzip_pack(struct mb_gzip *g, struct mb_str in, struct mb_str *out)
{
    if (in.len > UINT_MAX)
        return MB_E_LIMIT;
    if (g->out.cap > KEPT_BYTES)
        mb_buf_reset(&g->out);
    mb_buf_clear(&g->out);
    enum mb_rc rc = mb_buf_reserve(&g->out, in.len);
    if (rc != MB_OK)
        return rc;
    if (deflateReset(&g->stream) != Z_OK)
        return MB_E_LIMIT;
    g->stream.next_in = (z_const Bytef *)(uintptr_t)in.ptr;
    g->stream.avail_in = (uInt)in.len;
    g->stream.next_out = (Bytef *)g->out.data;
    g->stream.avail_out = (uInt)in.len;
    if (deflate(&g->stream, Z_FINISH) != Z_STREAM_END)
        return MB_E_LIMIT; /* no room: it grew */
    *out = (struct mb_str){g->out.data, in.len - g->stream.avail_out};
    return MB_OK;
}
