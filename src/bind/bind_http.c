#include <lauxlib.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "bind/modules.h"
#include "bind/task.h"
#include "client/client.h"

/*
 * mb.http: requests to other servers. What goes wrong out there is no error of the script:
 *
 *   local answer, failure = http.request { method = "POST", url = "https://api.example.org/sms",
 *     headers = { ["Content-Type"] = "application/json" }, body = text,
 *     timeout = 5000, max_body = 65536, redirects = 0 }
 *   -- { status = 201, headers = { ["content-type"] = "…" }, body = "…" }, or nil and
 *   -- { code = "timeout", detail = "…" }
 *
 *   http.host(url) -> the host that request would call, in small letters; nil when it would refuse
 */

enum { MAX_HEADERS = 64, MAX_REDIRECTS = 10, MAX_METHOD = 16 };

/* Owned by its task, as the waits of bind_db.c are. */
struct http_wait {
    struct mb_wait wait;
    struct mb_claim claim;
    struct mb_transfer *transfer; /* NULL once it is over */
    const char *code;
    char detail[256];
    int status;
    struct mb_buf headers, body;
    struct mb_buf lines; /* of the request, each with a NUL */
    const char *line[MAX_HEADERS];
    size_t nlines;
};

static void cancel(struct mb_wait *wait)
{
    struct http_wait *w = (struct http_wait *)wait;
    if (w->transfer) mb_client_cancel(w->transfer);
    w->transfer = NULL;
}

static void release(struct mb_claim *claim)
{
    struct http_wait *w = (struct http_wait *)((char *)claim - offsetof(struct http_wait, claim));
    cancel(&w->wait);
    mb_buf_reset(&w->headers);
    mb_buf_reset(&w->body);
    mb_buf_reset(&w->lines);
    free(w);
}

static void end(struct http_wait *w)
{
    mb_claim_drop(&w->claim);
    release(&w->claim);
}

static void take_answer(struct http_wait *w, const struct mb_client_answer *a)
{
    w->code = a->code;
    w->status = a->status;
    (void)snprintf(w->detail, sizeof w->detail, "%s", a->detail);
    if (a->code) return;
    if (mb_buf_add(&w->headers, a->headers.ptr, a->headers.len) == MB_OK &&
        mb_buf_add(&w->body, a->body.ptr, a->body.len) == MB_OK)
        return;
    w->code = "busy";
    (void)snprintf(w->detail, sizeof w->detail, "not enough memory");
}

static void on_done(void *ctx, const struct mb_client_answer *answer)
{
    struct http_wait *w = ctx;
    w->transfer = NULL;
    take_answer(w, answer);
    mb_task_wake(&w->wait);
}

/* Of several headers with one name the values are joined, as RFC 9110 section 5.3 has it. */
static void push_headers(lua_State *L, struct mb_str list)
{
    lua_newtable(L);
    for (size_t at = 0; at < list.len;) {
        const char *name = list.ptr + at, *value = name + strlen(name) + 1;
        at += strlen(name) + strlen(value) + 2;
        if (lua_getfield(L, -1, name) == LUA_TSTRING)
            lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), value);
        else
            lua_pushstring(L, value);
        lua_setfield(L, -3, name);
        lua_pop(L, 1);
    }
}

static int push_answer(lua_State *L, int status, lua_KContext ctx)
{
    struct http_wait *w = (struct http_wait *)ctx;
    (void)status;
    if (w->code) {
        lua_pushnil(L);
        lua_createtable(L, 0, 2);
        lua_pushstring(L, w->code);
        lua_setfield(L, -2, "code");
        lua_pushstring(L, w->detail);
        lua_setfield(L, -2, "detail");
        end(w);
        return 2;
    }
    lua_createtable(L, 0, 3);
    lua_pushinteger(L, w->status);
    lua_setfield(L, -2, "status");
    push_headers(L, mb_buf_str(&w->headers));
    lua_setfield(L, -2, "headers");
    lua_pushlstring(L, w->body.data ? w->body.data : "", w->body.len);
    lua_setfield(L, -2, "body");
    end(w);
    return 1;
}

/* ---- the table of a request ---- */

static struct mb_str text_at(lua_State *L, int index, const char *what)
{
    struct mb_str s;
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "http.request: %s is a text, not a %s", what, luaL_typename(L, index));
    s.ptr = lua_tolstring(L, index, &s.len);
    return s;
}

static size_t number_at(lua_State *L, int index, const char *what, lua_Integer most)
{
    int is_whole;
    lua_Integer n = lua_tointegerx(L, index, &is_whole);
    if (lua_type(L, index) != LUA_TNUMBER || !is_whole || n < 0 || n > most)
        luaL_error(L, "http.request: %s is a whole number from 0 to %I", what, most);
    return (size_t)n;
}

/* The table of headers at the top. */
static void read_headers(lua_State *L, struct http_wait *w)
{
    size_t start[MAX_HEADERS];
    if (!lua_istable(L, -1)) luaL_error(L, "http.request: headers is a table");
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        struct mb_str name = text_at(L, -2, "a header's name");
        struct mb_str value = text_at(L, -1, "a header's value");
        if (!mb_client_is_header(name, value))
            luaL_error(L, "http.request: '%s' is no header that a script may set", name.ptr);
        if (w->nlines == MAX_HEADERS)
            luaL_error(L, "http.request: more than %d headers", MAX_HEADERS);
        start[w->nlines++] = w->lines.len;
        /* libcurl takes "Name;" for a header without a value. */
        if (mb_buf_add(&w->lines, name.ptr, name.len) != MB_OK ||
            mb_buf_addz(&w->lines, value.len > 0 ? ": " : ";") != MB_OK ||
            mb_buf_add(&w->lines, value.ptr, value.len) != MB_OK ||
            mb_buf_add(&w->lines, "", 1) != MB_OK)
            luaL_error(L, "http.request: the headers are too large");
        lua_pop(L, 1);
    }
    for (size_t i = 0; i < w->nlines; i++) w->line[i] = w->lines.data + start[i];
}

static const char *read_method(lua_State *L, int index)
{
    struct mb_str s = text_at(L, index, "method");
    bool is_word = s.len > 0 && s.len < MAX_METHOD;
    for (size_t i = 0; i < s.len; i++) is_word = is_word && s.ptr[i] >= 'A' && s.ptr[i] <= 'Z';
    if (!is_word || strcmp(s.ptr, "CONNECT") == 0)
        luaL_error(L, "http.request: method is a word in capitals, such as POST");
    return s.ptr;
}

/* One key of the request; its value is at the top. */
static void read_key(lua_State *L, const char *key, struct mb_client_request *r,
                     struct http_wait *w)
{
    if (strcmp(key, "method") == 0) {
        r->method = read_method(L, -1);
    } else if (strcmp(key, "url") == 0) {
        struct mb_str url = text_at(L, -1, "url");
        if (strlen(url.ptr) != url.len) luaL_error(L, "http.request: url has a zero byte");
        r->url = url.ptr;
    } else if (strcmp(key, "headers") == 0) {
        read_headers(L, w);
    } else if (strcmp(key, "body") == 0) {
        r->body = text_at(L, -1, "body");
        r->has_body = true;
    } else if (strcmp(key, "timeout") == 0) {
        r->timeout = (uint32_t)number_at(L, -1, "timeout (ms)", UINT32_MAX);
    } else if (strcmp(key, "max_body") == 0) {
        r->max_body = number_at(L, -1, "max_body", INT64_MAX);
    } else if (strcmp(key, "redirects") == 0) {
        r->redirects = (unsigned)number_at(L, -1, "redirects", MAX_REDIRECTS);
    } else {
        luaL_error(L,
                   "http.request: unknown key '%s': there are body, headers, max_body, method, "
                   "redirects, timeout, url",
                   key);
    }
}

static void read_request(lua_State *L, struct mb_client_request *r, struct http_wait *w)
{
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            luaL_error(L, "http.request: its keys are texts, not a %s", luaL_typename(L, -2));
        read_key(L, lua_tostring(L, -2), r, w);
        lua_pop(L, 1);
    }
    if (!r->url) luaL_error(L, "http.request: url is missing");
    if (!r->method) r->method = r->has_body ? "POST" : "GET";
    bool is_safe = strcmp(r->method, "GET") == 0 || strcmp(r->method, "HEAD") == 0;
    if (r->has_body && is_safe) luaL_error(L, "http.request: %s takes no body", r->method);
    if (r->redirects > 0 && !is_safe)
        luaL_error(L, "http.request: redirects are followed for GET and HEAD only");
    r->headers = w->line;
    r->nheaders = w->nlines;
}

static struct http_wait *new_wait(lua_State *L, struct mb_task *task)
{
    struct http_wait *w = calloc(1, sizeof *w);
    if (!w) luaL_error(L, "out of memory");
    w->wait.cancel = cancel;
    mb_buf_init(&w->headers, SIZE_MAX);
    mb_buf_init(&w->body, SIZE_MAX);
    mb_buf_init(&w->lines, 65536);
    mb_task_claim(task, &w->claim, release);
    return w;
}

static int l_request(lua_State *L)
{
    struct mb_client *client = mb_vm_plan(mb_vm_of(L))->client;
    struct mb_task *task = mb_task_check(L, "http.request");
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    if (!client)
        return luaL_error(L, "http.request: there is no network while scripts are checked");
    if (mb_task_is_pinned(task))
        return luaL_error(L,
                          "http.request inside db.tx: a connection would wait for another server");
    struct mb_client_request request = {.method = NULL};
    struct mb_client_answer answer = {.code = NULL};
    struct http_wait *w = new_wait(L, task);
    read_request(L, &request, w);
    uint64_t now = uv_now(mb_vm_plan(mb_vm_of(L))->loop), until = mb_task_deadline(task) / 1000000u;
    uint64_t left = until > now ? until - now : 1;
    if (request.timeout == 0 || request.timeout > left)
        request.timeout = left < UINT32_MAX ? (uint32_t)left : 0;
    if (mb_client_start(client, &request, on_done, w, &w->transfer, &answer))
        return mb_task_wait(L, &w->wait, (lua_KContext)w, push_answer);
    take_answer(w, &answer);
    return push_answer(L, LUA_OK, (lua_KContext)w);
}

static int l_host(lua_State *L)
{
    char host[256];
    size_t n;
    const char *url = luaL_checklstring(L, 1, &n);
    if (strlen(url) != n || !mb_client_host(url, host, sizeof host)) return 0;
    lua_pushstring(L, host);
    return 1;
}

int mb_open_http(lua_State *L)
{
    static const luaL_Reg functions[] = {{"request", l_request}, {"host", l_host}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
