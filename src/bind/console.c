#include "bind/console.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bind/modules.h"
#include "bind/problem.h"
#include "bind/statement.h"
#include "bind/task.h"

/* Of a person, who ends it sooner by Ctrl-C: no key. */
enum { STATEMENT_S = 3600, LOOK_MS = 100 };

struct mb_console {
    struct mb_vm *vm;
    struct mb_tasks *tasks;
    struct mb_task *task;           /* NULL between texts */
    uv_timer_t look;                /* wakes the loop for is_cancelled */
    int environment, pretty, chunk; /* registry references */
    struct mb_buf *out;
    bool has_failed;
};

static const char CONSOLE; /* registry key */

/* ---- what texts have ---- */

static struct mb_console *console_of(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &CONSOLE);
    struct mb_console *c = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return c;
}

/* What is over the ceiling of out is cut. */
static void add(struct mb_console *c, const char *text, size_t n)
{
    size_t room = c->out->max - c->out->len;
    if (mb_buf_add(c->out, text, n < room ? n : room) != MB_OK) mb_buf_clear(c->out);
}

/* Appends each value from first to the top as pretty() writes it, and a line feed. */
static void show(lua_State *L, struct mb_console *c, int first)
{
    int top = lua_gettop(L);
    luaL_checkstack(L, 4, NULL);
    for (int i = first; i <= top; i++) {
        size_t n;
        lua_rawgeti(L, LUA_REGISTRYINDEX, c->pretty);
        lua_pushvalue(L, i);
        lua_call(L, 1, 1);
        const char *text = luaL_tolstring(L, -1, &n);
        if (i > first) add(c, "\t", 1);
        add(c, text, n);
        lua_settop(L, top);
    }
    add(c, "\n", 1);
}

static int l_print(lua_State *L)
{
    show(L, console_of(L), 1);
    return 0;
}

/* sql(text, …) -> rows */
static int l_sql(lua_State *L)
{
    struct mb_str text;
    text.ptr = luaL_checklstring(L, 1, &text.len);
    mb_statement_push(L, MB_STR("the console"), text, MB_DB_WRITE);
    lua_replace(L, 1);
    struct mb_db *db = mb_vm_plan(mb_vm_of(L))->db;
    return mb_statement_run(L, db, 1);
}

/* ---- running ---- */

enum { AT_CONSOLE = 1, AT_TRACE, AT_RESULTS };

/* A problem of the database says less to clients than it knows. */
static int trace(lua_State *L)
{
    const char *text = luaL_tolstring(L, 1, NULL);
    if (mb_is_problem(L, 1)) {
        bool has_cause = lua_getfield(L, 1, "cause") == LUA_TSTRING;
        bool has_state = lua_getfield(L, 1, "sqlstate") == LUA_TSTRING && lua_rawlen(L, -1) > 0;
        if (has_cause)
            text =
                lua_pushfstring(L, "%s%s%s%s", lua_tostring(L, -2), has_state ? " (SQLSTATE " : "",
                                has_state ? lua_tostring(L, -1) : "", has_state ? ")" : "");
    }
    luaL_traceback(L, L, text, 1);
    return 1;
}

static int finish(lua_State *L, int status, lua_KContext ctx)
{
    struct mb_console *c = (struct mb_console *)ctx;
    size_t n;
    c->has_failed = status != LUA_OK && status != LUA_YIELD;
    if (!c->has_failed) {
        if (lua_gettop(L) >= AT_RESULTS) show(L, c, AT_RESULTS);
        return 0;
    }
    const char *text = lua_tolstring(L, -1, &n);
    if (text != NULL) add(c, text, n);
    add(c, "\n", 1);
    return 0;
}

static int enter(lua_State *L)
{
    struct mb_console *c = lua_touserdata(L, AT_CONSOLE);
    lua_pushcfunction(L, trace);
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->chunk);
    lua_KContext ctx = (lua_KContext)c;
    return finish(L, lua_pcallk(L, 0, LUA_MULTRET, AT_TRACE, ctx, finish), ctx);
}

static void on_done(void *ctx, int status)
{
    struct mb_console *c = ctx;
    c->task = NULL;
    if (status == LUA_OK) return;
    c->has_failed = true;
    add(c, status == LUA_ERRMEM ? "not enough memory\n" : "the text yielded without waiting\n",
        status == LUA_ERRMEM ? 18 : 33);
}

static void on_look(uv_timer_t *look) { (void)look; }

static void cancel(struct mb_console *c)
{
    struct mb_task *task = c->task;
    c->task = NULL;
    c->has_failed = true;
    if (task != NULL) mb_task_drop(task);
    add(c, "cancelled\n", 10);
}

static bool is_incomplete(lua_State *L)
{
    static const char mark[] = "<eof>";
    size_t n;
    const char *text = lua_tolstring(L, -1, &n);
    return n >= sizeof mark - 1 && strcmp(text + n - (sizeof mark - 1), mark) == 0;
}

/* Leaves the chunk, or the error, at the top. An expression is what it returns. */
static int compile(lua_State *L, struct mb_str text)
{
    lua_pushliteral(L, "return ");
    lua_pushlstring(L, text.ptr, text.len);
    lua_concat(L, 2);
    size_t n;
    const char *whole = lua_tolstring(L, -1, &n);
    int status = luaL_loadbufferx(L, whole, n, "=console", "t");
    lua_remove(L, -2);
    if (status == LUA_OK) return status;
    lua_pop(L, 1);
    return luaL_loadbufferx(L, text.ptr, text.len, "=console", "t");
}

static int prepare(lua_State *L)
{
    struct mb_console *c = lua_touserdata(L, 1);
    const struct mb_str *text = lua_touserdata(L, 2);
    int status = compile(L, *text);
    if (status != LUA_OK) {
        lua_pushboolean(L, is_incomplete(L));
        return 2;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, c->environment);
    (void)lua_setupvalue(L, -2, 1);
    lua_rawseti(L, LUA_REGISTRYINDEX, c->chunk);
    return 0;
}

static void turn(struct mb_console *c, const volatile bool *is_cancelled)
{
    uv_loop_t *loop = mb_vm_plan(c->vm)->loop;
    uv_timer_start(&c->look, on_look, LOOK_MS, LOOK_MS);
    while (c->task != NULL) {
        (void)uv_run(loop, UV_RUN_ONCE);
        if (*is_cancelled && c->task != NULL) cancel(c);
    }
    uv_timer_stop(&c->look);
    (void)uv_run(loop, UV_RUN_NOWAIT);
}

enum mb_console_result mb_console_run(struct mb_console *c, struct mb_str text,
                                      const volatile bool *is_cancelled, struct mb_buf *out)
{
    lua_State *L = mb_vm_state(c->vm);
    c->out = out;
    c->has_failed = false;
    lua_settop(L, 0);
    lua_pushcfunction(L, prepare);
    lua_pushlightuserdata(L, c);
    lua_pushlightuserdata(L, &text);
    bool is_raised = lua_pcall(L, 2, LUA_MULTRET, 0) != LUA_OK;
    bool is_wrong = is_raised || lua_gettop(L) > 0;
    bool goes_on = !is_raised && is_wrong && lua_toboolean(L, -1);
    if (is_wrong && !goes_on) {
        size_t n;
        const char *why = lua_tolstring(L, 1, &n);
        if (why != NULL) add(c, why, n);
        add(c, "\n", 1);
    }
    lua_settop(L, 0);
    if (is_wrong) return goes_on ? MB_CONSOLE_INCOMPLETE : MB_CONSOLE_FAILED;
    const struct mb_task_plan plan = {.entry = enter,
                                      .done = on_done,
                                      .ctx = c,
                                      .deadline_ns =
                                          mb_mono_ns() + STATEMENT_S * UINT64_C(1000000000),
                                      .label = "console",
                                      .request = "console",
                                      .budget = {.key = "console"}};
    c->task = mb_task_new(c->tasks, &plan);
    if (c->task == NULL) {
        add(c, "not enough memory\n", 18);
        return MB_CONSOLE_FAILED;
    }
    mb_task_start(c->task);
    turn(c, is_cancelled);
    return c->has_failed ? MB_CONSOLE_FAILED : MB_CONSOLE_DONE;
}

/* ---- life ---- */

/* Globals of texts stand in a table before those of the scripts. */
static int fill(lua_State *L)
{
    struct mb_console *c = lua_touserdata(L, 1);
    const struct mb_vm_plan *plan = mb_vm_plan(c->vm);
    lua_pushlightuserdata(L, c);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &CONSOLE);
    lua_newtable(L);
    lua_pushcfunction(L, l_print);
    lua_setfield(L, -2, "print");
    lua_pushcfunction(L, l_sql);
    lua_setfield(L, -2, "sql");
    lua_getglobal(L, "require");
    lua_pushliteral(L, "mb.db");
    lua_call(L, 1, 1);
    lua_setfield(L, -2, "db");
    lua_newtable(L);
    lua_pushglobaltable(L);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    c->environment = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushboolean(L, 0);
    c->chunk = luaL_ref(L, LUA_REGISTRYINDEX);
    for (size_t i = 0; i < plan->nscripts; i++) {
        const struct mb_script *s = &plan->scripts[i];
        if (strcmp(s->name, "mb/pretty.lua") != 0) continue;
        if (luaL_loadbufferx(L, s->text.ptr, s->text.len, "@mb/pretty.lua", "t") != LUA_OK)
            return lua_error(L);
        lua_call(L, 0, 1);
        c->pretty = luaL_ref(L, LUA_REGISTRYINDEX);
        return 0;
    }
    return luaL_error(L, "mb/pretty.lua is missing in the script folder");
}

enum mb_rc mb_console_new(struct mb_console **out, struct mb_vm *vm, struct mb_err *err)
{
    struct mb_console *c = calloc(1, sizeof *c);
    lua_State *L = mb_vm_state(vm);
    if (c == NULL) return mb_fail(err, MB_E_NOMEM, "no memory for the console");
    c->vm = vm;
    lua_pushcfunction(L, fill);
    lua_pushlightuserdata(L, c);
    bool is_filled = lua_pcall(L, 1, 0, 0) == LUA_OK;
    if (!is_filled || mb_tasks_new(&c->tasks, L, mb_vm_plan(vm)->loop) != MB_OK) {
        const char *why = is_filled ? NULL : lua_tostring(L, -1);
        enum mb_rc rc = mb_fail(err, MB_E_SCRIPT, "console: %s", why ? why : "out of memory");
        lua_settop(L, 0);
        free(c);
        return rc;
    }
    uv_timer_init(mb_vm_plan(vm)->loop, &c->look);
    *out = c;
    return MB_OK;
}

static void on_closed(uv_handle_t *look) { free(look->data); }

void mb_console_free(struct mb_console *c)
{
    if (c == NULL) return;
    mb_tasks_free(c->tasks);
    c->look.data = c;
    uv_close((uv_handle_t *)&c->look, on_closed);
}
