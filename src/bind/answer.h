#pragma once
/*
 * What a route's run(req) returned or raised -> the reply. Results are `body`, or `status, body,
 * headers`; a body is a table, rows, json.raw, or nil (204). A problem, returned or raised, is
 * answered as such; any other error is logged with its traceback and answered 500 with the
 * request id only, or 503 when it was want of memory. A stream that was begun takes no results,
 * and an error cuts it. What an answer may be is said by the `responses` of its route (responses.h).
 */
#include <lua.h>

#include "bind/budget.h"
#include "bind/handler.h"
#include "bind/stream.h"

struct mb_answer {
    struct mb_http_request *http;
    const struct mb_stream *stream;
    const struct mb_handler_plan *plan;
    struct mb_buf *scratch;  /* JSON is built here */
    const struct mb_vm_route *route; /* whose promises it keeps */
};

/* The results are the values from `first` to the top. May raise out of memory only. */
void mb_answer_results(lua_State *L, int first, const struct mb_answer *a);
/* The error object, as mb_answer_trace left it, is at the top. May raise out of memory only. */
void mb_answer_raised(lua_State *L, const struct mb_answer *a);
/* A message handler: a text gets its traceback, a problem stays one, of others only the type is
 * told. */
int mb_answer_trace(lua_State *L);
/* 503, and the limit, the line and the traceback into the log; the traceback is at the top. */
void mb_answer_over_budget(lua_State *L, const struct mb_answer *a, const struct mb_budget *b);
/* 500, and the text into the log; trace may be NULL. Needs no memory of Lua. */
void mb_answer_broken(const struct mb_answer *a, const char *text, const char *trace);
/* 503, as the scripts of this process have no memory left; other requests will give some back. */
void mb_answer_starved(const struct mb_answer *a);
