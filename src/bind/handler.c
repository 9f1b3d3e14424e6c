#include "bind/handler.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bind/answer.h"
#include "bind/request.h"

/* From the callbacks of the server to the coroutine of a request, and back at its end. */

enum {
    INLINE_SCRATCH = 256, /* decoded path parameters; longer paths take memory of their own */
    IDLE_CALLS = 256
};

/* One request in the hands of the scripts. */
struct call {
    struct mb_handler *owner;
    struct call *prev, *next; /* those in work; next alone links the idle ones */
    struct mb_http_request *http;
    struct mb_task *task;             /* NULL before it begins and once it is over */
    struct mb_request_handle *handle; /* on the task's stack; NULL when there is none */
    struct mb_request_view view;
    struct mb_answer answer;
    struct mb_stream stream;
    struct mb_route_match match;
    char scratch[INLINE_SCRATCH];
    char *long_scratch;
};

struct mb_handler {
    struct mb_handler_plan plan;
    struct mb_tasks *tasks;
    struct mb_buf reply;
    struct mb_budget budget; /* of every request */
    struct call busy;        /* list head */
    struct call *idle;
    size_t nidle;
    void (*on_empty)(void *ctx); /* set once it is retired */
    void *on_empty_ctx;
};

static struct call *take_call(struct mb_handler *h)
{
    struct call *c = h->idle;
    if (c) {
        h->idle = c->next;
        h->nidle--;
    } else if (!(c = malloc(sizeof *c))) {
        return NULL;
    }
    c->owner = h;
    c->prev = h->busy.prev;
    c->next = &h->busy;
    c->prev->next = c->next->prev = c;
    c->task = NULL;
    c->handle = NULL;
    c->long_scratch = NULL;
    return c;
}

static void give_call(struct call *c)
{
    struct mb_handler *h = c->owner;
    free(c->long_scratch);
    c->prev->next = c->next;
    c->next->prev = c->prev;
    if (h->nidle >= IDLE_CALLS) {
        free(c);
    } else {
        c->next = h->idle;
        h->idle = c;
        h->nidle++;
    }
    if (h->on_empty && h->busy.next == &h->busy) h->on_empty(h->on_empty_ctx);
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

static bool body_fits(const struct mb_vm_route *route, struct mb_http_request *req)
{
    if (!mb_http_has_body(req)) return true;
    if (route->body == MB_BODY_NONE) {
        mb_http_problem(req, 413, "body_not_expected", "this route takes no body", MB_STR(""), -1,
                        NULL, 0);
        return false;
    }
    return mb_http_body_is_readable(req, route->body == MB_BODY_BUFFER);
}

void mb_handler_take(struct mb_handler *h, struct mb_http_request *req)
{
    struct mb_str path = mb_http_path(req);
    struct call *c = take_call(h);
    if (!c || (path.len > INLINE_SCRATCH && !(c->long_scratch = malloc(path.len)))) {
        if (c) give_call(c);
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
            mb_http_problem(req, 404, "not_found", "path not found", MB_STR(""), -1, NULL,
                            0);
        return;
    }
    const struct mb_vm_route *route = mb_vm_route_at(h->plan.vm, (size_t)c->match.route);
    c->view = (struct mb_request_view){req, route, &c->match, &c->stream};
    mb_stream_init(&c->stream, req, route, mb_vm_plan(h->plan.vm)->limits.max_input);
    mb_http_set_data(req, c);
    mb_http_set_route(req, route->pattern);
    if (body_fits(route, req)) mb_http_accept_body(req, route->body, route->max_body);
}

/* ---- running ---- */

/* The stack of a task, below what run(req) leaves. */
enum { AT_CALL = 1, AT_HANDLE, AT_TRACE, AT_RESULTS };

static int finish(lua_State *L, int status, lua_KContext ctx)
{
    struct call *c = (struct call *)ctx;
    const struct mb_budget *budget = mb_task_budget(c->task);
    if (budget->verdict > MB_VERDICT_LATE)
        mb_answer_over_budget(L, &c->answer, budget);
    else if (status == LUA_OK || status == LUA_YIELD)
        mb_answer_results(L, AT_RESULTS, &c->answer);
    else if (status == LUA_ERRMEM)
        mb_answer_starved(&c->answer);
    else
        mb_answer_raised(L, &c->answer);
    return 0;
}

static int enter(lua_State *L)
{
    struct call *c = lua_touserdata(L, AT_CALL);
    c->handle = mb_request_push(L, &c->view, mb_vm_request_type(c->owner->plan.vm));
    lua_pushcfunction(L, mb_answer_trace);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->view.route->run_ref);
    lua_pushvalue(L, AT_HANDLE);
    lua_KContext ctx = (lua_KContext)c;
    return finish(L, lua_pcallk(L, 1, LUA_MULTRET, AT_TRACE, ctx, finish), ctx);
}

/* The handle goes with the stack that holds it: late use must find it empty. */
static void empty_handle(struct call *c)
{
    if (c->handle) mb_request_empty(c->handle);
    c->handle = NULL;
}

static void on_done(void *ctx, int status)
{
    struct call *c = ctx;
    c->task = NULL;
    empty_handle(c);
    if (status == LUA_YIELD)
        mb_answer_broken(&c->answer, "coroutine.yield outside a coroutine of the script", NULL);
    else if (status == LUA_ERRMEM)
        mb_answer_starved(&c->answer);
    else if (status != LUA_OK)
        mb_answer_broken(&c->answer, "an error in handling an error", NULL);
}

static void on_ready(void *ctx, struct mb_http_request *req)
{
    (void)ctx;
    struct call *c = mb_http_data(req);
    struct mb_handler *h = c->owner;
    struct mb_task_plan plan = {.entry = enter,
                                .done = on_done,
                                .ctx = c,
                                .deadline_ns = mb_http_deadline_ns(req),
                                .label = c->view.route->label,
                                .request = mb_http_id(req),
                                .budget = h->budget};
    c->answer = (struct mb_answer){req, &c->stream, &h->plan, &h->reply, c->view.route};
    c->task = mb_task_new(h->tasks, &plan);
    if (!c->task) {
        mb_http_problem(req, 503, "out_of_memory", NULL, MB_STR(""), 1, NULL, 0);
        return;
    }
    struct mb_handler_stats *stats = h->plan.stats;
    uint64_t tasks = atomic_load_explicit(&stats->tasks, memory_order_relaxed);
    atomic_store_explicit(&stats->tasks, tasks + 1, memory_order_relaxed); /* the only writer */
    if (h->plan.score != NULL)
        atomic_fetch_add_explicit(&h->plan.score->requests, 1, memory_order_relaxed);
    mb_task_run(c->task);
}

static void drop_task(struct call *c)
{
    struct mb_task *task = c->task;
    if (!task) return;
    c->task = NULL;
    empty_handle(c);
    mb_task_drop(task);
}

static void on_abort(void *ctx, struct mb_http_request *req)
{
    (void)ctx;
    struct call *c = mb_http_data(req);
    if (c) drop_task(c);
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
    (void)ctx;
    struct call *c = mb_http_data(req);
    if (!c) return;
    drop_task(c);
    mb_stream_reset(&c->stream);
    give_call(c);
}

struct mb_http_handler mb_handler_callbacks(void)
{
    return (struct mb_http_handler){.on_body = on_body,
                                    .on_ready = on_ready,
                                    .on_body_end = on_body_end,
                                    .on_writable = on_writable,
                                    .on_abort = on_abort,
                                    .on_end = on_end};
}

/* ---- life ---- */

void mb_handler_retire(struct mb_handler *h, void (*done)(void *ctx), void *ctx)
{
    h->on_empty = done;
    h->on_empty_ctx = ctx;
    if (h->busy.next == &h->busy) done(ctx);
}

static void cut(struct call *c)
{
    drop_task(c);
    if (mb_http_replied(c->http))
        mb_http_abort(c->http);
    else
        mb_http_problem(c->http, 503, "reloaded",
                        "the scripts were replaced and this request outlived "
                        "reload.drain_timeout; repeat it",
                        MB_STR(""), 1, NULL, 0);
}

/* Whether a call has ended by then, or ends when the connection is next looked at, the one after
 * it stays where it is: an end unlinks no other call. */
void mb_handler_cut(struct mb_handler *h)
{
    for (struct call *c = h->busy.next, *next; c != &h->busy; c = next) {
        next = c->next;
        cut(c);
    }
}

enum mb_rc mb_handler_new(struct mb_handler **out, const struct mb_handler_plan *plan)
{
    struct mb_handler *h = calloc(1, sizeof *h);
    if (!h) return MB_E_NOMEM;
    h->plan = *plan;
    h->busy.prev = h->busy.next = &h->busy;
    h->budget =
        (struct mb_budget){.key = "worker.script_cpu",
                           .limit_ns = (uint64_t)mb_vm_plan(plan->vm)->limits.cpu_ms * 1000000u};
    mb_buf_init(&h->reply, mb_vm_plan(plan->vm)->limits.max_reply);
    enum mb_rc rc = mb_tasks_new(&h->tasks, mb_vm_state(plan->vm), mb_vm_plan(plan->vm)->loop);
    if (rc != MB_OK) {
        free(h);
        return rc;
    }
    *out = h;
    return MB_OK;
}

void mb_handler_free(struct mb_handler *h)
{
    if (!h) return;
    mb_tasks_free(h->tasks);
    mb_buf_reset(&h->reply);
    while (h->idle) {
        struct call *c = h->idle;
        h->idle = c->next;
        free(c);
    }
    free(h);
}
