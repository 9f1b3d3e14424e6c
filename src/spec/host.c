#include "spec/host.h"

#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "bind/running.h"
#include "bind/statement.h"
#include "spec/limit.h"

enum { MAX_ANSWER = 64 << 20 };

static const char BUFFER[] = "medbookd.host.buffer";

static struct mb_host *host_of(lua_State *L)
{
    struct mb_host *h = lua_touserdata(L, lua_upvalueindex(1));
    h->L = L;
    return h;
}

/* A buffer that is freed with the state, whatever is raised. */
static struct mb_buf *new_buffer(lua_State *L)
{
    struct mb_buf *b = lua_newuserdatauv(L, sizeof *b, 0);
    mb_buf_init(b, MAX_ANSWER);
    luaL_setmetatable(L, BUFFER);
    return b;
}

static int buffer_gc(lua_State *L)
{
    mb_buf_reset(lua_touserdata(L, 1));
    return 0;
}

static int push_text(lua_State *L, struct mb_buf *b)
{
    lua_pushlstring(L, b->data != NULL ? b->data : "", b->len);
    mb_buf_reset(b);
    return 1;
}

static int push_error(lua_State *L, const struct mb_err *err)
{
    lua_pushnil(L);
    lua_pushstring(L, err->text);
    lua_pushstring(L, err->sqlstate);
    lua_pushstring(L, err->constraint);
    return 4;
}

/* Something that waited has failed: because the test had no more time, which it is told next, or for its own reason. */
static int fail_wait(lua_State *L, const struct mb_err *err)
{
    return mb_limit_is_over(L) ? 0 : luaL_error(L, "%s", err->text);
}

static struct mb_str text_at(lua_State *L, int index)
{
    struct mb_str s;
    s.ptr = luaL_checklstring(L, index, &s.len);
    return s;
}

static int l_exchange(lua_State *L)
{
    struct mb_host *h = host_of(L);
    struct mb_err err;
    struct mb_str request = text_at(L, 1);
    unsigned port = (unsigned)luaL_optinteger(L, 2, 0);
    struct mb_buf *answer = new_buffer(L);
    if (mb_stage_exchange(h->stage, port, request, answer, &err) != MB_OK)
        return fail_wait(L, &err);
    return push_text(L, answer);
}

typedef enum mb_rc (*query_fn)(struct mb_stage *s, struct mb_str sql, int nparams,
                               const struct mb_str *values, struct mb_buf *rows,
                               struct mb_err *err);

static int run_query(lua_State *L, query_fn query)
{
    struct mb_host *h = host_of(L);
    struct mb_err err;
    struct mb_str values[MB_STATEMENT_PARAMS];
    struct mb_str sql = text_at(L, 1);
    int n = mb_statement_params(L, 2, lua_gettop(L), values);
    struct mb_buf *rows = new_buffer(L);
    if (query(h->stage, sql, n, values, rows, &err) == MB_OK) return push_text(L, rows);
    return mb_limit_is_over(L) ? 0 : push_error(L, &err);
}

static int l_query(lua_State *L) { return run_query(L, mb_stage_query); }
static int l_query_everywhere(lua_State *L) { return run_query(L, mb_stage_query_everywhere); }

static int l_mark(lua_State *L)
{
    struct mb_err err;
    return mb_stage_mark(host_of(L)->stage, &err) == MB_OK ? 0 : fail_wait(L, &err);
}

static int l_take_back(lua_State *L)
{
    struct mb_err err;
    return mb_stage_take_back(host_of(L)->stage, &err) == MB_OK ? 0 : fail_wait(L, &err);
}

static int l_run_jobs(lua_State *L)
{
    struct mb_err err;
    struct mb_stage_jobs ended;
    if (mb_stage_run_jobs(host_of(L)->stage, &ended, &err) != MB_OK) return fail_wait(L, &err);
    lua_pushinteger(L, (lua_Integer)ended.done);
    lua_pushinteger(L, (lua_Integer)ended.retried);
    lua_pushinteger(L, (lua_Integer)ended.dead);
    return 3;
}

static int l_pause(lua_State *L)
{
    lua_Integer ms = luaL_checkinteger(L, 1);
    luaL_argcheck(L, ms >= 0 && ms <= 60000, 1, "0 to 60000 milliseconds");
    mb_stage_pause(host_of(L)->stage, mb_limit_left((uint64_t)ms));
    (void)mb_limit_is_over(L);
    return 0;
}

static int l_stop_clock(lua_State *L)
{
    mb_wall_stop(luaL_optinteger(L, 1, -1));
    return 0;
}

/* ---- other servers ---- */

static void push_request(lua_State *L, const struct mb_client_request *request)
{
    lua_pushstring(L, request->method);
    lua_pushstring(L, request->url);
    lua_createtable(L, (int)request->nheaders, 0);
    for (size_t i = 0; i < request->nheaders; i++) {
        lua_pushstring(L, request->headers[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    if (request->has_body)
        lua_pushlstring(L, request->body.ptr, request->body.len);
    else
        lua_pushnil(L);
}

/* Calls the stand-in; what it returns stays in the registry until the next call. */
static int answer_request(lua_State *L)
{
    const struct mb_host *h = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, h->stand_in);
    push_request(L, lua_touserdata(L, 2));
    lua_call(L, 4, 3);
    lua_createtable(L, 3, 0);
    for (int i = 3; i >= 1; i--) {
        lua_pushvalue(L, 2 + i);
        lua_rawseti(L, -2, i);
    }
    lua_rawseti(L, LUA_REGISTRYINDEX, h->answer);
    lua_settop(L, 5);
    return 3;
}

static struct mb_str text_or_empty(lua_State *L, int index)
{
    struct mb_str s = {"", 0};
    if (lua_type(L, index) == LUA_TSTRING) s.ptr = lua_tolstring(L, index, &s.len);
    return s;
}

static void on_request(void *ctx, const struct mb_client_request *request,
                       struct mb_client_answer *answer)
{
    struct mb_host *h = ctx;
    lua_State *L = h->L;
    int top = lua_gettop(L);
    struct mb_running *script = atomic_load(&mb_running__now);
    mb_running_show(NULL); /* what the spec takes is none of its budget */
    lua_pushcfunction(L, answer_request);
    lua_pushlightuserdata(L, h);
    lua_pushlightuserdata(L, (void *)(uintptr_t)request);
    bool is_answered = lua_pcall(L, 2, 3, 0) == LUA_OK;
    mb_running_show(script);
    if (is_answered && lua_isinteger(L, -3)) {
        answer->status = (int)lua_tointeger(L, -3);
        answer->headers = text_or_empty(L, -2);
        answer->body = text_or_empty(L, -1);
    } else {
        answer->code = "connect_failed";
        (void)snprintf(answer->detail, sizeof answer->detail, "%s",
                       text_or_empty(L, is_answered ? -2 : -1).ptr);
    }
    lua_settop(L, top);
}

static int l_stand_in(lua_State *L)
{
    struct mb_host *h = host_of(L);
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_rawseti(L, LUA_REGISTRYINDEX, h->stand_in);
    return 0;
}

/* ---- real servers ---- */

static int l_query_at(lua_State *L)
{
    struct mb_host *h = host_of(L);
    struct mb_err err;
    const char *url = luaL_checkstring(L, 1);
    struct mb_str sql = text_at(L, 2);
    struct mb_buf *rows = new_buffer(L);
    if (mb_stage_query_at(h->stage, url, sql, rows, &err) == MB_OK) return push_text(L, rows);
    return mb_limit_is_over(L) ? 0 : push_error(L, &err);
}

static int l_start(lua_State *L)
{
    enum { MAX_WORDS = 256 };
    struct mb_host *h = host_of(L);
    const char *argv[MAX_WORDS + 1];
    struct mb_err err;
    pid_t pid;
    luaL_checktype(L, 1, LUA_TTABLE);
    const char *log_file = luaL_checkstring(L, 2);
    size_t n = lua_rawlen(L, 1);
    luaL_argcheck(L, n < MAX_WORDS, 1, "too many words");
    luaL_checkstack(L, MAX_WORDS, NULL);
    argv[0] = "medbookd";
    for (size_t i = 1; i <= n; i++) {
        lua_rawgeti(L, 1, (lua_Integer)i);
        argv[i] = luaL_checkstring(L, -1);
    }
    argv[n + 1] = NULL;
    if (mb_program_start(&h->programs, argv, log_file, &pid, &err) != MB_OK)
        return luaL_error(L, "%s", err.text);
    lua_pushinteger(L, pid);
    return 1;
}

static int l_is_running(lua_State *L)
{
    struct mb_host *h = host_of(L);
    lua_pushboolean(L, mb_program_is_running(&h->programs, (pid_t)luaL_checkinteger(L, 1)));
    return 1;
}

static int l_stop(lua_State *L)
{
    struct mb_host *h = host_of(L);
    mb_program_stop(&h->programs, (pid_t)luaL_checkinteger(L, 1), (unsigned)mb_limit_left(10000));
    return 0;
}

static int l_free_port(lua_State *L)
{
    unsigned port = mb_program_free_port();
    if (port == 0) return luaL_error(L, "no port is free");
    lua_pushinteger(L, port);
    return 1;
}

static void push_info(lua_State *L, const struct mb_spec_plan *plan)
{
    lua_newtable(L);
    lua_pushstring(L, plan->folder);
    lua_setfield(L, -2, "folder");
    lua_pushstring(L, plan->owner_url);
    lua_setfield(L, -2, "database");
    lua_createtable(L, (int)plan->nserver_words, 0);
    for (size_t i = 0; i < plan->nserver_words; i++) {
        lua_pushstring(L, plan->server_words[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "words");
}

/* ---- the log ---- */

static int l_log_size(lua_State *L)
{
    struct stat st;
    mb_log_flush();
    lua_pushinteger(L, fstat(host_of(L)->log_fd, &st) == 0 ? (lua_Integer)st.st_size : 0);
    return 1;
}

static int l_log(lua_State *L)
{
    struct mb_host *h = host_of(L);
    off_t from = (off_t)luaL_checkinteger(L, 1);
    char piece[8192];
    ssize_t n;
    mb_log_flush();
    struct mb_buf *b = new_buffer(L);
    while ((n = pread(h->log_fd, piece, sizeof piece, from)) > 0) {
        from += n;
        if (mb_buf_add(b, piece, (size_t)n) != MB_OK) return luaL_error(L, "the log is too long");
    }
    return push_text(L, b);
}

void mb_host_push(lua_State *L, struct mb_host *host)
{
    static const luaL_Reg functions[] = {{"exchange", l_exchange},
                                         {"query", l_query},
                                         {"query_everywhere", l_query_everywhere},
                                         {"mark", l_mark},
                                         {"take_back", l_take_back},
                                         {"run_jobs", l_run_jobs},
                                         {"pause", l_pause},
                                         {"stop_clock", l_stop_clock},
                                         {"stand_in", l_stand_in},
                                         {"query_at", l_query_at},
                                         {"start", l_start},
                                         {"is_running", l_is_running},
                                         {"stop", l_stop},
                                         {"free_port", l_free_port},
                                         {"log_size", l_log_size},
                                         {"log", l_log},
                                         {"within", mb_limit_within},
                                         {NULL, NULL}};
    luaL_newmetatable(L, BUFFER);
    lua_pushcfunction(L, buffer_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    lua_pushboolean(L, 0);
    host->stand_in = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_pushboolean(L, 0);
    host->answer = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    lua_pushlightuserdata(L, host);
    luaL_setfuncs(L, functions, 1);
    push_info(L, host->plan);
    lua_setfield(L, -2, "info");
    mb_stage_stand_in(host->stage, on_request, host);
}
