#include <lauxlib.h>

#include "base/log.h"
#include "bind/modules.h"

/* mb.log: log.info("message", { key = value }). */

enum { MAX_LINE = 8192 };

static int write_line(lua_State *L, enum mb_log_level level)
{
    struct mb_str msg;
    msg.ptr = luaL_checklstring(L, 1, &msg.len);
    if (level < mb_log_threshold())
        return 0;
    char text[MAX_LINE];
    struct mb_buf b;
    mb_buf_init(&b, MAX_LINE);
    enum mb_rc rc = mb_log_pair(&b, "msg", msg);
    if (lua_istable(L, 2)) {
        lua_pushnil(L);
        while (lua_next(L, 2)) {
            if (lua_type(L, -2) == LUA_TSTRING && rc == MB_OK) {
                struct mb_str v = MB_STR("?");
                if (lua_type(L, -1) == LUA_TSTRING)
                    v.ptr = lua_tolstring(L, -1, &v.len);
                else if (lua_isboolean(L, -1))
                    v = lua_toboolean(L, -1) ? MB_STR("true") : MB_STR("false");
                else if (lua_isinteger(L, -1))
                    v = (struct mb_str){text, (size_t)lua_integer2str(text, sizeof text, lua_tointeger(L, -1))};
                rc = mb_buf_addz(&b, " ");
                if (rc == MB_OK)
                    rc = mb_log_pair(&b, lua_tostring(L, -2), v);
            }
            lua_pop(L, 1);
        }
    }
    if (rc == MB_OK)
        mb_log_line(level, mb_buf_str(&b));
    else
        mb_log(MB_LOG_WARN, "a script's log line was too long", NULL);
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
