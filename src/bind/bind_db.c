#include <lauxlib.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/log.h"
#include "bind/modules.h"
#include "bind/problem.h"
#include "bind/rows.h"
#include "bind/statement.h"
#include "bind/task.h"

/*
 * mb.db: running statements. A call waits; its result is rows (rows.h) or a raised problem whose
 * `code` is a word of base/err.h.
 *
 *   local slots = require "queries.slots"
 *   local rows = db.query(slots.search, provider_id, from, to)
 *   local a, b = db.all({ slots.search, … }, { slots.facts, … })   -- one flight
 *   local id = db.tx(function(tx) … tx:query(stmt, …) … return id end)
 *   db.later(sessions.touch, id)   -- nobody waits for it, and it may be lost
 *
 * Inside db.tx only tx:query runs statements: whoever holds a connection and waits for another may
 * wait for somebody who waits for theirs.
 */

enum { MAX_TOGETHER = 8 };

static const char TX_TYPE[] = "mb.tx";

/* ---- waiting ---- */

struct item {
    struct db_wait *wait;
    struct mb_op *op;
    PGresult *res;
    struct mb_err err;
};

/* Owned by its task and no userdata: memory that waits for a finalizer outlives a collection, and
 * when much of the garbage does, each cycle of the collector begins later than the one before. */
struct db_wait {
    struct mb_wait wait;
    struct mb_claim claim; /* frees it should the task end before wait_free */
    unsigned n, pending;
    struct mb_tx **tx; /* where a begin puts its transaction */
    struct item item[];
};

/* Also after the wake: what has come is given back. */
static void wait_cancel(struct mb_wait *w)
{
    struct db_wait *d = (struct db_wait *)w;
    for (unsigned i = 0; i < d->n; i++) {
        if (d->item[i].op) mb_op_cancel(d->item[i].op);
        PQclear(d->item[i].res);
        d->item[i].op = NULL;
        d->item[i].res = NULL;
    }
}

static void wait_release(struct mb_claim *c)
{
    struct db_wait *d = (struct db_wait *)((char *)c - offsetof(struct db_wait, claim));
    wait_cancel(&d->wait);
    free(d);
}

static void wait_free(struct db_wait *d)
{
    mb_claim_drop(&d->claim);
    wait_release(&d->claim);
}

static struct db_wait *new_wait(lua_State *L, struct mb_task *task, unsigned n)
{
    struct db_wait *d = calloc(1, sizeof *d + n * sizeof d->item[0]);
    if (!d) luaL_error(L, "out of memory");
    d->n = n;
    d->wait.cancel = wait_cancel;
    for (unsigned i = 0; i < n; i++) d->item[i].wait = d;
    mb_task_claim(task, &d->claim, wait_release);
    return d;
}

static void finish(struct item *item, enum mb_rc rc, PGresult *res, const struct mb_err *err)
{
    item->op = NULL;
    item->res = res;
    if (rc != MB_OK) item->err = *err;
    if (--item->wait->pending == 0) mb_task_wake(&item->wait->wait);
}

static void on_result(void *ctx, enum mb_rc rc, PGresult *res, const struct mb_err *err)
{
    finish(ctx, rc, res, err);
}

static int raise_db(lua_State *L, const struct mb_err *err)
{
    const struct mb_db *db = mb_vm_plan(mb_vm_of(L))->db;
    int status = mb_rc_status(err->rc);
    bool busy = status == 503 || status == 504; /* the same request may well succeed later */
    return mb_raise(L, err, busy ? mb_db_retry_after(db) : -1);
}

static struct mb_db *database(lua_State *L)
{
    struct mb_db *db = mb_vm_plan(mb_vm_of(L))->db;
    if (!db) luaL_error(L, "there is no database while scripts are checked");
    return db;
}

/* Raises unless the task may wait for a connection. */
static struct mb_task *check_free(lua_State *L, const char *what)
{
    struct mb_task *task = mb_task_check(L, what);
    if (mb_task_is_pinned(task))
        luaL_error(L, "%s inside db.tx: use tx:query, a second connection might never come", what);
    return task;
}

/* Frees d, and raises what kept item i of it from a result. */
static int raise_item(lua_State *L, struct db_wait *d, unsigned i)
{
    struct mb_err err = d->item[i].err;
    wait_free(d);
    return raise_db(L, &err);
}

/* After the wait: rows of every item in order, or the first error raised. */
static int push_results(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    struct db_wait *d = (struct db_wait *)ctx;
    int n = (int)d->n;
    for (int i = 0; i < n; i++)
        if (!d->item[i].res) return raise_item(L, d, (unsigned)i);
    luaL_checkstack(L, n, NULL);
    for (int i = 0; i < n; i++) mb_rows_push(L, d->wait.task, &d->item[i].res);
    wait_free(d);
    return n;
}

/* ---- query and all ---- */

static void start(lua_State *L, struct mb_db *db, struct item *item, const struct mb_statement *s,
                  int n, const struct mb_str *values, uint64_t deadline)
{
    if (mb_db_query(db, &item->op, s->kind, s->stmt, n, values, deadline, on_result, item,
                    &item->err) != MB_OK)
        raise_item(L, item->wait, (unsigned)(item - item->wait->item));
    item->wait->pending++;
}

int mb_statement_run(lua_State *L, struct mb_db *db, int first)
{
    struct mb_task *task = check_free(L, "db.query");
    const struct mb_statement *s = mb_statement_at(L, first);
    struct mb_str values[MB_STATEMENT_PARAMS];
    int n = mb_statement_params(L, first + 1, lua_gettop(L), values);
    struct db_wait *d = new_wait(L, task, 1);
    start(L, db, &d->item[0], s, n, values, mb_task_deadline(task));
    return mb_task_wait(L, &d->wait, (lua_KContext)d, push_results);
}

static int l_query(lua_State *L) { return mb_statement_run(L, database(L), 1); }

/* ---- later ---- */

struct later {
    struct mb_op *op;
    struct mb_err err;
};

static void on_later(void *ctx, enum mb_rc rc, PGresult *res, const struct mb_err *err)
{
    struct later *l = ctx;
    if (rc != MB_OK) mb_log(MB_LOG_WARN, "a statement sent later failed", "error", err->text, NULL);
    PQclear(res);
    free(l);
}

/* For what is of use and not needed, such as noting that somebody was here: a database that is busy or away
 * does without. Also in the __close of a request that was cut. Wrong parameters raise. */
static int l_later(lua_State *L)
{
    struct mb_task *task = mb_task_of(L);
    if (!task) return luaL_error(L, "db.later outside of a request");
    const struct mb_statement *s = mb_statement_at(L, 1);
    struct mb_str values[MB_STATEMENT_PARAMS];
    int n = mb_statement_params(L, 2, lua_gettop(L), values);
    struct mb_db *db = database(L);
    struct later *l = calloc(1, sizeof *l);
    if (!l) return 0;
    if (mb_db_query(db, &l->op, s->kind, s->stmt, n, values, mb_task_deadline(task), on_later, l,
                    &l->err) != MB_OK)
        free(l);
    return 0;
}

/* Pushes { statement, parameters…, n = } at index; n says how many when the last may be nil. */
static int unpack(lua_State *L, int index)
{
    luaL_checktype(L, index, LUA_TTABLE);
    lua_Integer n = (lua_Integer)lua_rawlen(L, index) - 1;
    lua_pushliteral(L, "n");
    if (lua_rawget(L, index) != LUA_TNIL) n = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    luaL_argcheck(L, n >= 0 && n <= MB_STATEMENT_PARAMS, index, "a statement and its parameters");
    luaL_checkstack(L, (int)n + LUA_MINSTACK, NULL);
    for (lua_Integer i = 0; i <= n; i++) lua_rawgeti(L, index, i + 1);
    return (int)n;
}

static int l_all(lua_State *L)
{
    struct mb_task *task = check_free(L, "db.all");
    int top = lua_gettop(L);
    luaL_argcheck(L, top >= 1 && top <= MAX_TOGETHER, 1, "one to eight statements");
    struct db_wait *d = new_wait(L, task, (unsigned)top);
    for (int i = 1; i <= top; i++) {
        int given = unpack(L, i);
        const struct mb_statement *s = mb_statement_at(L, top + 1);
        struct mb_str values[MB_STATEMENT_PARAMS];
        int n = mb_statement_params(L, top + 2, top + 1 + given, values);
        start(L, database(L), &d->item[i - 1], s, n, values, mb_task_deadline(task));
        lua_settop(L, top);
    }
    return mb_task_wait(L, &d->wait, (lua_KContext)d, push_results);
}

/* ---- transactions ---- */

/* Claimed by its task before the connection is asked for, so that there is no moment in which a
 * task that ends could leave it behind. */
struct tx {
    struct mb_claim claim;
    struct mb_task *task; /* NULL once it is over */
    struct mb_tx *tx;     /* NULL before it begins and once it is over */
};

static void tx_release(struct mb_claim *c)
{
    struct tx *t = (struct tx *)c;
    if (t->tx) mb_tx_end(t->tx);
    if (t->task) mb_task_pin(t->task, false);
    t->tx = NULL;
    t->task = NULL;
}

static void tx_end(struct tx *t)
{
    mb_claim_drop(&t->claim);
    tx_release(&t->claim);
}

static int tx_gc(lua_State *L)
{
    tx_end(lua_touserdata(L, 1));
    return 0;
}

static void on_begun(void *ctx, enum mb_rc rc, struct mb_tx *tx, const struct mb_err *err)
{
    struct item *item = ctx;
    *item->wait->tx = tx;
    finish(item, rc, NULL, err);
}

static int tx_query(lua_State *L)
{
    struct mb_task *task = mb_task_check(L, "tx:query");
    struct tx *t = luaL_checkudata(L, 1, TX_TYPE);
    const struct mb_statement *s = mb_statement_at(L, 2);
    if (!t->tx) return luaL_error(L, "this transaction is over");
    if (t->task != task) return luaL_error(L, "this transaction belongs to another request");
    struct mb_str values[MB_STATEMENT_PARAMS];
    int n = mb_statement_params(L, 3, lua_gettop(L), values);
    struct db_wait *d = new_wait(L, task, 1);
    struct item *item = &d->item[0];
    if (mb_tx_query(t->tx, &item->op, s->stmt, n, values, mb_task_deadline(task), on_result, item,
                    &item->err) != MB_OK)
        return raise_item(L, d, 0);
    d->pending = 1;
    return mb_task_wait(L, &d->wait, (lua_KContext)d, push_results);
}

/* The stack of db.tx; the results of the closure stand above. */
enum { TX_BODY = 1, TX_HANDLE = 2 };

static int tx_committed(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    struct db_wait *d = (struct db_wait *)ctx;
    tx_end(lua_touserdata(L, TX_HANDLE));
    if (!d->item[0].res) return raise_item(L, d, 0);
    wait_free(d); /* the result of COMMIT holds nothing */
    return lua_gettop(L) - TX_HANDLE;
}

static int tx_body_done(lua_State *L, int status, lua_KContext ctx)
{
    (void)ctx;
    struct tx *t = lua_touserdata(L, TX_HANDLE);
    if (status != LUA_OK && status != LUA_YIELD) {
        tx_end(t);
        return lua_error(L);
    }
    struct db_wait *d = new_wait(L, t->task, 1);
    struct item *item = &d->item[0];
    if (mb_tx_commit(t->tx, &item->op, on_result, item, &item->err) != MB_OK) {
        tx_end(t);
        return raise_item(L, d, 0);
    }
    d->pending = 1;
    return mb_task_wait(L, &d->wait, (lua_KContext)d, tx_committed);
}

static int tx_begun(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    struct db_wait *d = (struct db_wait *)ctx;
    struct tx *t = lua_touserdata(L, TX_HANDLE);
    if (!t->tx) {
        tx_end(t);
        return raise_item(L, d, 0);
    }
    wait_free(d);
    lua_pushvalue(L, TX_BODY);
    lua_pushvalue(L, TX_HANDLE);
    return tx_body_done(L, lua_pcallk(L, 1, LUA_MULTRET, 0, 0, tx_body_done), 0);
}

static unsigned take_flag(lua_State *L)
{
    static const char *const words[] = {"read_only", "serializable", "repeatable_read", NULL};
    static const unsigned flags[] = {MB_TX_READ_ONLY, MB_TX_SERIALIZABLE, MB_TX_REPEATABLE_READ};
    if (lua_type(L, 1) != LUA_TSTRING) return 0;
    unsigned flag = flags[luaL_checkoption(L, 1, NULL, words)];
    lua_remove(L, 1);
    return flag;
}

/* db.tx(function(tx) … end), or with "read_only", "serializable" or "repeatable_read" before it */
static int l_tx(lua_State *L)
{
    struct mb_task *task = check_free(L, "db.tx");
    unsigned flag = take_flag(L);
    luaL_checktype(L, TX_BODY, LUA_TFUNCTION);
    lua_settop(L, TX_BODY);
    struct tx *t = lua_newuserdatauv(L, sizeof *t, 0);
    memset(t, 0, sizeof *t);
    luaL_setmetatable(L, TX_TYPE);
    struct db_wait *d = new_wait(L, task, 1);
    struct item *item = &d->item[0];
    d->tx = &t->tx;
    if (mb_tx_begin(database(L), &item->op, flag, mb_task_deadline(task), on_begun, item,
                    &item->err) != MB_OK)
        return raise_item(L, d, 0);
    d->pending = 1;
    t->task = task;
    mb_task_pin(task, true);
    mb_task_claim(task, &t->claim, tx_release);
    return mb_task_wait(L, &d->wait, (lua_KContext)d, tx_begun);
}

int mb_open_db(lua_State *L)
{
    static const luaL_Reg functions[] = {
        {"query", l_query}, {"all", l_all}, {"later", l_later}, {"tx", l_tx}, {NULL, NULL}};
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
