/*
 * A pool whose work is never committed: savepoints in the place of transactions, and marks to return to.
 */
#include "db_fixture.h"

static const char *count(void) { return run(MB_DB_READ, "SELECT count(*) FROM t", NULL); }

typedef enum mb_rc (*level_fn)(struct mb_db *db, struct mb_op **op, uint64_t deadline_ns,
                               mb_op_cb cb, void *ctx, struct mb_err *err);

static enum mb_rc level(level_fn change)
{
    struct reply r = {0};
    is_calling = true;
    note_start(&r, change(db, &r.op, in_ms(20000), on_reply, &r, &r.err));
    await(&r);
    PQclear(r.res);
    return r.rc;
}

static void keeps_what_succeeded(void)
{
    run(MB_DB_WRITE, "INSERT INTO t VALUES (1)", NULL);
    ok(is(count(), "1"), "a statement sees what an earlier one did");
    struct mb_tx *tx = begin(0);
    ok(run_in(tx, "INSERT INTO t VALUES (2)") == MB_OK && commit(tx) == MB_OK,
       "a transaction commits");
    mb_tx_end(tx);
    ok(is(count(), "2"), "and its work is there");
    ok(is(pg_sql("SELECT count(*) FROM t"), "0"), "other sessions never see any of it");
}

static void undoes_what_failed(void)
{
    ok(is(run(MB_DB_WRITE, "INSERT INTO t SELECT 1 / 0", NULL), "22012"), "an error is told");
    ok(is(count(), "2"), "it undoes its own statement and nothing else");
    struct mb_tx *tx = begin(0);
    run_in(tx, "INSERT INTO t VALUES (3)");
    run_in(tx, "SELECT 1 / 0");
    ok(commit(tx) == MB_E_DB, "a failed transaction does not commit");
    mb_tx_end(tx);
    ok(is(count(), "2"), "and is undone whole");
    tx = begin(0);
    run_in(tx, "INSERT INTO t VALUES (3)");
    mb_tx_end(tx);
    ok(is(count(), "2"), "so is one that was left");
    ok(stats.rollbacks == 3, "each of the three was taken back");
}

static void keeps_read_only(void)
{
    struct mb_tx *tx = begin(MB_TX_READ_ONLY);
    ok(run_in(tx, "INSERT INTO t VALUES (4)") != MB_OK, "a read-only transaction refuses a write");
    mb_tx_end(tx);
    tx = begin(MB_TX_READ_ONLY);
    ok(run_in(tx, "SELECT 1") == MB_OK && commit(tx) == MB_OK, "and reads");
    mb_tx_end(tx);
    run(MB_DB_WRITE, "INSERT INTO t VALUES (4)", NULL);
    ok(is(count(), "3"), "what follows may write");
}

static void cancels(void)
{
    struct reply r;
    start_by(&r, MB_DB_WRITE, "SELECT pg_sleep(60)", NULL, in_ms(100));
    await(&r);
    ok(r.rc == MB_E_REQUEST_TIMEOUT && is(count(), "3"),
       "a statement that is cut leaves the rest as it was");
}

static void takes_back(void)
{
    ok(level(mb_db_mark) == MB_OK, "a mark is set");
    run(MB_DB_WRITE, "INSERT INTO t VALUES (5)", NULL);
    ok(level(mb_db_mark) == MB_OK, "and a second one");
    run(MB_DB_WRITE, "INSERT INTO t VALUES (6)", NULL);
    run(MB_DB_WRITE, "SELECT 1 / 0", NULL);
    ok(is(count(), "5") && level(mb_db_take_back) == MB_OK && is(count(), "4"),
       "what came after the second is taken back");
    ok(level(mb_db_take_back) == MB_OK && is(count(), "3"), "then what came after the first");
    ok(level(mb_db_take_back) == MB_E_DB, "there is no third");
    ok(is(pg_sql("SELECT count(*) FROM t"), "0"), "nothing was committed all the while");
}

int main(void)
{
    pg_make();
    pg_sql("CREATE TABLE t (a int)");
    struct mb_db_config c = make_config();
    c.is_rehearsal = true;
    open_db(&c);
    keeps_what_succeeded();
    undoes_what_failed();
    keeps_read_only();
    cancels();
    takes_back();
    close_db();
    return done();
}
