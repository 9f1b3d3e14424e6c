#include "bind/problem.h"

#include <lauxlib.h>

#include "bind/json.h"
#include "bind/modules.h"
#include "net/http.h"

/* mb.problem, and problems turned into answers. */

static const char PROBLEM; /* registry key of the metatable */

enum { MAX_HEADERS = 16 };

bool mb_is_problem(lua_State *L, int index)
{
    if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
    lua_rawgetp(L, LUA_REGISTRYINDEX, &PROBLEM);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

void mb_push_problem(lua_State *L, int status, const char *code, const char *detail,
                     int retry_after_s)
{
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, status);
    lua_setfield(L, -2, "status");
    lua_pushstring(L, code);
    lua_setfield(L, -2, "code");
    if (detail) {
        lua_pushstring(L, detail);
        lua_setfield(L, -2, "detail");
    }
    if (retry_after_s >= 0) {
        lua_pushinteger(L, retry_after_s);
        lua_setfield(L, -2, "retry_after");
    }
    lua_rawgetp(L, LUA_REGISTRYINDEX, &PROBLEM);
    lua_setmetatable(L, -2);
}

int mb_raise(lua_State *L, const struct mb_err *err, int retry_after_s)
{
    mb_push_problem(L, mb_rc_status(err->rc), mb_rc_word(err->rc), mb_rc_text(err->rc),
                    retry_after_s);
    lua_pushstring(L, err->text); /* for scripts and the log; never sent */
    lua_setfield(L, -2, "cause");
    lua_pushstring(L, err->sqlstate);
    lua_setfield(L, -2, "sqlstate");
    lua_pushstring(L, err->constraint);
    lua_setfield(L, -2, "constraint");
    return lua_error(L);
}

static struct mb_str raw_text(lua_State *L, int index, const char *key, struct mb_str otherwise)
{
    index = lua_absindex(L, index);
    lua_pushstring(L, key);
    lua_rawget(L, index);
    struct mb_str s = otherwise;
    if (lua_type(L, -1) == LUA_TSTRING) s.ptr = lua_tolstring(L, -1, &s.len);
    lua_pop(L, 1); /* still anchored in the table */
    return s;
}

static int raw_int(lua_State *L, int index, const char *key, int otherwise)
{
    index = lua_absindex(L, index);
    lua_pushstring(L, key);
    lua_rawget(L, index);
    int v = lua_isinteger(L, -1) ? (int)lua_tointeger(L, -1) : otherwise;
    lua_pop(L, 1);
    return v;
}

static int raw_field(lua_State *L, int index, const char *key)
{
    lua_pushstring(L, key);
    return lua_rawget(L, index);
}

/* Adds what the table at the top of the stack holds as members, each with a comma before it. */
static enum mb_rc add_members(lua_State *L, struct mb_buf *b, struct mb_err *err)
{
    size_t start = b->len;
    enum mb_rc rc = mb_json_encode(L, -1, b, err);
    if (rc != MB_OK) return rc;
    if (b->data[start] != '{') return mb_fail(err, MB_E_JSON, "members of a problem have names");
    b->data[start] = ',';
    b->len = b->len - start > 2 ? b->len - 1 : start; /* without the last brace */
    return MB_OK;
}

enum mb_rc mb_reply_problem(lua_State *L, int index, struct mb_http_request *req,
                            struct mb_buf *scratch, struct mb_err *err)
{
    struct mb_http_header headers[MAX_HEADERS];
    size_t nheaders = 0;
    int top = lua_gettop(L), status = raw_int(L, index, "status", 500);
    int retry_after = raw_int(L, index, "retry_after", -1);
    struct mb_str code = raw_text(L, index, "code", MB_STR("internal_error"));
    struct mb_str detail = raw_text(L, index, "detail", (struct mb_str){NULL, 0});
    enum mb_rc rc = MB_OK;
    mb_buf_clear(scratch);
    if (raw_field(L, index, "headers") == LUA_TTABLE)
        rc = mb_collect_headers(L, lua_gettop(L), headers, MAX_HEADERS, &nheaders, NULL, err);
    if (rc == MB_OK && raw_field(L, index, "errors") == LUA_TTABLE) {
        rc = mb_buf_addz(scratch, ",\"errors\":");
        if (rc == MB_OK) rc = mb_json_encode(L, -1, scratch, err);
    }
    if (rc == MB_OK && raw_field(L, index, "members") == LUA_TTABLE)
        rc = add_members(L, scratch, err);
    if (rc == MB_OK)
        mb_http_problem(req, status >= 400 && status <= 599 ? status : 500, code.ptr, detail.ptr,
                        scratch->len > 0 ? mb_buf_str(scratch) : MB_STR(""), retry_after, headers,
                        nheaders);
    lua_settop(L, top);
    return rc;
}

static bool is_set(lua_State *L, int index, const char *key)
{
    bool is = raw_field(L, index, key) == LUA_TBOOLEAN && lua_toboolean(L, -1);
    lua_pop(L, 1);
    return is;
}

bool mb_problem_is_failure(lua_State *L, int index) { return is_set(L, index, "failure"); }

const char *mb_problem_code(lua_State *L, int index)
{
    return is_set(L, index, "is_foreign") ? NULL : raw_text(L, index, "code", MB_STR("")).ptr;
}

/* problem(status, code, detail?, { errors =, members =, retry_after =, headers =, failure =, is_foreign = }?); members are
 * written beside the standard ones: RFC 9457 calls them extension members. failure: it counts as an
 * error of scripts. is_foreign: the code is nobody's promise, as the words of a plugin are not. */
static int l_problem(lua_State *L)
{
    lua_Integer status = luaL_checkinteger(L, 2);
    luaL_argcheck(L, status >= 400 && status <= 599, 2, "a status between 400 and 599");
    const char *code = luaL_checkstring(L, 3);
    const char *detail = luaL_optstring(L, 4, NULL);
    mb_push_problem(L, (int)status, code, detail, -1);
    if (lua_istable(L, 5)) {
        static const char *const fields[] = {"errors", "members", "retry_after", "headers",
                                             "failure", "is_foreign"};
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
            lua_getfield(L, 5, fields[i]);
            lua_setfield(L, -2, fields[i]);
        }
    }
    return 1;
}

static int l_is(lua_State *L)
{
    lua_pushboolean(L, mb_is_problem(L, 1));
    return 1;
}

static int problem_text(lua_State *L)
{
    struct mb_str code = raw_text(L, 1, "code", MB_STR("?"));
    struct mb_str detail = raw_text(L, 1, "detail", MB_STR(""));
    lua_pushfstring(L, "%d %s: %s", raw_int(L, 1, "status", 0), code.ptr, detail.ptr);
    return 1;
}

int mb_open_problem(lua_State *L)
{
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, problem_text);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, "problem");
    lua_setfield(L, -2, "__name");
    lua_rawsetp(L, LUA_REGISTRYINDEX, &PROBLEM);

    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_is);
    lua_setfield(L, -2, "is");
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_problem);
    lua_setfield(L, -2, "__call");
    lua_setmetatable(L, -2);
    return 1;
}
