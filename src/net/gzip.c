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

struct mb_gzip {
    z_stream stream;
    struct mb_buf out;
};

enum mb_rc mb_gzip_new(struct mb_gzip **out, int level)
{
    struct mb_gzip *g = calloc(1, sizeof *g);
    if (!g)
        return MB_E_NOMEM;
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

bool mb_gzip_is_compressible(const char *content_type)
{
    struct mb_str type = mb_str_z(content_type);
    if (!content_type)
        return false;
    type.len = strcspn(content_type, "; ");
    return (starts(type, MB_STR("text/")) && !mb_str_ieq(type, MB_STR("text/event-stream"))) ||
           ends(type, MB_STR("json")) || ends(type, MB_STR("xml")) ||
           ends(type, MB_STR("javascript"));
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
