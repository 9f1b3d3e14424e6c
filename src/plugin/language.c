#include "plugin/language.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "bind/heap.h"
#include "bind/vm.h"
#include "plugin/format.h"
#include "plugin/library.h"

/* ---- metatables ---- */

static const char ORIGINAL; /* in a metatable made here: the table that the script gave */

/* Lua looks at no others, apart from those that are refused. */
static const char *const metafields[] = {
    "__index", "__newindex", "__call", "__tostring", "__name",   "__metatable", "__pairs",
    "__len",   "__eq",       "__lt",   "__le",       "__concat", "__unm",       "__add",
    "__sub",   "__mul",      "__div",  "__idiv",     "__mod",    "__pow",       "__band",
    "__bor",   "__bxor",     "__bnot", "__shl",      "__shr"};
static const char *const refused[] = {"__gc", "__close", "__mode"};

static int raw_field(lua_State *L, int index, const char *name)
{
    lua_pushstring(L, name);
    return lua_rawget(L, index);
}

static void copy_metafields(lua_State *L)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (raw_field(L, 2, refused[i]) != LUA_TNIL)
            luaL_error(L, "setmetatable: a plugin cannot have %s", refused[i]);
        lua_pop(L, 1);
    }
    lua_createtable(L, 0, 4);
    for (size_t i = 0; i < sizeof metafields / sizeof *metafields; i++) {
        if (raw_field(L, 2, metafields[i]) == LUA_TNIL)
            lua_pop(L, 1);
        else
            lua_setfield(L, 3, metafields[i]);
    }
    lua_pushvalue(L, 2);
    lua_rawsetp(L, 3, &ORIGINAL);
}

static int l_setmetatable(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    int type = lua_type(L, 2);
    luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
    if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    if (type == LUA_TTABLE) copy_metafields(L);
    lua_setmetatable(L, 1);
    lua_settop(L, 1);
    return 1;
}

/* Metatables that scripts did not give are none of theirs. */
static int l_getmetatable(lua_State *L)
{
    luaL_checkany(L, 1);
    if (!lua_getmetatable(L, 1)) return 0;
    if (raw_field(L, lua_gettop(L), "__metatable") != LUA_TNIL) return 1;
    lua_pop(L, 1);
    lua_rawgetp(L, -1, &ORIGINAL);
    return 1;
}

/* ---- texts ---- */

void mb_language_push_text(lua_State *L, int index)
{
    int type = lua_type(L, index);
    bool is_plain =
        type == LUA_TNIL || type == LUA_TBOOLEAN || type == LUA_TNUMBER || type == LUA_TSTRING;
    if (!is_plain && luaL_getmetafield(L, index, "__tostring") == LUA_TNIL) {
        lua_pushstring(L, lua_typename(L, type));
        return;
    }
    if (!is_plain) lua_pop(L, 1);
    (void)luaL_tolstring(L, index, NULL);
}

static int l_tostring(lua_State *L)
{
    luaL_checkany(L, 1);
    mb_language_push_text(L, 1);
    return 1;
}

/* The size is judged before anything is written; then what is there is doubled. */
static int l_rep(lua_State *L)
{
    size_t n, nsep;
    luaL_Buffer b;
    const char *s = luaL_checklstring(L, 1, &n);
    lua_Integer times = luaL_checkinteger(L, 2);
    const char *sep = luaL_optlstring(L, 3, "", &nsep);
    const struct mb_heap *heap = mb_heap_of(L);
    size_t most = heap->text_max > 0 ? heap->text_max : heap->max, one = n + nsep;
    if (times <= 0 || one == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((lua_Unsigned)times > most / one)
        return luaL_error(L,
                          "rep: the result would be longer than plugins.text or plugins.memory "
                          "(%d bytes) allows",
                          (int)most);
    size_t all = one * (size_t)times - nsep, done = one < all ? one : all;
    char *out = luaL_buffinitsize(L, &b, all + nsep);
    memcpy(out, s, n);
    memcpy(out + n, sep, nsep);
    for (size_t more; done < all; done += more) {
        more = done < all - done ? done : all - done;
        memcpy(out + done, out, more);
    }
    luaL_pushresultsize(&b, all);
    return 1;
}

/* ---- tables ---- */

enum { MAX_CODE = 1 << 20 };

static int write_code(lua_State *L, const void *part, size_t size, void *code)
{
    (void)L;
    return mb_buf_add(code, part, size) == MB_OK ? 0 : 1;
}

/* The function at the top loses its line numbers, so that what is told of a script that it ends in
 * is the line that called it. */
static void strip(lua_State *L)
{
    struct mb_buf code;
    mb_buf_init(&code, MAX_CODE);
    int rc = lua_dump(L, write_code, &code, 1);
    lua_pop(L, 1);
    rc = rc == 0 ? luaL_loadbufferx(L, code.data, code.len, "=table", "b") : LUA_ERRMEM;
    mb_buf_reset(&code);
    if (rc != LUA_OK) luaL_error(L, "not enough memory for the table library");
}

static void install_tables(lua_State *L)
{
    static const char name[] = "sandbox/table.lua";
    const struct mb_vm_plan *plan = mb_vm_plan(mb_vm_of(L));
    const struct mb_script *s = NULL;
    for (size_t i = 0; i < plan->nscripts && s == NULL; i++)
        if (strcmp(plan->scripts[i].name, name) == 0) s = &plan->scripts[i];
    if (s == NULL) luaL_error(L, "%s is missing in the script folder", name);
    if (luaL_loadbufferx(L, s->text.ptr, s->text.len, "@sandbox/table.lua", "t") != LUA_OK)
        lua_error(L);
    strip(L);
    lua_call(L, 0, 1);
    lua_setglobal(L, LUA_TABLIBNAME);
}

void mb_language_install(lua_State *L)
{
    static const luaL_Reg ours[] = {{"rep", l_rep}, {NULL, NULL}};
    lua_getglobal(L, LUA_STRLIBNAME);
    luaL_setfuncs(L, ours, 0);
    mb_format_install(L);
    lua_pop(L, 1);
    mb_library_install(L);
    install_tables(L);
}

void mb_language_share(lua_State *L)
{
    static const luaL_Reg ours[] = {{"setmetatable", l_setmetatable},
                                    {"getmetatable", l_getmetatable},
                                    {"tostring", l_tostring},
                                    {NULL, NULL}};
    luaL_setfuncs(L, ours, 0);
}
