#include "bind/answer.h"

#include <lauxlib.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/log.h"
#include "bind/json.h"
#include "bind/problem.h"

enum {
    KEEP_SCRATCH = 1024 * 1024, /* a larger buffer is given back after use */
    MAX_HEADERS = 16
};

static const char TRACE_MARK[] = "\nstack traceback:\n";

static void count_failure(const struct mb_answer *a)
{
    atomic_fetch_add_explicit(&a->plan->stats->script_errors, 1, memory_order_relaxed);
    if (a->plan->score != NULL)
        atomic_fetch_add_explicit(&a->plan->score->failures, 1, memory_order_relaxed);
}

/* Counts and logs it. False when the answer has begun: then it is cut, so that the client sees. */
static bool note_failure(const struct mb_answer *a, const char *text, const char *trace)
{
    count_failure(a);
    mb_log(MB_LOG_ERROR, "script error", "request", mb_http_id(a->http), "error", text, "trace",
           trace, NULL);
    bool replied = mb_http_replied(a->http);
    if (replied) mb_http_abort(a->http);
    return !replied;
}

void mb_answer_broken(const struct mb_answer *a, const char *text, const char *trace)
{
    const char *detail = a->plan->show_errors ? text : "the server failed; quote the request id";
    if (note_failure(a, text, trace))
        mb_http_problem(a->http, 500, "internal_error", detail, MB_STR(""), -1, NULL, 0);
}

/* An answer that cannot be sent, or may not. */
static void broken_promise(const struct mb_answer *a, const struct mb_err *err)
{
    char text[sizeof err->text + sizeof a->route->label + 16];
    (void)snprintf(text, sizeof text, "answer of %s: %s", a->route->label, err->text);
    mb_answer_broken(a, text, NULL);
}

void mb_answer_starved(const struct mb_answer *a)
{
    if (note_failure(a, "not enough memory", NULL))
        mb_http_problem(a->http, 503, "out_of_memory", NULL, MB_STR(""), 1, NULL, 0);
}

/* What the traceback begins with is the name of the error: of no use. */
void mb_answer_over_budget(lua_State *L, const struct mb_answer *a, const struct mb_budget *b)
{
    char text[128];
    const char *trace =
        lua_type(L, -1) == LUA_TSTRING ? strstr(lua_tostring(L, -1), TRACE_MARK) : NULL;
    (void)snprintf(text, sizeof text, "more than %d ms of processor time without a wait (%s)",
                   (int)(b->limit_ns / 1000000u), b->key);
    count_failure(a);
    mb_log(MB_LOG_ERROR, "script ended", "request", mb_http_id(a->http), "limit", text, "at", b->at,
           "trace", trace ? trace + 1 : NULL, NULL);
    if (mb_http_replied(a->http))
        mb_http_abort(a->http);
    else
        mb_http_problem(a->http, 503, "cpu_limit", text, MB_STR(""), 1, NULL, 0);
}

/* ---- results ---- */

struct results {
    int status;
    int body, headers; /* stack indices; 0 = none */
};

static bool is_body(int type) { return type == LUA_TTABLE || type == LUA_TUSERDATA; }

static enum mb_rc read_results(lua_State *L, int first, struct results *r, struct mb_err *err)
{
    int n = lua_gettop(L) - first + 1;
    *r = (struct results){.status = 200, .body = first};
    if (n == 1 && is_body(lua_type(L, first))) return MB_OK; /* by far the most frequent */
    if (n > 0 && lua_isinteger(L, first)) {
        lua_Integer status = lua_tointeger(L, first);
        if (status < 200 || status > 599)
            return mb_fail(err, MB_E_SCRIPT, "a handler returned status %lld", (long long)status);
        r->status = (int)status;
        r->body = first + 1;
    } else if (n > 1) {
        return mb_fail(err, MB_E_SCRIPT,
                       "a handler that returns several values returns a status first, not a %s",
                       luaL_typename(L, first));
    }
    if (n > 3) return mb_fail(err, MB_E_SCRIPT, "a handler returned %d values", n);
    lua_settop(L, r->body + 1);
    int body = lua_type(L, r->body), headers = lua_type(L, r->body + 1);
    if (body == LUA_TNIL && r->body == first) r->status = 204;
    if (body == LUA_TNIL)
        r->body = 0;
    else if (!is_body(body))
        return mb_fail(err, MB_E_SCRIPT, "a handler returned a %s as its body",
                       lua_typename(L, body));
    if (headers == LUA_TTABLE)
        r->headers = lua_gettop(L);
    else if (headers != LUA_TNIL)
        return mb_fail(err, MB_E_SCRIPT, "a handler returned a %s as its headers",
                       lua_typename(L, headers));
    return MB_OK;
}

static void send_reply(const struct results *r, const struct mb_answer *a,
                       const struct mb_http_header *headers, size_t n)
{
    mb_http_reply(a->http, r->status, r->body ? "application/json" : NULL, headers, n,
                  mb_buf_str(a->scratch));
}

/* Apart from reply, because most answers have none and need not pay for the room. */
static enum mb_rc send_with_headers(lua_State *L, const struct results *r,
                                    const struct mb_answer *a, struct mb_err *err)
{
    struct mb_http_header headers[MAX_HEADERS];
    size_t n = 0;
    enum mb_rc rc = mb_collect_headers(L, r->headers, headers, MAX_HEADERS, &n, NULL, err);
    if (rc == MB_OK) send_reply(r, a, headers, n);
    return rc;
}

/* What nobody could help any more, as a booking is made already, must not become a failure in production: there the
 * log is told of the route, once, and who watches sees it counted. */
static enum mb_rc hold(lua_State *L, struct mb_response *it, const struct mb_answer *a,
                       struct mb_err *err)
{
    if (it->is_checked && !a->plan->check_answers) return MB_OK;
    it->is_checked = true;
    enum mb_rc rc = mb_response_holds(L, it, mb_buf_str(a->scratch), err);
    if (rc == MB_OK || a->plan->check_answers) return rc;
    count_failure(a);
    mb_log(MB_LOG_ERROR, "an answer is not what its schema says", "request", mb_http_id(a->http),
           "route", a->route->label, "error", err->text, NULL);
    return MB_OK;
}

static enum mb_rc encode(lua_State *L, const struct results *r, const struct mb_answer *a,
                         struct mb_err *err)
{
    struct mb_response *it;
    enum mb_rc rc = mb_responses_find(&a->route->responses, r->status, &it, err);
    mb_buf_clear(a->scratch);
    if (rc == MB_OK) rc = mb_response_encode(L, r->body, it, a->scratch, err);
    if (rc == MB_OK && it != NULL && it->shape != NULL) rc = hold(L, it, a, err);
    return rc;
}

static enum mb_rc reply(lua_State *L, const struct results *r, const struct mb_answer *a,
                        struct mb_err *err)
{
    enum mb_rc rc = encode(L, r, a, err);
    if (rc != MB_OK) return rc;
    if (r->headers) return send_with_headers(L, r, a, err);
    send_reply(r, a, NULL, 0);
    return MB_OK;
}

static enum mb_rc reply_problem(lua_State *L, int index, const struct mb_answer *a,
                                struct mb_err *err)
{
    const char *code = a->plan->check_answers ? mb_problem_code(L, index) : NULL;
    if (code != NULL && !mb_responses_has_code(L, &a->route->responses, code))
        return mb_fail(err, MB_E_SCRIPT, "the code '%s' is not among the `errors` of the route", code);
    enum mb_rc rc = mb_reply_problem(L, index, a->http, a->scratch, err);
    if (rc == MB_OK && mb_problem_is_failure(L, index)) count_failure(a);
    return rc;
}

static enum mb_rc answer(lua_State *L, int first, const struct mb_answer *a, struct mb_err *err)
{
    struct results r;
    enum mb_rc rc = read_results(L, first, &r, err);
    if (rc != MB_OK) return rc;
    if (a->stream->out_begun) {
        if (r.body || r.status != 204)
            return mb_fail(err, MB_E_SCRIPT, "a handler returned an answer after req:begin");
        mb_http_end(a->http);
        return MB_OK;
    }
    if (r.body && mb_is_problem(L, r.body)) return reply_problem(L, r.body, a, err);
    return reply(L, &r, a, err);
}

static void trim(struct mb_buf *scratch)
{
    if (scratch->cap > KEEP_SCRATCH) mb_buf_reset(scratch);
}

void mb_answer_results(lua_State *L, int first, const struct mb_answer *a)
{
    struct mb_err err;
    if (answer(L, first, a, &err) != MB_OK) broken_promise(a, &err);
    trim(a->scratch);
}

/* ---- errors ---- */

int mb_answer_trace(lua_State *L)
{
    if (mb_is_problem(L, 1)) return 1;
    int type = lua_type(L, 1);
    const char *text = type == LUA_TSTRING || type == LUA_TNUMBER
                           ? lua_tostring(L, 1)
                           : lua_pushfstring(L, "a script raised a %s", lua_typename(L, type));
    luaL_traceback(L, L, text, 1);
    return 1;
}

/* What the client is not told of a failed statement. The problem stands at index. */
static void log_cause(lua_State *L, int index, struct mb_http_request *http)
{
    lua_pushliteral(L, "cause");
    lua_rawget(L, index);
    lua_pushliteral(L, "code");
    lua_rawget(L, index);
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING)
        mb_log(MB_LOG_WARN, "a statement failed", "request", mb_http_id(http), "code",
               lua_tostring(L, -1), "error", lua_tostring(L, -2), NULL);
    lua_pop(L, 2);
}

static void answer_problem(lua_State *L, int index, const struct mb_answer *a)
{
    struct mb_err err;
    log_cause(L, index, a->http);
    if (mb_http_replied(a->http))
        mb_answer_broken(a, "a problem was raised after req:begin", NULL);
    else if (reply_problem(L, index, a, &err) != MB_OK)
        broken_promise(a, &err);
    trim(a->scratch);
}

void mb_answer_raised(lua_State *L, const struct mb_answer *a)
{
    int at = lua_gettop(L);
    if (mb_is_problem(L, at)) {
        answer_problem(L, at, a);
        return;
    }
    const char *text =
        lua_type(L, at) == LUA_TSTRING ? lua_tostring(L, at) : "an error without text";
    const char *mark = strstr(text, TRACE_MARK), *trace = NULL;
    if (mark) {
        trace = mark + 1;
        text = lua_pushlstring(L, text, (size_t)(mark - text));
    }
    mb_answer_broken(a, text, trace);
}
