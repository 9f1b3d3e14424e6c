/*
 * Transactions: commit, and rollback on every way out.
 */
#include "db_fixture.h"

static const char *count(void) { return run(MB_DB_READ, "SELECT count(*) FROM t", NULL); }

static bool is_clean(void)
{
    return strcmp(pg_sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'test' "
                         "AND state LIKE 'idle in transaction%'"),
                  "0") == 0;
}

static void commits(void)
{
    struct mb_tx *tx = begin(0);
    ok(run_in(tx, "INSERT INTO t VALUES (1)") == MB_OK, "a statement runs inside");
    ok(is(pg_sql("SELECT count(*) FROM t"), "0"), "others do not see it yet");
    ok(commit(tx) == MB_OK, "it commits");
    mb_tx_end(tx);
    ok(is(count(), "1"), "and is there");
    tx = begin(0);
    ok(commit(tx) == MB_OK, "a transaction without statements commits");
    mb_tx_end(tx);
    ok(stats.rollbacks == 0, "nothing was rolled back");
}

static void rolls_back_when_left(void)
{
    struct mb_tx *tx = begin(0);
    run_in(tx, "INSERT INTO t VALUES (2)");
    mb_tx_end(tx);
    ok(is(count(), "1") && is_clean(), "leaving without commit rolls back");
    ok(stats.rollbacks == 1, "and is counted");
    tx = begin(0);
    mb_tx_end(tx);
    ok(stats.rollbacks == 1, "leaving before the first statement needs no rollback");
}

static void rolls_back_after_errors(void)
{
    struct reply r;
    struct mb_tx *tx = begin(0);
    run_in(tx, "INSERT INTO t VALUES (3)");
    ok(run_in(tx, "SELECT 1/0") == MB_E_DB, "an error inside is told");
    ok(run_in(tx, "SELECT 1") == MB_E_DB, "no statement follows it");
    ok(commit(tx) == MB_E_DB, "nor a commit");
    mb_tx_end(tx);
    ok(is(count(), "1") && is_clean(), "the failed transaction is rolled back");
    tx = begin(0);
    start_in(&r, tx, "SELECT 1/0", in_ms(5000));
    await(&r);
    ok(r.rc == MB_E_DB, "an error in the first statement, which flies with BEGIN, is told");
    mb_tx_end(tx);
    ok(is(count(), "1") && is_clean(), "and rolled back");
}

static void rolls_back_when_cancelled(void)
{
    struct reply r;
    struct mb_tx *tx = begin(0);
    run_in(tx, "INSERT INTO t VALUES (4)");
    start_in(&r, tx, "SELECT pg_sleep(60)", in_ms(20000));
    turn(20);
    mb_tx_end(tx);
    ok(is(count(), "1") && is_clean() && r.done == 0, "leaving during a statement cancels it");
    tx = begin(0);
    run_in(tx, "INSERT INTO t VALUES (5)");
    start_in(&r, tx, "SELECT pg_sleep(60)", in_ms(100));
    await(&r);
    ok(r.rc == MB_E_REQUEST_TIMEOUT && run_in(tx, "SELECT 1") == MB_E_DB,
       "a deadline inside fails the transaction");
    mb_tx_end(tx);
    ok(is(count(), "1") && is_clean(), "and it is rolled back");
    tx = begin(0);
    start_in(&r, tx, "INSERT INTO t VALUES (6)", in_ms(20000));
    mb_op_cancel(r.op);
    mb_tx_end(tx);
    ok(is(count(), "1") && is_clean(), "a cancel right after the start is no different");
    ok(stats.lost == 0, "the connection outlives all of it");
}

static void cancels_the_wait(void)
{
    struct reply r = {0}, second = {0};
    struct mb_tx *tx = begin(0);
    note_start(&r, mb_tx_begin(db, &r.op, 0, in_ms(5000), on_tx, &r, &r.err));
    turn(10);
    ok(!r.done, "the next transaction waits for the connection");
    mb_op_cancel(r.op);
    note_start(&second, mb_tx_begin(db, &second.op, 0, in_ms(5000), on_tx, &second, &second.err));
    mb_tx_end(tx);
    mb_op_cancel(second.op); /* pinned already, not yet called back */
    ok(is(count(), "1") && !r.done && !second.done, "both can be cancelled");
}

static void keeps_modes(void)
{
    struct mb_tx *tx = begin(MB_TX_READ_ONLY | MB_TX_REPEATABLE_READ);
    struct reply r;
    ok(run_in(tx, "INSERT INTO t VALUES (7)") == MB_E_DB_UNAVAILABLE, "read only refuses a write");
    mb_tx_end(tx);
    tx = begin(MB_TX_SERIALIZABLE);
    start_in(&r, tx, "SHOW transaction_isolation", in_ms(5000));
    await(&r);
    ok(is(PQgetvalue(r.res, 0, 0), "serializable"), "the isolation level is set");
    PQclear(r.res);
    mb_tx_end(tx);
}

static void types_conflicts(void)
{
    struct reply r;
    struct mb_tx *tx = begin(MB_TX_REPEATABLE_READ);
    run_in(tx, "SELECT * FROM t");
    pg_sql("UPDATE t SET a = 10");
    start_in(&r, tx, "UPDATE t SET a = 11", in_ms(5000));
    await(&r);
    ok(r.rc == MB_E_DB_CONFLICT && is(r.err.sqlstate, "40001"),
       "a serialization failure is a conflict");
    mb_tx_end(tx);
    tx = begin(0);
    run_in(tx, "INSERT INTO deferred VALUES (1), (1)");
    ok(commit(tx) == MB_E_DB_CONSTRAINT, "a deferred constraint is named by the commit");
    mb_tx_end(tx);
    ok(is_clean(), "and leaves nothing open");
}

static void ends_foreign_transactions(void)
{
    run(MB_DB_WRITE, "BEGIN", NULL);
    ok(is(count(), "1") && is_clean(), "a BEGIN smuggled in as a statement is rolled back");
}

static void idles_too_long(void)
{
    struct mb_db_config c = make_config();
    c.idle_in_transaction_timeout = 100;
    open_db(&c);
    struct mb_tx *tx = begin(0);
    run_in(tx, "INSERT INTO t VALUES (8)");
    while (stats.lost == 0) turn(20);
    ok(run_in(tx, "SELECT 1") == MB_E_DB_UNAVAILABLE, "the server ends a transaction that idles");
    mb_tx_end(tx);
    ok(is(count(), "1"), "nothing of it stays");
    close_db();
}

static void survives_the_pool(void)
{
    struct mb_db_config c = make_config();
    open_db(&c);
    struct mb_tx *tx = begin(0);
    run_in(tx, "INSERT INTO t VALUES (9)");
    int closed = 0;
    mb_db_close(db, 50, on_closed, &closed);
    await_n(&closed, 1);
    mb_db_free(db);
    mb_tx_end(tx);
    ok(uv_loop_close(&loop) == 0, "a transaction may be ended after the pool was cut");
    ok(is(pg_sql("SELECT count(*) FROM t"), "1"), "and was rolled back");
}

int main(void)
{
    pg_make();
    pg_sql("CREATE TABLE t (a int)");
    pg_sql("CREATE TABLE deferred (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    struct mb_db_config c = make_config();
    open_db(&c);
    commits();
    rolls_back_when_left();
    rolls_back_after_errors();
    rolls_back_when_cancelled();
    cancels_the_wait();
    keeps_modes();
    types_conflicts();
    ends_foreign_transactions();
    close_db();
    idles_too_long();
    survives_the_pool();
    return done();
}
