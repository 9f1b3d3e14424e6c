#include <lauxlib.h>

#include "base/log.h"
#include "bind/statement.h"
#include "db/apart.h"
#include "db/judge.h"
#include "plugin/plugin.h"

/* Of mb.plugins: statements on the tables of plugins. */

static const char JUDGE_TYPE[] = "mb.plugins.judge";

/* query(name, statement, …) */
static int l_query(lua_State *L)
{
    struct mb_err err;
    struct mb_db *db;
    const struct mb_plugin *p = mb_plugin_at(L, 1);
    struct mb_tables *tables = p->owner->plan.tables;
    if (tables == NULL) return luaL_error(L, "there is no database while scripts are checked");
    if (mb_tables_of(tables, p->name, &db, &err) != MB_OK) return luaL_error(L, "%s", err.text);
    return mb_statement_run(L, db, 2);
}

static int judge_gc(lua_State *L)
{
    struct mb_judge **judge = lua_touserdata(L, 1);
    mb_judge_free(*judge);
    *judge = NULL;
    return 0;
}

/* The judge of the plugin, owned by the userdata that is pushed; NULL when nobody can say now. */
static struct mb_judge *push_judge(lua_State *L, const struct mb_plugin *p)
{
    char role[MB_APART_NAME + 1], password[MB_APART_PASSWORD];
    struct mb_db_config config;
    struct mb_err err = {.rc = MB_OK};
    struct mb_judge **judge = lua_newuserdatauv(L, sizeof *judge, 0);
    *judge = NULL;
    luaL_setmetatable(L, JUDGE_TYPE);
    enum mb_rc rc = mb_tables_config(p->owner->plan.tables, p->name, role, password, &config, &err);
    if (rc == MB_OK) rc = mb_judge_new(judge, &config, &err);
    if (rc != MB_OK)
        mb_log(MB_LOG_WARN, "statements of a plugin could not be judged while scripts load",
               "plugin", p->name, "error", err.text, NULL);
    return *judge;
}

/* judge(name, statements) */
static int l_judge(lua_State *L)
{
    struct mb_err err;
    const struct mb_plugin *p = mb_plugin_at(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    lua_newtable(L);
    struct mb_judge *judge = p->owner->plan.asks_database ? push_judge(L, p) : NULL;
    lua_settop(L, judge != NULL ? 4 : 3);
    lua_pushnil(L);
    while (judge != NULL && lua_next(L, 2)) {
        if (mb_judge_statement(judge, luaL_checkstring(L, -1), &err) == MB_E_DB) {
            lua_pushvalue(L, -2);
            lua_pushstring(L, err.text);
            lua_rawset(L, 3);
        }
        lua_pop(L, 1);
    }
    lua_pushvalue(L, 3);
    return 1;
}

/* is_full(name) */
static int l_is_full(lua_State *L)
{
    const struct mb_plugin *p = mb_plugin_at(L, 1);
    lua_pushboolean(L, p->stats != NULL && atomic_load(&p->stats->is_full));
    return 1;
}

void mb_plugin_add_tables(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"query", l_query}, {"judge", l_judge}, {"is_full", l_is_full}, {NULL, NULL}};
    luaL_newmetatable(L, JUDGE_TYPE);
    lua_pushcfunction(L, judge_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
