#include <lauxlib.h>

#include "bind/json.h"
#include "bind/modules.h"
#include "bind/problem.h"
#include "bind/rows.h"
#include "bind/task.h"

/*
 * mb.query (named statements) and mb.db (running them). A call waits; its result is rows
 * (rows.h) or a raised problem whose `code` is a word of base/err.h.
 *
 *   local slots = require "queries.slots"
 *   local rows = db.query(slots.search, provider_id, from, to)
 *   local a, b = db.all({ slots.search, … }, { slots.facts, … })   -- one flight
 *   local id = db.tx(function(tx) … tx:query(stmt, …) … return id end)
 */

enum { MAX_PARAMS = 40, MAX_TOGETHER = 8, MAX_ARRAY_BYTES = 65536 };

static const char STMT_TYPE[] = "mb.statement";
static const char WAIT_TYPE[] = "mb.db.wait";
static const char TX_TYPE[] = "mb.tx";
static const char ARRAY_TYPE[] = "mb.db.array";

/* ---- mb.query ---- */

struct stmt {
    const struct mb_stmt *stmt;
    enum mb_db_kind kind;
};

static int new_stmt(lua_State *L, enum mb_db_kind kind)
{
    struct mb_str name, sql;
    struct mb_stmt *interned;
    struct mb_err err;
    name.ptr = luaL_checklstring(L, 1, &name.len);
    sql.ptr = luaL_checklstring(L, 2, &sql.len);
    if (mb_stmt_intern(&interned, name, sql, &err) != MB_OK)
        return luaL_error(L, "statement %s: %s", name.ptr, err.text);
    struct stmt *s = lua_newuserdatauv(L, sizeof *s, 0);
    s->stmt = interned;
    s->kind = kind;
    luaL_setmetatable(L, STMT_TYPE);
    return 1;
}

static int l_read(lua_State *L) { return new_stmt(L, MB_DB_READ); }
static int l_write(lua_State *L) { return new_stmt(L, MB_DB_WRITE); }

int mb_open_query(lua_State *L)
{
    static const luaL_Reg functions[] = {{"read", l_read}, {"write", l_write}, {NULL, NULL}};
    luaL_newmetatable(L, STMT_TYPE);
    luaL_newlib(L, functions);
    return 1;
}

/* ---- parameters ---- */

static int array_gc(lua_State *L)
{
    mb_buf_reset(lua_touserdata(L, 1));
    return 0;
}

/* { "a", "b" } -> {"a","b"} as PostgreSQL writes arrays; replaces the table at index. */
static void array_text(lua_State *L, int index)
{
    struct mb_buf *b = lua_newuserdatauv(L, sizeof *b, 0);
    mb_buf_init(b, MAX_ARRAY_BYTES);
    luaL_setmetatable(L, ARRAY_TYPE);
    enum mb_rc rc = mb_buf_add(b, "{", 1);
    for (lua_Integer i = 1, n = (lua_Integer)lua_rawlen(L, index); rc == MB_OK && i <= n; i++) {
        size_t len;
        lua_rawgeti(L, index, i);
        const char *s = lua_tolstring(L, -1, &len);
        if (!s)
            luaL_error(L, "item %d of an array parameter is a %s", (int)i, luaL_typename(L, -1));
        rc = mb_buf_add(b, i > 1 ? ",\"" : "\"", i > 1 ? 2 : 1);
        for (size_t k = 0; rc == MB_OK && k < len; k++) {
            if (s[k] == '"' || s[k] == '\\')
                rc = mb_buf_add(b, "\\", 1);
            if (rc == MB_OK)
                rc = mb_buf_add(b, s + k, 1);
        }
        if (rc == MB_OK)
            rc = mb_buf_add(b, "\"", 1);
        lua_pop(L, 1);
    }
    if (rc == MB_OK)
        rc = mb_buf_add(b, "}", 1);
    if (rc != MB_OK)
        luaL_error(L, "an array parameter is over %d bytes", MAX_ARRAY_BYTES);
    lua_pushlstring(L, b->data, b->len);
    mb_buf_reset(b);
    lua_replace(L, index);
    lua_pop(L, 1);
}

/* The arguments first..top as text values, borrowed from the stack. */
static int take_params(lua_State *L, int first, int top, struct mb_str *values)
{
    int n = top - first + 1;
    if (n > MAX_PARAMS)
        luaL_error(L, "a statement takes at most %d parameters", MAX_PARAMS);
    for (int i = 0; i < n; i++) {
        int index = first + i;
        values[i].ptr = NULL;
        values[i].len = 0;
        switch (lua_type(L, index)) {
        case LUA_TNIL:
            break;
        case LUA_TBOOLEAN:
            values[i] = lua_toboolean(L, index) ? MB_STR("t") : MB_STR("f");
            break;
        case LUA_TTABLE:
            array_text(L, index);
            values[i].ptr = lua_tolstring(L, index, &values[i].len);
            break;
        case LUA_TNUMBER:
        case LUA_TSTRING:
            values[i].ptr = lua_tolstring(L, index, &values[i].len);
            if (memchr(values[i].ptr, 0, values[i].len))
                luaL_error(L, "parameter $%d holds a NUL byte", i + 1);
            break;
        default:
            if (!mb_is_json_null(L, index))
                luaL_error(L, "parameter $%d is a %s", i + 1, luaL_typename(L, index));
        }
    }
    return n;
}

/* ---- waiting ---- */

struct item {
    struct db_wait *wait;
    struct mb_op *op;
    PGresult *res;
    struct mb_err err;
};

struct db_wait {
    struct mb_wait wait;
    unsigned n, pending;
    struct mb_tx *tx; /* filled by a begin */
    struct item item[];
};

static void wait_cancel(struct mb_wait *w)
{
    struct db_wait *d = (struct db_wait *)w;
    for (unsigned i = 0; i < d->n; i++)
        if (d->item[i].op) {
            mb_op_cancel(d->item[i].op);
            d->item[i].op = NULL;
        }
}

static int wait_gc(lua_State *L)
{
    struct db_wait *d = lua_touserdata(L, 1);
    wait_cancel(&d->wait);
    for (unsigned i = 0; i < d->n; i++)
        PQclear(d->item[i].res);
    if (d->tx)
        mb_tx_end(d->tx);
    d->n = 0;
    d->tx = NULL;
    return 0;
}

static struct db_wait *new_wait(lua_State *L, unsigned n)
{
    struct db_wait *d = lua_newuserdatauv(L, sizeof *d + n * sizeof d->item[0], 0);
    memset(d, 0, sizeof *d + n * sizeof d->item[0]);
    d->n = n;
    d->wait.cancel = wait_cancel;
    for (unsigned i = 0; i < n; i++)
        d->item[i].wait = d;
    luaL_setmetatable(L, WAIT_TYPE);
    return d;
}

static void finish(struct item *item, enum mb_rc rc, PGresult *res, const struct mb_err *err)
{
    item->op = NULL;
    item->res = res;
    if (rc != MB_OK)
        item->err = *err;
    if (--item->wait->pending == 0)
        mb_task_wake(&item->wait->wait);
}

static void on_result(void *ctx, enum mb_rc rc, PGresult *res, const struct mb_err *err)
{
    finish(ctx, rc, res, err);
}

static int raise_db(lua_State *L, const struct mb_err *err)
{
    const struct mb_db *db = mb_vm_plan(mb_vm_of(L))->db;
    int status = mb_rc_status(err->rc);
    return mb_raise(L, err, status == 503 ? mb_db_retry_after(db) : -1);
}

static struct mb_db *database(lua_State *L)
{
    struct mb_db *db = mb_vm_plan(mb_vm_of(L))->db;
    if (!db)
        luaL_error(L, "there is no database while scripts are checked");
    return db;
}

/* After the wait: rows of every item in order, or the first error raised. */
static int push_results(lua_State *L, int status, lua_KContext at)
{
    (void)status;
    struct db_wait *d = lua_touserdata(L, (int)at);
    struct mb_task *task = d->wait.task;
    for (unsigned i = 0; i < d->n; i++)
        if (!d->item[i].res)
            return raise_db(L, &d->item[i].err);
    luaL_checkstack(L, (int)d->n, NULL);
    for (unsigned i = 0; i < d->n; i++)
        mb_rows_push(L, task, &d->item[i].res);
    return (int)d->n;
}

/* ---- query and all ---- */

static void start(lua_State *L, struct item *item, const struct stmt *s, int first, int top, uint64_t deadline)
{
    struct mb_str values[MAX_PARAMS];
    int n = take_params(L, first, top, values);
    struct mb_err err;
    if (mb_db_query(database(L), &item->op, s->kind, s->stmt, n, values, deadline, on_result, item, &err) !=
        MB_OK) {
        wait_cancel(&item->wait->wait);
        raise_db(L, &err);
    }
    item->wait->pending++;
}

static int l_query(lua_State *L)
{
    struct mb_task *task = mb_task_check(L, "db.query");
    const struct stmt *s = luaL_checkudata(L, 1, STMT_TYPE);
    int top = lua_gettop(L);
    struct db_wait *d = new_wait(L, 1);
    start(L, &d->item[0], s, 2, top, mb_task_deadline(task));
    return mb_task_wait(L, &d->wait, top + 1, push_results);
}

static int l_all(lua_State *L)
{
    struct mb_task *task = mb_task_check(L, "db.all");
    int top = lua_gettop(L);
    luaL_argcheck(L, top >= 1 && top <= MAX_TOGETHER, 1, "one to eight statements");
    struct db_wait *d = new_wait(L, (unsigned)top);
    for (int i = 1; i <= top; i++) {
        luaL_checktype(L, i, LUA_TTABLE);
        lua_getfield(L, i, "n");
        int n = lua_isinteger(L, -1) ? (int)lua_tointeger(L, -1) : (int)lua_rawlen(L, i) - 1;
        lua_pop(L, 1);
        luaL_argcheck(L, n >= 0 && n <= MAX_PARAMS, i, "too many parameters");
        luaL_checkstack(L, n + 4, NULL);
        lua_rawgeti(L, i, 1);
        const struct stmt *s = luaL_checkudata(L, -1, STMT_TYPE);
        for (int k = 1; k <= n; k++)
            lua_rawgeti(L, i, k + 1);
        start(L, &d->item[i - 1], s, top + 3, top + 2 + n, mb_task_deadline(task));
        lua_settop(L, top + 1);
    }
    return mb_task_wait(L, &d->wait, top + 1, push_results);
}

/* ---- transactions ---- */

struct tx {
    struct mb_claim claim;
    struct mb_tx *tx; /* NULL once it is over */
};

static void tx_release(struct mb_claim *c)
{
    struct tx *t = (struct tx *)c;
    if (t->tx)
        mb_tx_end(t->tx);
    t->tx = NULL;
}

static int tx_gc(lua_State *L)
{
    struct tx *t = lua_touserdata(L, 1);
    mb_claim_drop(&t->claim);
    tx_release(&t->claim);
    return 0;
}

static void on_begun(void *ctx, enum mb_rc rc, struct mb_tx *tx, const struct mb_err *err)
{
    struct item *item = ctx;
    item->wait->tx = tx;
    finish(item, rc, NULL, err);
}

static int tx_query(lua_State *L)
{
    struct mb_task *task = mb_task_check(L, "tx:query");
    struct tx *t = luaL_checkudata(L, 1, TX_TYPE);
    const struct stmt *s = luaL_checkudata(L, 2, STMT_TYPE);
    if (!t->tx)
        return luaL_error(L, "this transaction is over");
    int top = lua_gettop(L);
    struct db_wait *d = new_wait(L, 1);
    struct mb_str values[MAX_PARAMS];
    int n = take_params(L, 3, top, values);
    struct mb_err err;
    if (mb_tx_query(t->tx, &d->item[0].op, s->stmt, n, values, mb_task_deadline(task), on_result, &d->item[0],
                    &err) != MB_OK)
        return raise_db(L, &err);
    d->pending = 1;
    return mb_task_wait(L, &d->wait, top + 1, push_results);
}

/* The stack of db.tx; the results of the closure stand above. */
enum { TX_BODY = 1, TX_BEGIN = 2, TX_HANDLE = 3, TX_COMMIT = 4 };

static int tx_committed(lua_State *L, int status, lua_KContext nresults)
{
    (void)status;
    struct db_wait *d = lua_touserdata(L, TX_COMMIT);
    struct tx *t = lua_touserdata(L, TX_HANDLE);
    bool committed = d->item[0].res;
    PQclear(d->item[0].res);
    d->item[0].res = NULL;
    mb_claim_drop(&t->claim);
    tx_release(&t->claim);
    return committed ? (int)nresults : raise_db(L, &d->item[0].err);
}

static int tx_body_done(lua_State *L, int status, lua_KContext ctx)
{
    (void)ctx;
    struct tx *t = lua_touserdata(L, TX_HANDLE);
    if (status != LUA_OK && status != LUA_YIELD) {
        mb_claim_drop(&t->claim);
        tx_release(&t->claim);
        return lua_error(L);
    }
    int nresults = lua_gettop(L) - TX_HANDLE;
    struct db_wait *d = new_wait(L, 1);
    lua_insert(L, TX_COMMIT);
    struct mb_err err;
    if (mb_tx_commit(t->tx, &d->item[0].op, on_result, &d->item[0], &err) != MB_OK)
        return raise_db(L, &err);
    d->pending = 1;
    return mb_task_wait(L, &d->wait, nresults, tx_committed);
}

static int tx_begun(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    (void)ctx;
    struct db_wait *d = lua_touserdata(L, TX_BEGIN);
    if (!d->tx)
        return raise_db(L, &d->item[0].err);
    struct tx *t = lua_newuserdatauv(L, sizeof *t, 0);
    memset(t, 0, sizeof *t);
    luaL_setmetatable(L, TX_TYPE);
    t->tx = d->tx;
    d->tx = NULL;
    mb_task_claim(d->wait.task, &t->claim, tx_release);
    lua_pushvalue(L, TX_BODY);
    lua_pushvalue(L, TX_HANDLE);
    return tx_body_done(L, lua_pcallk(L, 1, LUA_MULTRET, 0, 0, tx_body_done), 0);
}

/* db.tx(function(tx) … end) or db.tx("read_only" | "serializable" | "repeatable_read", function) */
static int l_tx(lua_State *L)
{
    static const char *const words[] = {"read_only", "serializable", "repeatable_read", NULL};
    static const unsigned flags[] = {MB_TX_READ_ONLY, MB_TX_SERIALIZABLE, MB_TX_REPEATABLE_READ};
    struct mb_task *task = mb_task_check(L, "db.tx");
    unsigned flag = 0;
    if (lua_type(L, 1) == LUA_TSTRING) {
        flag = flags[luaL_checkoption(L, 1, NULL, words)];
        lua_remove(L, 1);
    }
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    struct db_wait *d = new_wait(L, 1);
    struct mb_err err;
    if (mb_tx_begin(database(L), &d->item[0].op, flag, mb_task_deadline(task), on_begun, &d->item[0], &err) !=
        MB_OK)
        return raise_db(L, &err);
    d->pending = 1;
    return mb_task_wait(L, &d->wait, 0, tx_begun);
}

int mb_open_db(lua_State *L)
{
    static const luaL_Reg functions[] = {{"query", l_query}, {"all", l_all}, {"tx", l_tx}, {NULL, NULL}};
    luaL_newmetatable(L, WAIT_TYPE);
    lua_pushcfunction(L, wait_gc);
    lua_setfield(L, -2, "__gc");
    luaL_newmetatable(L, ARRAY_TYPE);
    lua_pushcfunction(L, array_gc);
    lua_setfield(L, -2, "__gc");
    luaL_newmetatable(L, TX_TYPE);
    lua_pushcfunction(L, tx_gc);
    lua_setfield(L, -2, "__gc");
    lua_newtable(L);
    lua_pushcfunction(L, tx_query);
    lua_setfield(L, -2, "query");
    lua_setfield(L, -2, "__index");
    luaL_newlib(L, functions);
    return 1;
}
