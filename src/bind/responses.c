#include "bind/responses.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "bind/json.h"
#include "bind/shape.h"

/* The item at the top becomes *it. */
static void take_one(lua_State *L, struct mb_response *it)
{
    int at = lua_gettop(L);
    lua_getfield(L, at, "status");
    it->status = (int)luaL_checkinteger(L, -1);
    if (lua_getfield(L, at, "media") == LUA_TSTRING) {
        it->media = strdup(lua_tostring(L, -1));
        if (it->media == NULL) (void)luaL_error(L, "not enough memory");
    }
    if (lua_getfield(L, at, "schema") == LUA_TTABLE) {
        if (!mb_shape_push(L, -1)) (void)luaL_error(L, "an object of an answer has too many fields");
        it->values_ref = luaL_ref(L, LUA_REGISTRYINDEX);
        it->shape = lua_touserdata(L, -1);
        it->shape_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_settop(L, at - 1);
}

void mb_responses_take(lua_State *L, int index, struct mb_responses *r)
{
    int top = lua_gettop(L);
    index = lua_absindex(L, index);
    *r = (struct mb_responses){.codes_ref = LUA_NOREF};
    if (lua_getfield(L, index, "codes") == LUA_TTABLE)
        r->codes_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    if (lua_getfield(L, index, "responses") == LUA_TTABLE) {
        size_t n = (size_t)lua_rawlen(L, -1);
        r->list = calloc(n ? n : 1, sizeof *r->list);
        if (r->list == NULL) (void)luaL_error(L, "not enough memory");
        r->n = n;
        for (size_t i = 0; i < n; i++) {
            lua_rawgeti(L, -1, (lua_Integer)i + 1);
            take_one(L, &r->list[i]);
        }
    }
    lua_settop(L, top);
}

void mb_responses_free(struct mb_responses *r)
{
    for (size_t i = 0; i < r->n; i++) free(r->list[i].media);
    free(r->list);
    *r = (struct mb_responses){.codes_ref = LUA_NOREF};
}

enum mb_rc mb_responses_find(const struct mb_responses *r, int status, struct mb_response **out,
                             struct mb_err *err)
{
    *out = NULL;
    if (r->n == 0) return MB_OK;
    for (size_t i = 0; i < r->n && *out == NULL; i++)
        if (r->list[i].status == status) *out = &r->list[i];
    if (*out != NULL) return MB_OK;
    return mb_fail(err, MB_E_SCRIPT, "status %d is not among the `responses` of the route", status);
}

/* JSON that is a text already, of no schema: as what is written once is. */
static bool is_made_already(lua_State *L, int index, const char *media)
{
    struct mb_str raw;
    return index != 0 && strcmp(media, "application/json") == 0 && mb_json_raw(L, index, &raw);
}

enum mb_rc mb_response_encode(lua_State *L, int index, const struct mb_response *it,
                              struct mb_buf *out, struct mb_err *err)
{
    if (it == NULL) return index != 0 ? mb_json_encode(L, index, out, err) : MB_OK;
    if (it->media != NULL && is_made_already(L, index, it->media))
        return mb_json_encode(L, index, out, err);
    if (it->media != NULL)
        return mb_fail(err, MB_E_SCRIPT, "the body is to be %s, by req:begin and req:write",
                       it->media);
    if (index == 0 && it->shape == NULL) return MB_OK;
    if (index == 0) return mb_fail(err, MB_E_SCRIPT, "a body is missing");
    if (it->shape == NULL) return mb_fail(err, MB_E_SCRIPT, "there is to be no body");
    lua_rawgeti(L, LUA_REGISTRYINDEX, it->values_ref);
    enum mb_rc rc = mb_json_encode_as(L, index, it->shape, lua_gettop(L), out, err);
    lua_pop(L, 1);
    return rc;
}

enum mb_rc mb_response_holds(lua_State *L, struct mb_response *it, struct mb_str text,
                             struct mb_err *err)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, it->values_ref);
    enum mb_rc rc = mb_shape_holds(L, it->shape, lua_gettop(L), text, err);
    lua_pop(L, 1);
    return rc;
}

/* declared: a media type or a range of them, as image/\* (RFC 9110 section 12.5.1). */
static bool is_media(const char *said, const char *declared)
{
    size_t n = strcspn(said, "; \t"), range = strcspn(declared, "*");
    if (declared[range] == '\0') return mb_str_ieq((struct mb_str){said, n}, mb_str_z(declared));
    if (strcmp(declared, "*/*") == 0) return memchr(said, '/', n) != NULL;
    return n > range && mb_str_ieq((struct mb_str){said, range}, (struct mb_str){declared, range});
}

enum mb_rc mb_responses_stream(const struct mb_responses *r, int status, const char *media,
                               struct mb_err *err)
{
    struct mb_response *it;
    enum mb_rc rc = mb_responses_find(r, status, &it, err);
    if (rc != MB_OK || it == NULL) return rc;
    if (it->media != NULL && is_media(media, it->media)) return MB_OK;
    return mb_fail(err, MB_E_SCRIPT, "the answer is to be %s, not a stream of %s",
                   it->media ? it->media : it->shape ? "JSON of its schema" : "without a body",
                   media);
}

bool mb_responses_has_code(lua_State *L, const struct mb_responses *r, const char *code)
{
    if (r->codes_ref == LUA_NOREF) return true;
    int top = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, r->codes_ref);
    bool is = lua_getfield(L, top + 1, code) == LUA_TBOOLEAN;
    if (!is && lua_rawgeti(L, top + 1, 1) == LUA_TTABLE)
        is = lua_getfield(L, -1, code) == LUA_TBOOLEAN;
    lua_settop(L, top);
    return is;
}
