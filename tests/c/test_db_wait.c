/*
 * Waiting: the bounded queue, deadlines, cancels that are awaited, growth of the pool.
 */
#include "db_fixture.h"

static void open_with(uint32_t most, uint32_t queue, uint32_t queue_timeout)
{
    struct mb_db_config c = make_config();
    c.pool_max = most;
    c.queue_max = queue;
    c.queue_timeout = queue_timeout;
    open_db(&c);
}

static const char *backend(void) { return run(MB_DB_READ, "SELECT pg_backend_pid()", NULL); }

static void bounds_the_queue(void)
{
    struct reply busy, waits[3];
    open_with(1, 2, 5000);
    run(MB_DB_READ, "SELECT 1", NULL);
    start(&busy, MB_DB_WRITE, "SELECT pg_sleep(0.2)", NULL);
    for (int i = 0; i < 3; i++) start(&waits[i], MB_DB_WRITE, "SELECT 1", NULL);
    ok(waits[2].rc == MB_E_DB_QUEUE_FULL && waits[2].done == 1, "a full queue refuses at once");
    ok(stats.waiting == 2, "two statements wait");
    await(&waits[0]);
    await(&waits[1]);
    ok(busy.rc == MB_OK && waits[0].rc == MB_OK && waits[1].rc == MB_OK, "those that waited run");
    ok(stats.queue_full == 1 && stats.waiting == 0, "the refusal is counted");
    PQclear(busy.res);
    PQclear(waits[0].res);
    PQclear(waits[1].res);
    close_db();
}

static void ends_waiting(void)
{
    struct reply busy, late, gone;
    open_with(1, 10, 100);
    run(MB_DB_READ, "SELECT 1", NULL);
    start(&busy, MB_DB_WRITE, "SELECT pg_sleep(0.5)", NULL);
    start(&late, MB_DB_WRITE, "SELECT 1", NULL);
    start(&gone, MB_DB_WRITE, "SELECT 1", NULL);
    mb_op_cancel(gone.op);
    await(&late);
    ok(late.rc == MB_E_DB_QUEUE_TIMEOUT && !busy.done, "a wait longer than allowed ends");
    await(&busy);
    ok(gone.done == 0 && stats.waiting == 0, "a cancelled waiter leaves without a callback");
    PQclear(busy.res);
    close_db();
}

static void tells_what_ran_out(void)
{
    struct reply busy, late, slow;
    struct mb_db_config c = make_config();
    c.statement_timeout = 300;
    open_db(&c);
    run(MB_DB_READ, "SELECT 1", NULL);
    start(&busy, MB_DB_WRITE, "SELECT pg_sleep(60)", NULL);
    start_by(&late, MB_DB_WRITE, "SELECT 1", NULL, in_ms(50));
    await(&late);
    ok(late.rc == MB_E_REQUEST_TIMEOUT && !busy.done, "a request's end while it waits is its own");
    await(&busy);
    ok(busy.rc == MB_E_DB_TIMEOUT && is(busy.err.sqlstate, "57014"),
       "a statement that the server stops is the statement's time-out");
    start(&slow, MB_DB_READ, "SELECT pg_sleep(60)", NULL);
    await(&slow);
    ok(slow.rc == MB_E_DB_TIMEOUT && stats.cancels == 0, "a read's too, without our doing");
    close_db();
}

static void sheds_hopeless_waits(void)
{
    struct reply slow[6], hopeless;
    open_with(1, 100, 60000);
    for (int i = 0; i < 6; i++) start(&slow[i], MB_DB_WRITE, "SELECT pg_sleep(0.2)", NULL);
    await(&slow[2]);
    start_by(&hopeless, MB_DB_WRITE, "SELECT 1", NULL, in_ms(20));
    ok(hopeless.done && hopeless.rc == MB_E_DB_QUEUE_FULL,
       "a wait that would outlast the deadline is refused at once");
    ok(mb_db_retry_after(db) >= 1, "with a time to come back");
    for (int i = 0; i < 6; i++) {
        await(&slow[i]);
        PQclear(slow[i].res);
    }
    close_db();
}

static void cancels_at_the_deadline(void)
{
    struct reply r;
    char before[32];
    open_with(1, 10, 5000);
    snprintf(before, sizeof before, "%s", backend());
    start_by(&r, MB_DB_READ, "SELECT pg_sleep(60)", NULL, in_ms(100));
    await(&r);
    ok(r.rc == MB_E_REQUEST_TIMEOUT, "a statement over its deadline is answered");
    ok(is(backend(), before), "and its connection is used again");
    ok(!is_running("SELECT pg_sleep(60)"), "when the server has stopped it");
    ok(stats.cancels == 1 && stats.lost == 0, "by one cancel");
    start_by(&r, MB_DB_WRITE, "SELECT 1", NULL, in_ms(0));
    ok(r.rc == MB_E_REQUEST_TIMEOUT && r.done == 1, "one that is late already is refused at once");
    close_db();
}

static void awaits_the_cancel(void)
{
    struct reply r, next[20];
    int right = 0;
    char before[32];
    open_with(1, 100, 20000);
    snprintf(before, sizeof before, "%s", backend());
    for (int i = 0; i < 20; i++) {
        start(&r, MB_DB_WRITE, "SELECT pg_sleep(60)", NULL);
        turn(5);
        mb_op_cancel(r.op);
        start(&next[i], MB_DB_WRITE, "SELECT pg_sleep(0.01), 1", NULL);
        await(&next[i]);
        right += next[i].rc == MB_OK && r.done == 0;
        PQclear(next[i].res);
    }
    ok(right == 20, "a cancel never hits the statement after it (%d of 20)", right);
    ok(is(backend(), before), "all on one connection");
    close_db();
}

static void shares_without_cancelling(void)
{
    struct reply first, second;
    open_with(1, 10, 5000);
    run(MB_DB_READ, "SELECT 1", NULL);
    uint64_t before = stats.wait_us_sum;
    start(&first, MB_DB_READ, "SELECT pg_sleep(0.3)", NULL);
    start(&second, MB_DB_READ, "SELECT pg_sleep(0.1), 2", NULL);
    mb_op_cancel(first.op);
    await(&second);
    /* A machine that stood still in between has let the second wait instead. */
    bool has_shared = stats.wait_us_sum == before;
    ok(second.rc == MB_OK && first.done == 0 && stats.cancels == !has_shared,
       "a statement that flies with others is not cancelled at the server");
    PQclear(second.res);
    close_db();
}

static void leaves_slow_links_alone(void)
{
    struct reply slow;
    open_with(2, 10, 5000);
    start(&slow, MB_DB_READ, "SELECT pg_sleep(20)", NULL);
    await_running("SELECT pg_sleep(20)");
    turn(50); /* until it counts as slow */
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1") && !slow.done,
       "a quick read does not wait behind a slow one");
    ok(stats.connections == 2, "the pool grows for it");
    pg_sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity "
           "WHERE query = 'SELECT pg_sleep(20)' AND pid <> pg_backend_pid()");
    await(&slow);
    PQclear(slow.res);
    ok(stats.idle == 2, "and both connections are idle in the end");
    close_db();
}

static void closes_what_does_not_end(void)
{
    struct reply r;
    char before[32];
    open_with(1, 10, 5000);
    snprintf(before, sizeof before, "%s", backend());
    start(&r, MB_DB_WRITE, "SELECT pg_sleep(60) /* frozen */", NULL);
    await_running("SELECT pg_sleep(60) /* frozen");
    kill(atoi(before), SIGSTOP);
    mb_op_cancel(r.op);
    ok(strcmp(backend(), before) != 0, "a server process that ignores the cancel is given up");
    kill(atoi(before), SIGCONT);
    ok(stats.lost == 1, "and counted as lost");
    close_db();
}

static void finishes_before_closing(void)
{
    struct reply runs, waits, refused;
    open_with(1, 10, 5000);
    start(&runs, MB_DB_WRITE, "SELECT pg_sleep(0.2)", NULL);
    start(&waits, MB_DB_WRITE, "SELECT 1", NULL);
    int closed = 0;
    mb_db_close(db, 5000, on_closed, &closed);
    start(&refused, MB_DB_READ, "SELECT 1", NULL);
    await_n(&closed, 1);
    ok(runs.rc == MB_OK && runs.done && waits.rc == MB_OK && waits.done,
       "closing lets accepted statements finish");
    ok(refused.rc == MB_E_DB_UNAVAILABLE, "and accepts no new ones");
    PQclear(runs.res);
    PQclear(waits.res);
    mb_db_free(db);
    uv_loop_close(&loop);
    open_with(1, 10, 5000);
    start(&runs, MB_DB_WRITE, "SELECT pg_sleep(60)", NULL);
    await_running("SELECT pg_sleep(60)");
    start(&waits, MB_DB_WRITE, "SELECT 1", NULL);
    closed = 0;
    mb_db_close(db, 100, on_closed, &closed);
    await_n(&closed, 1);
    ok(runs.done && runs.rc == MB_E_DB_LOST && waits.rc == MB_E_DB_UNAVAILABLE,
       "after the deadline the rest is cut");
    mb_db_free(db);
    ok(uv_loop_close(&loop) == 0, "with no handle left behind");
}

/* Two statements that take the same two rows in opposite order; true when both came through. */
static bool cross(uint32_t retries)
{
    struct reply one, other;
    struct mb_db_config c = make_config();
    c.pool_max = 3; /* one is kept for reads */
    c.conflict_retries = retries;
    open_db(&c);
    start(&one, MB_DB_WRITE, "SELECT cross_rows(1, 2)", NULL);
    start(&other, MB_DB_WRITE, "SELECT cross_rows(2, 1)", NULL);
    await(&one);
    await(&other);
    bool is_through = one.rc == MB_OK && other.rc == MB_OK;
    ok(is_through || (one.rc == MB_OK ? other.rc : one.rc) == MB_E_DB_CONFLICT,
       "of two that lock each other out one at least comes through, the other is a conflict");
    ok((stats.conflict_retries > 0) == (retries > 0), "and runs again as often as it may");
    PQclear(one.res);
    PQclear(other.res);
    close_db();
    return is_through;
}

static void runs_losers_again(void)
{
    pg_sql("CREATE TABLE crossed (id int PRIMARY KEY, n int NOT NULL)");
    pg_sql("INSERT INTO crossed VALUES (1, 0), (2, 0)");
    pg_sql("CREATE FUNCTION cross_rows(a int, b int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
           "UPDATE crossed SET n = n + 1 WHERE id = a; PERFORM pg_sleep(0.3); "
           "UPDATE crossed SET n = n + 1 WHERE id = b; END $$");
    ok(!cross(0), "without leave to run again the loser of a deadlock fails");
    ok(is(pg_sql("SELECT string_agg(n::text, ' ') FROM crossed"), "1 1"), "and changed nothing");
    ok(cross(3), "with it both come through");
    ok(is(pg_sql("SELECT string_agg(n::text, ' ') FROM crossed"), "3 3"), "once each");
}

int main(void)
{
    pg_make();
    runs_losers_again();
    bounds_the_queue();
    ends_waiting();
    tells_what_ran_out();
    sheds_hopeless_waits();
    cancels_at_the_deadline();
    awaits_the_cancel();
    shares_without_cancelling();
    leaves_slow_links_alone();
    closes_what_does_not_end();
    finishes_before_closing();
    return done();
}
