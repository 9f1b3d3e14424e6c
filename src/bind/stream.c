#include "bind/stream.h"

#include <lauxlib.h>

#include "bind/json.h"

/* Streams of one request. One reader and one writer at a time: a request has one coroutine. */

enum { MAX_HEADERS = 16 };

static const char WAIT_TYPE[] = "mb.stream.wait";

struct stream_wait {
    struct mb_wait wait;
    struct mb_stream *stream;
};

void mb_stream_init(struct mb_stream *s, struct mb_http_request *http,
                    const struct mb_vm_route *route, size_t max_input)
{
    memset(s, 0, sizeof *s);
    s->http = http;
    s->route = route;
    s->max_input = max_input;
    mb_buf_init(&s->in, SIZE_MAX / 2); /* a piece, at most what net reads ahead, over max_input */
}

void mb_stream_reset(struct mb_stream *s)
{
    mb_buf_reset(&s->in);
    s->reader = s->writer = NULL;
}

static void wake(struct mb_wait **w)
{
    if (*w) mb_task_wake(*w);
    *w = NULL;
}

bool mb_stream_on_body(struct mb_stream *s, struct mb_str piece)
{
    if (mb_buf_add(&s->in, piece.ptr, piece.len) != MB_OK) {
        mb_http_abort(s->http);
        return false;
    }
    wake(&s->reader);
    s->in_paused = s->in.len >= s->max_input;
    return !s->in_paused;
}

void mb_stream_on_body_end(struct mb_stream *s)
{
    s->in_ended = true;
    wake(&s->reader);
}

void mb_stream_on_writable(struct mb_stream *s) { wake(&s->writer); }

static void forget(struct mb_wait *w)
{
    struct mb_stream *s = ((struct stream_wait *)w)->stream;
    if (s->reader == w) s->reader = NULL;
    if (s->writer == w) s->writer = NULL;
}

static struct mb_wait *new_wait(lua_State *L, struct mb_stream *s)
{
    struct stream_wait *w = lua_newuserdatauv(L, sizeof *w, 0);
    memset(w, 0, sizeof *w);
    luaL_setmetatable(L, WAIT_TYPE);
    w->stream = s;
    w->wait.cancel = forget;
    return &w->wait;
}

static int read_more(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    return mb_stream_read(L, (struct mb_stream *)ctx);
}

int mb_stream_read(lua_State *L, struct mb_stream *s)
{
    struct mb_task *task = mb_task_check(L, "req:read");
    if (s->route->body != MB_BODY_STREAM) return luaL_error(L, "req:read needs a route with body = \"stream\"");
    if (s->in.len == 0 && !s->in_ended) {
        mb_http_body_want(s->http);
        s->reader = new_wait(L, s);
        return mb_task_wait(L, s->reader, (lua_KContext)s, read_more);
    }
    mb_task_extend(task);
    if (s->in.len == 0) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushlstring(L, s->in.data, s->in.len);
    mb_buf_clear(&s->in);
    if (s->in_paused) {
        s->in_paused = false;
        mb_http_body_resume(s->http);
    }
    return 1;
}

int mb_stream_begin(lua_State *L, struct mb_stream *s)
{
    struct mb_http_header headers[MAX_HEADERS];
    lua_Integer status = luaL_checkinteger(L, 2);
    luaL_argcheck(L, status >= 200 && status <= 599, 2, "a status between 200 and 599");
    if (s->out_begun) return luaL_error(L, "req:begin was called before: an answer has one status");
    const char *type = "application/octet-stream";
    size_t n = 0;
    struct mb_err err;
    if (!lua_isnoneornil(L, 3)) {
        luaL_checktype(L, 3, LUA_TTABLE);
        if (mb_collect_headers(L, 3, headers, MAX_HEADERS, &n, &type, &err) != MB_OK)
            return luaL_error(L, "req:begin: %s", err.text);
    }
    if (mb_responses_stream(&s->route->responses, (int)status, type, &err) != MB_OK)
        return luaL_error(L, "req:begin: %s", err.text);
    s->out_begun = true;
    mb_http_begin(s->http, (int)status, type, headers, n);
    return 0;
}

static int written(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    mb_task_extend(mb_task_of(L));
    return 0;
}

int mb_stream_write(lua_State *L, struct mb_stream *s)
{
    struct mb_task *task = mb_task_check(L, "req:write");
    struct mb_str piece;
    piece.ptr = luaL_checklstring(L, 2, &piece.len);
    if (!s->out_begun) return luaL_error(L, "req:write before req:begin");
    mb_task_extend(task);
    if (mb_http_write(s->http, piece)) return 0;
    s->writer = new_wait(L, s);
    return mb_task_wait(L, s->writer, 0, written);
}
