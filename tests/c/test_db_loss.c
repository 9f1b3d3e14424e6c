/*
 * The database goes and comes back: every error typed, no statement hangs, the pool heals.
 */
#include "db/pool.h"
#include "db_fixture.h"

static void open_with(uint32_t least, uint32_t most)
{
    struct mb_db_config c = make_config();
    c.pool_min = least;
    c.pool_max = most;
    open_db(&c);
}

static bool is_up(void) { return atomic_load(&stats.connections) > 0; }

static void await_up(void)
{
    while (!is_up()) turn(10);
}

static void await_down(void)
{
    while (is_up()) turn(10);
}

static void is_away_at_start(void)
{
    struct reply r;
    pg_stop(SIGINT);
    open_with(1, 2);
    start(&r, MB_DB_READ, "SELECT 1", NULL);
    await(&r);
    ok(r.rc == MB_E_DB_UNAVAILABLE, "without a server a statement is refused");
    ok(!is_up() && mb_db_last_error(db).len > 0, "the pool says why");
    start(&r, MB_DB_WRITE, "SELECT 1", NULL);
    ok(r.done && r.rc == MB_E_DB_UNAVAILABLE, "the next one at once");
    ok(mb_db_retry_after(db) >= 1, "with a time to come back");
    pg_start();
    await_up();
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1"), "the pool finds the server when it comes");
    close_db();
}

static void is_told_of_the_return(void)
{
    struct reply r;
    pg_stop(SIGINT);
    open_with(1, 2);
    while (atomic_load(&stats.connect_failures) < 8 || db->nopening > 0) turn(10);
    db->next_try_ns += 3600u * 1000000000ull;
    uv_timer_stop(&db->retry);
    pg_start();
    start(&r, MB_DB_READ, "SELECT 1", NULL);
    ok(r.rc == MB_E_DB_UNAVAILABLE, "a pool that waits does not look by itself");
    mb_db_retry(db);
    ok(db->nopening == 1, "told that the server is back, it connects at once");
    mb_db_retry(db);
    ok(db->nopening == 1, "told again, it does not connect twice");
    await_up();
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1"), "and serves");
    mb_db_retry(db);
    ok(db->nopening == 0, "told while it is up, it does nothing");
    close_db();
}

static void renews_its_only_connection(void)
{
    open_with(1, 2);
    run(MB_DB_READ, "SELECT 1", NULL);
    uint64_t connects = atomic_load(&stats.connects);
    for (uint32_t i = 0; i < 2; i++) db->links[i].renew_ns = 1;
    while (atomic_load(&stats.connects) == connects) {
        if (!is_up()) break;
        turn(10);
    }
    ok(is_up(), "an old connection goes when another is there");
    close_db();
}

static void loses_a_backend(void)
{
    struct reply r;
    open_with(1, 1);
    int pid = atoi(run(MB_DB_READ, "SELECT pg_backend_pid()", NULL));
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", pid);
    pg_sql(sql);
    while (kill(pid, 0) == 0) pg_nap(5);
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1"),
       "a read finds its idle connection dead and moves");
    pid = atoi(run(MB_DB_READ, "SELECT pg_backend_pid()", NULL));
    start(&r, MB_DB_WRITE, "SELECT pg_sleep(30)", NULL);
    await_running("SELECT pg_sleep(30)");
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", pid);
    pg_sql(sql);
    await(&r);
    ok(r.rc == MB_E_DB_LOST, "a write in flight on a lost connection has an unknown outcome");
    pg_sql("CREATE SEQUENCE runs");
    await_up(); /* however long that took: its grace may be over */
    start(&r, MB_DB_READ, "SELECT pg_sleep(CASE nextval('runs') WHEN 1 THEN 60 ELSE 0 END)", NULL);
    await_running("SELECT pg_sleep(CASE");
    snprintf(sql, sizeof sql,
             "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
             "WHERE application_name = 'test'");
    pg_sql(sql);
    await(&r);
    ok(r.rc == MB_OK && is(pg_sql("SELECT last_value FROM runs"), "2"),
       "a read in flight is repeated once inside");
    PQclear(r.res);
    ok(stats.lost == 3, "three losses are counted");
    close_db();
}

static void loses_a_transaction(void)
{
    open_with(1, 1);
    struct mb_tx *tx = begin(0);
    run_in(tx, "SELECT 1");
    pg_sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test'");
    ok(run_in(tx, "SELECT 1") == MB_E_DB_UNAVAILABLE, "a lost transaction was not committed");
    mb_tx_end(tx);
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1"), "and the pool goes on");
    close_db();
}

static void survives_a_restart(void)
{
    int reads = 0;
    open_with(2, 2);
    run(MB_DB_READ, "SELECT 1", NULL);
    for (int i = 0; i < 3; i++) {
        /* A connection still opening may come up after the crash: its server process outlives it. */
        while (atomic_load(&stats.connections) < 2) turn(10);
        pg_stop(i == 0 ? SIGINT : i == 1 ? SIGQUIT : SIGKILL);
        await_down();
        ok(is(run(MB_DB_WRITE, "SELECT 1", NULL), "database_unavailable"),
           "writes are refused while it is away");
        turn(600);
        ok(is(run(MB_DB_READ, "SELECT 1", NULL), "database_unavailable"),
           "and so are reads when the grace is over");
        pg_start();
        await_up();
        reads += is(run(MB_DB_READ, "SELECT 1", NULL), "1");
    }
    ok(reads == 3, "the pool heals after a fast stop, an immediate one and a crash");
    close_db();
}

/* 0: no read waits. An hour: a read waits however long the server is away. */
static void keeps_the_grace_it_is_told(void)
{
    struct reply r;
    struct mb_db_config c = make_config();
    c.reconnect_grace = 0;
    open_db(&c);
    run(MB_DB_READ, "SELECT 1", NULL);
    pg_stop(SIGQUIT);
    await_down();
    start(&r, MB_DB_READ, "SELECT 1", NULL);
    ok(r.done && r.rc == MB_E_DB_UNAVAILABLE, "without grace a read is refused at once");
    close_db();
    pg_start();
    c.reconnect_grace = 3600000;
    c.queue_timeout = 20000;
    open_db(&c);
    run(MB_DB_READ, "SELECT 1", NULL);
    pg_stop(SIGQUIT);
    await_down();
    start(&r, MB_DB_READ, "SELECT 1", NULL);
    while (atomic_load(&stats.connect_failures) < 8) turn(10);
    ok(!r.done, "with grace it waits through failed attempts");
    pg_start();
    await(&r);
    ok(r.rc == MB_OK, "and is answered when the server is back");
    PQclear(r.res);
    close_db();
}

static void never_hangs(void)
{
    enum { N = 50 };
    static struct reply many[N];
    int typed = 0;
    open_with(1, 4);
    run(MB_DB_READ, "SELECT 1", NULL);
    for (int i = 0; i < N; i++)
        start(&many[i], i % 2 ? MB_DB_READ : MB_DB_WRITE, "SELECT pg_sleep(0.05)", NULL);
    turn(60);
    pg_stop(SIGKILL);
    for (int i = 0; i < N; i++) await(&many[i]);
    for (int i = 0; i < N; i++) {
        typed += many[i].done == 1 && (many[i].rc == MB_OK || many[i].rc == MB_E_DB_UNAVAILABLE ||
                                       (many[i].rc == MB_E_DB_LOST && i % 2 == 0));
        PQclear(many[i].res);
    }
    ok(typed == N, "each of %d statements ends once and typed when the server crashes (%d)", N,
       typed);
    pg_start();
    await_up();
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1"), "the pool heals");
    close_db();
}

static void finds_no_host(void)
{
    struct reply r;
    struct mb_db_config c = make_config();
    c.url = "postgres://postgres@" NO_SUCH_HOST ":6/postgres";
    open_db(&c);
    start(&r, MB_DB_READ, "SELECT 1", NULL);
    await(&r);
    ok(r.rc == MB_E_DB_UNAVAILABLE && strstr(r.err.text, NO_SUCH_HOST) != NULL,
       "a host without an address is named");
    close_db();
    struct mb_err err;
    c.url = "postgres://[";
    ok(uv_loop_init(&loop) == 0 && mb_db_new(&db, &loop, &c, &stats, &err) == MB_E_CONFIG,
       "a connection string that cannot be read is refused");
    uv_loop_close(&loop);
}

static void renews(void)
{
    struct mb_db_config c = make_config();
    c.max_lifetime = 1000;
    open_db(&c);
    int first = atoi(run(MB_DB_READ, "SELECT pg_backend_pid()", NULL));
    int second = first; /* goes when the next one is there */
    while (second == first) {
        turn(50);
        second = atoi(run(MB_DB_READ, "SELECT pg_backend_pid()", NULL));
    }
    ok(first > 0 && second > 0, "an old connection is renewed without an error");
    close_db();
}

static void gives_up_connecting(void)
{
    struct reply r;
    struct mb_db_config c = make_config();
    c.connect_timeout = 100;
    open_db(&c);
    run(MB_DB_READ, "SELECT 1", NULL);
    close_db();
    kill(pg.pid, SIGSTOP);
    open_db(&c);
    start(&r, MB_DB_READ, "SELECT 1", NULL);
    await(&r);
    ok(r.rc == MB_E_DB_UNAVAILABLE, "a server that accepts and says nothing is given up");
    kill(pg.pid, SIGCONT);
    await_up();
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1"), "and found again");
    close_db();
}

/* The process that serves the only connection. */
static int backend(void) { return atoi(run(MB_DB_READ, "SELECT pg_backend_pid()", NULL)); }

static void open_impatient(void)
{
    struct mb_db_config c = make_config();
    c.statement_timeout = 100;
    c.cancel_timeout = 200;
    open_db(&c);
}

static void gives_up_a_frozen_backend(void)
{
    struct reply r;
    open_impatient();
    int frozen = backend();
    kill(frozen, SIGSTOP);
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1"),
       "a read that meets a frozen backend is answered by another");
    int next = backend();
    ok(next != frozen, "which takes the place");
    kill(frozen, SIGCONT);

    kill(next, SIGSTOP);
    start(&r, MB_DB_WRITE, "SELECT 1", NULL);
    await(&r);
    ok(r.rc == MB_E_DB_LOST, "the outcome of a write is unknown, long before its deadline");
    ok(backend() != next, "and what comes after has a connection");
    kill(next, SIGCONT);
    close_db();
}

static void gives_up_a_frozen_commit(void)
{
    open_impatient();
    int frozen = backend();
    struct mb_tx *tx = begin(0);
    run_in(tx, "SELECT 1");
    kill(frozen, SIGSTOP);
    ok(commit(tx) == MB_E_DB_LOST, "so is that of a COMMIT");
    mb_tx_end(tx);
    ok(backend() != frozen, "and it is not waited for");
    kill(frozen, SIGCONT);
    close_db();
}

int main(void)
{
    pg_make();
    is_away_at_start();
    is_told_of_the_return();
    renews_its_only_connection();
    loses_a_backend();
    loses_a_transaction();
    survives_a_restart();
    keeps_the_grace_it_is_told();
    never_hangs();
    gives_up_a_frozen_backend();
    gives_up_a_frozen_commit();
    renews();
    gives_up_connecting();
    finds_no_host();
    return done();
}
