/*
 * Who gets a connection: writes leave some to reads, whatever they wait for, and neither starves
 * the other.
 */
#include "db_fixture.h"

#define HOLD "SELECT pg_advisory_xact_lock(7)"

enum { MANY = 12 };

static PGconn *holder;

static void open_with(uint32_t most, uint32_t reads, uint32_t queue)
{
    struct mb_db_config c = make_config();
    c.pool_max = most;
    c.pool_reads = reads;
    c.queue_max = queue;
    c.queue_timeout = c.lock_timeout = c.statement_timeout = 20000;
    open_db(&c);
}

static void hold(void)
{
    holder = PQconnectdb(pg.url);
    PQclear(PQexec(holder, "SELECT pg_advisory_lock(7)"));
}

static void let_go(void) { PQfinish(holder); }

/* Statements at the server that wait for the lock. */
static int count_stuck(void)
{
    return atoi(pg_sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"));
}

static void await_stuck(int n)
{
    while (count_stuck() < n) turn(10);
}

static int count_done(const struct reply *r, int n)
{
    int sum = 0;
    for (int i = 0; i < n; i++) sum += r[i].done;
    return sum;
}

static int run_reads(int n)
{
    int right = 0;
    for (int i = 0; i < n; i++) right += strcmp(run(MB_DB_READ, "SELECT 1", NULL), "1") == 0;
    return right;
}

static int await_all(struct reply *r, int n)
{
    int right = 0;
    for (int i = 0; i < n; i++) {
        await(&r[i]);
        right += r[i].rc == MB_OK;
        PQclear(r[i].res);
    }
    return right;
}

static void leaves_one_to_reads(void)
{
    struct reply stuck[MANY];
    open_with(3, 1, 100);
    hold();
    for (int i = 0; i < MANY; i++) start(&stuck[i], MB_DB_WRITE, HOLD, NULL);
    await_stuck(2);
    ok(run_reads(20) == 20, "reads run while more writes than connections wait for a lock");
    ok(count_stuck() == 2 && count_done(stuck, MANY) == 0 && stats.connections == 3,
       "the writes hold all connections but one");
    ok(stats.waiting == MANY - 2, "the rest of them wait");
    let_go();
    ok(await_all(stuck, MANY) == MANY, "and all run in the end");
    close_db();
}

static void leaves_as_many_as_told(void)
{
    struct reply stuck[MANY];
    open_with(4, 3, 100);
    hold();
    for (int i = 0; i < MANY; i++) start(&stuck[i], MB_DB_WRITE, HOLD, NULL);
    while (stats.connections < 4) turn(10);
    await_stuck(1);
    ok(run_reads(20) == 20 && count_stuck() == 1, "pool_reads says how many are left");
    let_go();
    ok(await_all(stuck, MANY) == MANY, "one connection is enough for the writes");
    close_db();
}

static void leaves_none_when_told(void)
{
    struct reply stuck[2], read;
    open_with(2, 0, 100);
    hold();
    for (int i = 0; i < 2; i++) start(&stuck[i], MB_DB_WRITE, HOLD, NULL);
    await_stuck(2);
    start(&read, MB_DB_READ, "SELECT 1", NULL);
    ok(stats.waiting == 1, "with pool_reads 0 writes may hold every connection");
    let_go();
    ok(await_all(stuck, 2) == 2 && await_all(&read, 1) == 1, "and the read waits for one");
    close_db();
}

static void serves_all_by_one(void)
{
    struct reply write, read;
    open_with(1, 1, 100);
    hold();
    start(&write, MB_DB_WRITE, HOLD, NULL);
    await_stuck(1);
    start(&read, MB_DB_READ, "SELECT 1", NULL);
    ok(stats.waiting == 1, "a pool of one connection lends it to a write");
    let_go();
    ok(await_all(&write, 1) == 1 && await_all(&read, 1) == 1, "and to the read after it");
    close_db();
}

static void counts_transactions(void)
{
    struct reply third = {0};
    open_with(3, 1, 100);
    run(MB_DB_READ, "SELECT 1", NULL);
    struct mb_tx *first = begin(0), *second = begin(MB_TX_READ_ONLY);
    note_start(&third, mb_tx_begin(db, &third.op, 0, in_ms(20000), on_tx, &third, &third.err));
    ok(run_reads(20) == 20 && third.done == 0 && stats.connections == 3,
       "transactions leave a connection to reads, also before their first statement");
    mb_tx_end(first);
    await(&third);
    ok(third.rc == MB_OK && third.tx != NULL, "the next one begins when one has ended");
    mb_tx_end(second);
    mb_tx_end(third.tx);
    close_db();
}

/* The server lets this user have fewer connections than the pool may open. */
static void leaves_one_of_those_open(void)
{
    struct reply stuck[MANY];
    char url[200];
    pg_sql("CREATE ROLE few LOGIN CONNECTION LIMIT 2");
    struct mb_db_config c = make_config();
    snprintf(url, sizeof url, "host=%s user=few dbname=postgres", pg.root);
    c.url = url;
    c.pool_max = 8;
    c.queue_timeout = c.lock_timeout = c.statement_timeout = 20000;
    open_db(&c);
    hold();
    for (int i = 0; i < MANY; i++) start(&stuck[i], MB_DB_WRITE, HOLD, NULL);
    await_stuck(1);
    while (stats.connect_failures == 0) turn(10);
    ok(run_reads(20) == 20 && stats.connections == 2,
       "a read finds a connection where the server refuses further ones");
    let_go();
    ok(await_all(stuck, MANY) == MANY, "and the writes share the other");
    close_db();
}

static void keeps_lines_apart(void)
{
    struct reply stuck[MANY], slow, read;
    open_with(2, 1, 3);
    hold();
    run(MB_DB_READ, "SELECT 1", NULL);
    for (int i = 0; i < MANY; i++) start(&stuck[i], MB_DB_WRITE, HOLD, NULL);
    ok(stats.queue_full == MANY - 4 && stats.waiting == 3, "the line of writes is bounded");
    start(&slow, MB_DB_READ, HOLD, NULL);
    await_stuck(2);
    turn(50); /* until no read joins the connection that has the slow one */
    start(&read, MB_DB_READ, "SELECT 1", NULL);
    ok(read.done == 0 && stats.waiting == 4, "a full line of writes leaves reads their own places");
    let_go();
    await_all(stuck, MANY);
    ok(await_all(&slow, 1) == 1 && await_all(&read, 1) == 1, "where they wait for a slow one");
    close_db();
}

static void keeps_order(void)
{
    struct reply slow[2], write, read;
    pg_sql("CREATE SEQUENCE turn");
    open_with(2, 1, 100);
    hold();
    PQclear(PQexec(holder, "SELECT pg_advisory_lock(8)"));
    start(&slow[0], MB_DB_READ, HOLD, NULL);
    await_stuck(1);
    turn(50); /* until no read joins the connection that has it */
    start(&slow[1], MB_DB_READ, "SELECT pg_advisory_xact_lock(8)", NULL);
    await_stuck(2);
    start(&write, MB_DB_WRITE, "SELECT nextval('turn')", NULL);
    start(&read, MB_DB_READ, "SELECT nextval('turn')", NULL);
    ok(stats.waiting == 2, "a read does not pass a write that may have the next connection");
    PQclear(PQexec(holder, "SELECT pg_advisory_unlock(7)"));
    await(&write);
    await(&read);
    ok(is(text_of(&write), "1") && is(text_of(&read), "2"),
       "who came first is served first");
    PQclear(write.res);
    PQclear(read.res);
    let_go();
    await_all(slow, 2);
    close_db();
}

int main(void)
{
    pg_make();
    leaves_one_to_reads();
    leaves_as_many_as_told();
    leaves_none_when_told();
    serves_all_by_one();
    counts_transactions();
    leaves_one_of_those_open();
    keeps_lines_apart();
    keeps_order();
    return done();
}
