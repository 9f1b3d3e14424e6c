#include "bind/handler.h"

#include <lauxlib.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "bind/json.h"
#include "bind/problem.h"
#include "bind/request.h"

enum {
    MAX_REPLY = 64 * 1024 * 1024, /* one buffered JSON answer */
    KEEP_REPLY = 1024 * 1024,     /* a larger buffer is given back after use */
    MAX_HEADERS = 16,
    INLINE_SCRATCH = 256, /* decoded path parameters; longer paths take memory of their own */
    IDLE_CALLS = 256
};

/* One request in the hands of the scripts. */
struct call {
    struct mb_handler *owner;
    struct call *next_idle;
    struct mb_http_request *http;
    struct mb_task *task;
    struct mb_request_handle *handle; /* anchored in the registry until the end */
    int handle_ref;
    struct mb_request_view view;
    struct mb_stream stream;
    struct mb_route_match match;
    char scratch[INLINE_SCRATCH];
    char *long_scratch;
};

struct mb_handler {
    struct mb_handler_plan plan;
    lua_State *L;
    struct mb_tasks *tasks;
    struct mb_buf reply;
    struct call *idle;
    size_t nidle;
};

static struct call *take_call(struct mb_handler *h)
{
    struct call *c = h->idle;
    if (c) {
        h->idle = c->next_idle;
        h->nidle--;
    } else if (!(c = malloc(sizeof *c))) {
        return NULL;
    }
    c->owner = h;
    c->task = NULL;
    c->handle = NULL;
    c->handle_ref = LUA_NOREF;
    c->long_scratch = NULL;
    return c;
}

static void give_call(struct call *c)
{
    struct mb_handler *h = c->owner;
    free(c->long_scratch);
    if (h->nidle >= IDLE_CALLS) {
        free(c);
        return;
    }
    c->next_idle = h->idle;
    h->idle = c;
    h->nidle++;
}

/* ---- head ---- */

static void refuse_method(struct mb_http_request *req, unsigned allow)
{
    char text[128];
    size_t n = 0;
    for (int m = 0; m < MB_METHOD_COUNT; m++)
        if (allow & 1u << m)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? ", " : "",
                                  mb_method_name((enum mb_method)m));
    struct mb_http_header header = {MB_STR("Allow"), {text, n}};
    if (mb_http_method(req) == MB_OPTIONS)
        mb_http_reply(req, 204, NULL, &header, 1, MB_STR(""));
    else
        mb_http_problem(req, 405, "method_not_allowed", "this path does not answer to that method",
                        MB_STR(""), -1, &header, 1);
}

static bool is_json(struct mb_str type)
{
    const char *semicolon = memchr(type.ptr, ';', type.len);
    if (semicolon)
        type.len = (size_t)(semicolon - type.ptr);
    while (type.len && (type.ptr[type.len - 1] == ' ' || type.ptr[type.len - 1] == '\t'))
        type.len--;
    if (mb_str_ieq(type, MB_STR("application/json")))
        return true;
    return type.len > 17 && mb_str_ieq((struct mb_str){type.ptr, 12}, MB_STR("application/")) &&
           mb_str_ieq((struct mb_str){type.ptr + type.len - 5, 5}, MB_STR("+json"));
}

static bool body_fits(const struct mb_vm_route *route, struct mb_http_request *req)
{
    if (!mb_http_has_body(req))
        return true;
    if (route->body == MB_BODY_NONE) {
        mb_http_problem(req, 413, "body_not_expected", "this route takes no body", MB_STR(""), -1, NULL, 0);
        return false;
    }
    struct mb_str encoding = mb_http_header(req, MB_STR("content-encoding"));
    if (encoding.ptr && !mb_str_ieq(encoding, MB_STR("identity"))) {
        mb_http_problem(req, 415, "unsupported_content_encoding", "send the body without compression",
                        MB_STR(""), -1, NULL, 0);
        return false;
    }
    struct mb_str type = mb_http_header(req, MB_STR("content-type"));
    if (route->body == MB_BODY_STREAM)
        return true;
    if (!type.ptr || !is_json(type)) {
        mb_http_problem(req, 415, "unsupported_media_type", "send Content-Type: application/json", MB_STR(""),
                        -1, NULL, 0);
        return false;
    }
    return true;
}

static void on_head(void *ctx, struct mb_http_request *req)
{
    struct mb_handler *h = ctx;
    struct mb_str path = mb_http_path(req);
    struct call *c = take_call(h);
    if (!c || (path.len > INLINE_SCRATCH && !(c->long_scratch = malloc(path.len)))) {
        if (c)
            give_call(c);
        mb_http_problem(req, 503, "out_of_memory", NULL, MB_STR(""), 1, NULL, 0);
        return;
    }
    c->http = req;
    mb_routes_match(mb_vm_routes(h->plan.vm), mb_http_method(req), path,
                    c->long_scratch ? c->long_scratch : c->scratch, &c->match);
    if (c->match.route < 0) {
        unsigned allow = c->match.allow;
        bool known = c->match.route == -2;
        give_call(c);
        if (known)
            refuse_method(req, allow);
        else
            mb_http_problem(req, 404, "not_found", "there is no such path", MB_STR(""), -1, NULL, 0);
        return;
    }
    const struct mb_vm_route *route = mb_vm_route_at(h->plan.vm, (size_t)c->match.route);
    c->view = (struct mb_request_view){req, route, &c->match, &c->stream};
    mb_stream_init(&c->stream, req);
    mb_http_set_data(req, c);
    mb_http_set_route(req, route->pattern);
    if (body_fits(route, req))
        mb_http_accept_body(req, route->body, route->max_body);
}

/* ---- answering ---- */

/* Results of run(req) stand at 2..top; 1 is the call. Runs protected. */
static int answer(lua_State *L)
{
    struct call *c = lua_touserdata(L, 1);
    struct mb_handler *h = c->owner;
    int status = 200, body = 2;
    if (c->stream.out_begun) {
        mb_http_end(c->http);
        return 0;
    }
    if (lua_isinteger(L, 2)) {
        status = (int)lua_tointeger(L, 2);
        body = 3;
    }
    lua_settop(L, 4);
    if (mb_is_problem(L, body)) {
        mb_reply_problem(L, body, c->http);
        return 0;
    }
    if (status < 200 || status > 599)
        return luaL_error(L, "a handler returned status %d", status);
    struct mb_http_header headers[MAX_HEADERS];
    size_t nheaders = 0;
    if (body == 3 && lua_istable(L, 4))
        nheaders = mb_collect_headers(L, 4, headers, MAX_HEADERS, NULL);
    if (lua_isnil(L, body)) {
        mb_http_reply(c->http, body == 3 ? status : 204, NULL, headers, nheaders, MB_STR(""));
        return 0;
    }
    struct mb_err err;
    mb_buf_clear(&h->reply);
    if (mb_json_encode(L, body, &h->reply, &err) != MB_OK)
        return luaL_error(L, "the answer of %s cannot be encoded: %s", c->view.route->pattern, err.text);
    mb_http_reply(c->http, status, "application/json", headers, nheaders, mb_buf_str(&h->reply));
    if (h->reply.cap > KEEP_REPLY)
        mb_buf_reset(&h->reply);
    return 0;
}

static void answer_error(struct mb_handler *h, struct mb_http_request *http, const char *text, const char *trace)
{
    const char *detail = h->plan.show_errors && text ? text : "the server failed; quote the request id";
    atomic_fetch_add_explicit(&h->plan.stats->script_errors, 1, memory_order_relaxed);
    mb_log(MB_LOG_ERROR, "script error", "request", mb_http_id(http), "error", text ? text : "not a text",
           "trace", trace, NULL);
    if (mb_http_replied(http)) /* a stream broke: the client must see that */
        mb_http_abort(http);
    else
        mb_http_problem(http, 500, "internal_error", detail, MB_STR(""), -1, NULL, 0);
}

/* What the client is not told of a failed statement. The problem stands at 2. */
static void log_cause(lua_State *L, struct mb_http_request *http)
{
    lua_pushliteral(L, "cause");
    lua_rawget(L, 2);
    lua_pushliteral(L, "code");
    lua_rawget(L, 2);
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING)
        mb_log(MB_LOG_WARN, "a statement failed", "request", mb_http_id(http), "code", lua_tostring(L, -1),
               "error", lua_tostring(L, -2), NULL);
    lua_pop(L, 2);
}

struct failure {
    struct mb_handler *owner;
    struct mb_http_request *http;
    lua_State *co;
};

/* The error object stands at 2. Runs protected; nothing of the object is called. */
static int answer_failure(lua_State *L)
{
    struct failure *f = lua_touserdata(L, 1);
    if (mb_is_problem(L, 2) && !mb_http_replied(f->http)) {
        log_cause(L, f->http);
        mb_reply_problem(L, 2, f->http);
        return 0;
    }
    const char *text = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
    luaL_traceback(L, f->co, NULL, 0);
    answer_error(f->owner, f->http, text, lua_tostring(L, -1));
    return 0;
}

/* Calls fn(light, values moved from `from`) in the main thread, protected. */
static bool call_protected(struct mb_handler *h, lua_CFunction fn, void *light, lua_State *from, int n)
{
    lua_State *L = h->L;
    if (!lua_checkstack(L, n + 8))
        return false;
    lua_pushcfunction(L, fn);
    lua_pushlightuserdata(L, light);
    if (n)
        lua_xmove(from, L, n);
    return lua_pcall(L, n + 1, 0, 0) == LUA_OK;
}

static void on_done(void *ctx, lua_State *co, bool failed, int nresults)
{
    struct call *c = ctx;
    struct mb_handler *h = c->owner;
    struct mb_http_request *http = c->http;
    c->task = NULL;
    if (h->plan.running)
        h->plan.running[0] = 0;
    struct failure f = {h, http, co};
    bool ok = failed ? call_protected(h, answer_failure, &f, co, 1)
                     : call_protected(h, answer, c, co, nresults > 3 ? 3 : nresults);
    if (!ok) {
        const char *text = lua_type(h->L, -1) == LUA_TSTRING ? lua_tostring(h->L, -1) : NULL;
        answer_error(h, http, text, NULL);
        lua_settop(h->L, 0);
    }
}

/* ---- running ---- */

static int make_handle(lua_State *L)
{
    struct call *c = lua_touserdata(L, 1);
    c->handle = mb_request_push(L, &c->view);
    lua_pushvalue(L, -1);
    c->handle_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 1;
}

static void on_ready(void *ctx, struct mb_http_request *req)
{
    struct mb_handler *h = ctx;
    struct call *c = mb_http_data(req);
    lua_State *L = h->L;
    lua_pushcfunction(L, make_handle);
    lua_pushlightuserdata(L, c);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        c->task = mb_task_new(h->tasks, c->view.route->run_ref, mb_http_deadline_ns(req), on_done, c);
    if (!c->task) {
        lua_settop(L, 0);
        mb_http_problem(req, 503, "out_of_memory", NULL, MB_STR(""), 1, NULL, 0);
        return;
    }
    if (h->plan.running)
        snprintf(h->plan.running, h->plan.running_size, "%s %s", mb_method_name(c->view.route->method),
                 c->view.route->pattern);
    atomic_fetch_add_explicit(&h->plan.stats->tasks, 1, memory_order_relaxed);
    atomic_store_explicit(&h->plan.stats->script_bytes, mb_vm_bytes(h->plan.vm), memory_order_relaxed);
    lua_xmove(L, mb_task_thread(c->task), 1);
    mb_task_run(c->task, 1);
}

static void drop_task(struct call *c)
{
    struct mb_task *task = c->task;
    c->task = NULL;
    if (task)
        mb_task_drop(task);
}

static void on_abort(void *ctx, struct mb_http_request *req)
{
    (void)ctx;
    struct call *c = mb_http_data(req);
    if (c)
        drop_task(c);
}

static bool on_body(void *ctx, struct mb_http_request *req, struct mb_str piece)
{
    (void)ctx;
    return mb_stream_on_body(&((struct call *)mb_http_data(req))->stream, piece);
}

static void on_body_end(void *ctx, struct mb_http_request *req)
{
    (void)ctx;
    mb_stream_on_body_end(&((struct call *)mb_http_data(req))->stream);
}

static void on_writable(void *ctx, struct mb_http_request *req)
{
    (void)ctx;
    mb_stream_on_writable(&((struct call *)mb_http_data(req))->stream);
}

static void on_end(void *ctx, struct mb_http_request *req)
{
    struct mb_handler *h = ctx;
    struct call *c = mb_http_data(req);
    if (!c)
        return;
    drop_task(c);
    if (c->handle)
        mb_request_empty(c->handle);
    luaL_unref(h->L, LUA_REGISTRYINDEX, c->handle_ref);
    mb_stream_reset(&c->stream);
    give_call(c);
}

struct mb_http_handler mb_handler_callbacks(struct mb_handler *h)
{
    return (struct mb_http_handler){
        .ctx = h,
        .on_head = on_head,
        .on_body = on_body,
        .on_ready = on_ready,
        .on_body_end = on_body_end,
        .on_writable = on_writable,
        .on_abort = on_abort,
        .on_end = on_end};
}

enum mb_rc mb_handler_new(struct mb_handler **out, const struct mb_handler_plan *plan)
{
    struct mb_handler *h = calloc(1, sizeof *h);
    if (!h)
        return MB_E_NOMEM;
    h->plan = *plan;
    h->L = mb_vm_state(plan->vm);
    mb_buf_init(&h->reply, MAX_REPLY);
    enum mb_rc rc = mb_tasks_new(&h->tasks, plan->vm);
    if (rc != MB_OK) {
        free(h);
        return rc;
    }
    *out = h;
    return MB_OK;
}

void mb_handler_free(struct mb_handler *h)
{
    if (!h)
        return;
    mb_tasks_free(h->tasks);
    mb_buf_reset(&h->reply);
    while (h->idle) {
        struct call *c = h->idle;
        h->idle = c->next_idle;
        free(c);
    }
    free(h);
}
