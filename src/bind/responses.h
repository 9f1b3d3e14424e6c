#pragma once
/*
 * What a route promises to answer: for each status a schema, a media type or nothing, and the codes of its problems.
 * A route that names no response promises nothing and may answer anything.
 */
#include <lua.h>

#include "base/buf.h"
#include "base/err.h"

struct mb_shape;

struct mb_response {
    int status;
    char *media;            /* of a stream; NULL = none */
    struct mb_shape *shape; /* of a body of JSON; NULL = none */
    int shape_ref, values_ref;
    bool is_checked; /* an answer was looked at */
};

struct mb_responses {
    struct mb_response *list;
    size_t n;
    int codes_ref; /* registry: set of codes, whose [1] is the set of any route's; LUA_NOREF = any */
};

/* Takes { responses = { { status =, schema = | media = | nothing }, … }, codes = set or nil } at index: a compiled
 * route (lua/mb/router.lua). Raises what is wrong with it. The references live as long as L. */
void mb_responses_take(lua_State *L, int index, struct mb_responses *r);
void mb_responses_free(struct mb_responses *r); /* not the references */

/* *out: what is promised for that status, NULL where nothing is promised at all. MB_E_SCRIPT: it is none of them. */
MB_MUST_CHECK enum mb_rc mb_responses_find(const struct mb_responses *r, int status,
                                           struct mb_response **out, struct mb_err *err);
/* Appends the body at index (0 = none), which is of the media type application/json. it: NULL = any. */
MB_MUST_CHECK enum mb_rc mb_response_encode(lua_State *L, int index, const struct mb_response *it,
                                            struct mb_buf *out, struct mb_err *err);
/* Whether the text is what was promised. */
MB_MUST_CHECK enum mb_rc mb_response_holds(lua_State *L, struct mb_response *it, struct mb_str text,
                                           struct mb_err *err);
/* Whether a stream may begin with that status and media type. */
MB_MUST_CHECK enum mb_rc mb_responses_stream(const struct mb_responses *r, int status,
                                             const char *media, struct mb_err *err);
/* Whether a problem may have that code. */
bool mb_responses_has_code(lua_State *L, const struct mb_responses *r, const char *code);
