#pragma once
/*
 * Problems: the error objects of scripts. `error(problem(409, "slot_taken", "…"))` and
 * `return problem(…)` both end a request with that RFC 9457 answer. A problem is a table with
 * the fields status, code, detail, errors, retry_after, headers, failure and a metatable of its own.
 */
#include <lua.h>
#include <stdbool.h>

#include "base/buf.h"

struct mb_http_request;

bool mb_is_problem(lua_State *L, int index);
/* Pushes a problem; detail may be NULL; retry_after_s < 0 = none. */
void mb_push_problem(lua_State *L, int status, const char *code, const char *detail,
                     int retry_after_s);
/* Whether the problem at the absolute index stands for code that failed. */
bool mb_problem_is_failure(lua_State *L, int index);
/* Its code, borrowed, which its route is to have declared; NULL when nobody has to. */
const char *mb_problem_code(lua_State *L, int index);
/* Answers req with the problem at index (raw access only; nothing of it is called). scratch is
 * cleared and used. MB_E_SCRIPT: its headers or errors are none, and nothing was answered. */
MB_MUST_CHECK enum mb_rc mb_reply_problem(lua_State *L, int index, struct mb_http_request *req,
                                          struct mb_buf *scratch, struct mb_err *err);
