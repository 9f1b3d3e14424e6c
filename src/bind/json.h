#pragma once
/*
 * Lua values <-> JSON. Encoding uses raw access only, bounds the depth and knows result rows
 * (rows.h), so a page of rows goes from libpq to the socket without becoming tables. A table
 * with [1] is an array; an empty one an object unless made by json.array(), or its shape says what it is.
 */
#include <lua.h>

#include "base/json.h"
#include "net/http.h"

struct mb_shape;

/* Appends the value at index. MB_E_JSON names what cannot be written faithfully, after its JSON pointer. */
MB_MUST_CHECK enum mb_rc mb_json_encode(lua_State *L, int index, struct mb_buf *out,
                                        struct mb_err *err);
/* The same as its shape has it, whose list of values stands at `values`. What stands in json.raw is taken as it is. */
MB_MUST_CHECK enum mb_rc mb_json_encode_as(lua_State *L, int index, const struct mb_shape *shape,
                                           int values, struct mb_buf *out, struct mb_err *err);
/* Whether the value at index is json.raw, and its text, which lives as long as that. */
bool mb_json_raw(lua_State *L, int index, struct mb_str *text);
/* Puts json.raw in the place of the text at the top. */
void mb_json_make_raw(lua_State *L);
/* Was the table at index made by json.array() or of [...]? */
bool mb_json_is_marked_array(lua_State *L, int index);
/* Pushes the decoded value (objects and arrays as tables, null as json.null, integers as
 * integers, other numbers as floats); on failure nothing is pushed. May raise out of memory. */
MB_MUST_CHECK enum mb_rc mb_json_decode(lua_State *L, struct mb_str text,
                                        struct mb_json_fault *fault);
/* encode(value) -> text, and decode(text) -> value, or nil and "… at byte n": functions for scripts. Where these may wait
 * they rest when a slice is over, whatever they were given. */
int mb_json_encode_call(lua_State *L);
int mb_json_decode_call(lua_State *L);
void mb_json__register_calls(lua_State *L);
/* What reads JSON by and by: it makes the value on the stack of d->L, d->depth being 0 in the beginning. */
struct mb_json_maker {
    lua_State *L;
    struct {
        bool array;
        lua_Integer n;
    } level[64];
    int depth;
};
extern const struct mb_json_sink mb_json__sink;
/* { Name = "value" } at index -> *n headers; texts stay borrowed from the table. A Content-Type
 * goes to *content_type instead, when that is given. MB_E_SCRIPT when something else stands there
 * or they are more than max. */
MB_MUST_CHECK enum mb_rc mb_collect_headers(lua_State *L, int index, struct mb_http_header *out,
                                            size_t max, size_t *n, const char **content_type,
                                            struct mb_err *err);
/* An empty table that stays an array when it is encoded again. */
void mb_json_push_array(lua_State *L);
/* json.null. */
void mb_json_push_null(lua_State *L);
/* Is the value at index json.null? */
bool mb_is_json_null(lua_State *L, int index);
