#include <lauxlib.h>
#include <stdio.h>

#include "base/log.h"
#include "bind/modules.h"

/* mb.log: log.info("message", { key = value }). */

enum { MAX_LINE = 8192, MAX_KEY = 64 };

/* A key stands in the log as it is, so it may hold nothing that could end it or look like more. */
static void copy_key(const char *key, char out[MAX_KEY])
{
    size_t n = 0;
    for (; key[n] && n + 1 < MAX_KEY; n++) {
        char c = key[n], lower = (char)(c | 0x20);
        bool fine =
            (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
        out[n] = fine ? c : '_';
    }
    if (n == 0) out[n++] = '_';
    out[n] = '\0';
}

/* The value at -1 as text; room holds what is not a text already. */
static struct mb_str value_text(lua_State *L, char *room, size_t size)
{
    struct mb_str v;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING: v.ptr = lua_tolstring(L, -1, &v.len); return v;
    case LUA_TBOOLEAN: return lua_toboolean(L, -1) ? MB_STR("true") : MB_STR("false");
    case LUA_TNUMBER:
        if (lua_isinteger(L, -1))
            (void)snprintf(room, size, "%lld", (long long)lua_tointeger(L, -1));
        else
            (void)snprintf(room, size, "%.14g", lua_tonumber(L, -1));
        return mb_str_z(room);
    default: return mb_str_z(luaL_typename(L, -1));
    }
}

/* Nothing in here raises while the line is held; what does not fit is left out and marked. */
static int write_line(lua_State *L, enum mb_log_level level)
{
    struct mb_str msg;
    msg.ptr = luaL_checklstring(L, 1, &msg.len);
    uint64_t dropped;
    const char *plugin = mb_vm_plan(mb_vm_of(L))->plugin;
    if (level < mb_log_threshold() || !mb_vm_may_log(mb_vm_of(L), &dropped)) return 0;
    char key[MAX_KEY], number[32];
    if (dropped > 0) {
        (void)snprintf(number, sizeof number, "%llu", (unsigned long long)dropped);
        mb_log(MB_LOG_WARN, "lines of a plugin were dropped: it wrote too many", "plugin", plugin,
               "dropped", number, "limit", "plugins.log_lines", NULL);
    }
    struct mb_buf b;
    mb_buf_init(&b, MAX_LINE);
    bool fits = mb_log_pair(&b, "msg", msg) == MB_OK;
    if (plugin) fits = mb_log_pair(&b, "plugin", mb_str_z(plugin)) == MB_OK && fits;
    if (lua_istable(L, 2)) {
        lua_pushnil(L);
        while (fits && lua_next(L, 2)) {
            if (lua_type(L, -2) == LUA_TSTRING) {
                copy_key(lua_tostring(L, -2), key);
                fits = mb_log_pair(&b, key, value_text(L, number, sizeof number)) == MB_OK && fits;
            }
            lua_pop(L, 1);
        }
    }
    if (b.len > 0) mb_log_line(level, mb_buf_str(&b));
    if (!fits) mb_log(MB_LOG_WARN, "a script's log line was too long and is cut", NULL);
    mb_buf_reset(&b);
    return 0;
}

static int l_debug(lua_State *L) { return write_line(L, MB_LOG_DEBUG); }
static int l_info(lua_State *L) { return write_line(L, MB_LOG_INFO); }
static int l_warn(lua_State *L) { return write_line(L, MB_LOG_WARN); }
static int l_error(lua_State *L) { return write_line(L, MB_LOG_ERROR); }

int mb_open_log(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"debug", l_debug}, {"info", l_info}, {"warn", l_warn}, {"error", l_error}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
