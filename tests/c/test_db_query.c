/*
 * Autocommit statements: parameters, pipelining, the statement cache, what errors become.
 */
#include "db_fixture.h"

static void runs_statements(void)
{
    struct reply r;
    ok(is(run(MB_DB_READ, "SELECT $1::int + 1", "41"), "42"), "a parameter reaches the statement");
    ok(is(run(MB_DB_READ, "SELECT count(*) FROM pg_class WHERE relname = 'nothing'", NULL), "0"),
       "a statement without parameters runs");
    struct mb_str values[2] = {{NULL, 0}, {"", 0}};
    r = (struct reply){0};
    is_calling = true;
    note_start(&r, mb_db_query(db, &r.op, MB_DB_READ, stmt("SELECT $1::text IS NULL, $2 = ''"), 2,
                               values, in_ms(5000), on_reply, &r, &r.err));
    await(&r);
    ok(r.rc == MB_OK && is(PQgetvalue(r.res, 0, 0), "t") && is(PQgetvalue(r.res, 0, 1), "t"),
       "a null pointer is NULL and an empty text is not");
    ok(!r.inside, "the callback does not come from inside the call");
    PQclear(r.res);
    values[0] = (struct mb_str){"a\0b", 3};
    enum mb_rc rc = mb_db_query(db, &r.op, MB_DB_READ, stmt("SELECT $1"), 1, values, in_ms(5000),
                                on_reply, &r, &r.err);
    ok(rc == MB_E_INVALID, "a NUL byte in a parameter is refused");
    ok(is(run(MB_DB_READ, "SHOW timezone", NULL), "UTC"), "the session runs in UTC");
    ok(is(run(MB_DB_READ, "SHOW statement_timeout", NULL), "10s"),
       "the session carries the statement time-out");
}

static void sends_large_values(void)
{
    size_t n = 3u << 20;
    char *large = malloc(n + 1);
    memset(large, 'x', n);
    large[n] = '\0';
    ok(is(run(MB_DB_READ, "SELECT length($1)", large), "3145728"),
       "a value larger than the socket takes at once arrives whole");
    struct reply r;
    start(&r, MB_DB_READ, "SELECT repeat('y', 5000000)", NULL);
    await(&r);
    ok(r.rc == MB_OK && PQgetlength(r.res, 0, 0) == 5000000,
       "an answer of several megabytes arrives whole");
    PQclear(r.res);
    free(large);
}

static void names_errors(void)
{
    struct reply r;
    run(MB_DB_WRITE, "CREATE TABLE u (id int CONSTRAINT u_id_key UNIQUE)", NULL);
    run(MB_DB_WRITE, "INSERT INTO u VALUES (1)", NULL);
    start(&r, MB_DB_WRITE, "INSERT INTO u VALUES ($1)", "1");
    await(&r);
    ok(r.rc == MB_E_DB_CONSTRAINT && is(r.err.constraint, "u_id_key") &&
           is(r.err.sqlstate, "23505"),
       "a broken constraint is named");
    start(&r, MB_DB_READ, "SELECT nonsense", NULL);
    await(&r);
    ok(r.rc == MB_E_DB && is(r.err.sqlstate, "42703") && r.res == NULL,
       "a statement that cannot be prepared gives its SQLSTATE");
    ok(is(run(MB_DB_READ, "SELECT nonsense", NULL), "42703"), "and gives it again");
    start(&r, MB_DB_WRITE, "COPY u TO STDOUT", NULL);
    await(&r);
    ok(r.rc != MB_OK, "COPY is refused here");
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "1"), "and the pool goes on");
}

enum { MANY = 100 };

static void pipelines_reads(void)
{
    static struct reply many[MANY];
    int right = 0;
    uint64_t before = stats.connects;
    for (int i = 0; i < MANY; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        start(&many[i], MB_DB_READ, i % 10 == 3 ? "SELECT 1 / ($1::int * 0)" : "SELECT $1::int",
              text);
    }
    for (int i = 0; i < MANY; i++) await(&many[i]);
    for (int i = 0; i < MANY; i++) {
        bool failed = many[i].rc == MB_E_DB && strcmp(many[i].err.sqlstate, "22012") == 0;
        right +=
            i % 10 == 3 ? failed : many[i].rc == MB_OK && atoi(PQgetvalue(many[i].res, 0, 0)) == i;
        PQclear(many[i].res);
    }
    ok(right == MANY, "reads in flight together each get their own answer or error (%d)", right);
    ok(stats.connects == before, "and share one connection");
}

/* The pace of the queue tells who is refused at once. */
static void learns_no_pace_from_connecting(void)
{
    static struct reply many[MANY];
    struct mb_db_config c = make_config();
    struct reply first;
    int answered = 0;
    open_db(&c);
    start(&first, MB_DB_READ, "SELECT 1", NULL);
    pg_nap(1000); /* the connection takes its time */
    await(&first);
    PQclear(first.res);
    for (int i = 0; i < MANY; i++) start(&many[i], MB_DB_READ, "SELECT 1", NULL);
    for (int i = 0; i < MANY; i++) await(&many[i]);
    for (int i = 0; i < MANY; i++) {
        answered += many[i].rc == MB_OK;
        PQclear(many[i].res);
    }
    ok(answered == MANY, "a slow connection makes nobody think that statements are slow (%d)",
       answered);
    close_db();
}

static void keeps_prepared(void)
{
    uint64_t before = stats.prepares;
    for (int i = 0; i < 5; i++) run(MB_DB_READ, "SELECT 'kept', $1::int", "1");
    ok(stats.prepares == before + 1, "a statement is prepared once per connection");
    for (int i = 0; i < 40; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT %d AS n", i);
        run(MB_DB_READ, sql, NULL);
    }
    ok(atoi(run(MB_DB_READ, "SELECT count(*) FROM pg_prepared_statements", NULL)) <= 16,
       "the server holds no more than the cache");
    ok(is(run(MB_DB_READ, "SELECT 'kept', $1::int", "1"), "kept"),
       "one that left is prepared again");
}

static void survives_ddl(void)
{
    struct reply r[3];
    run(MB_DB_WRITE, "CREATE TABLE d (a int)", NULL);
    run(MB_DB_WRITE, "INSERT INTO d VALUES (7)", NULL);
    run(MB_DB_READ, "SELECT * FROM d", NULL);
    pg_sql("ALTER TABLE d ADD COLUMN b text DEFAULT 'new'");
    for (int i = 0; i < 3; i++) start(&r[i], MB_DB_READ, "SELECT * FROM d", NULL);
    for (int i = 0; i < 3; i++) await(&r[i]);
    ok(r[0].rc == MB_OK && PQnfields(r[0].res) == 2 && r[1].rc == MB_OK && r[2].rc == MB_OK,
       "a changed table is read again without an error");
    for (int i = 0; i < 3; i++) PQclear(r[i].res);
    run(MB_DB_WRITE, "DEALLOCATE ALL", NULL);
    ok(is(run(MB_DB_READ, "SELECT * FROM d", NULL), "7"),
       "statements lost at the server come back");
}

static void interns(void)
{
    ok(stmt("SELECT 1") == stmt("SELECT 1") && stmt("SELECT 1") != stmt("SELECT 2"),
       "the same text is the same statement");
}

static void works_behind_a_pooler(void)
{
    struct mb_db_config c = make_config();
    c.pooler = MB_POOLER_TRANSACTION;
    open_db(&c);
    ok(is(run(MB_DB_READ, "SELECT $1::int", "5"), "5"), "an unnamed statement answers");
    ok(is(run(MB_DB_READ, "SELECT count(*) FROM pg_prepared_statements", NULL), "0"),
       "nothing is left prepared behind a pooler");
    struct mb_tx *tx = begin(0);
    struct reply r;
    start_in(&r, tx, "SHOW statement_timeout", in_ms(5000));
    await(&r);
    ok(is(PQgetvalue(r.res, 0, 0), "10s"), "the limits go with each transaction");
    PQclear(r.res);
    mb_tx_end(tx);
    ok(is(run(MB_DB_READ, "SHOW statement_timeout", NULL), "0"), "and only with it");
    close_db();
}

static void refuses_other_encodings(void)
{
    struct mb_db_config c = make_config();
    char url[256];
    pg_sql("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0");
    snprintf(url, sizeof url, "host=%s user=postgres dbname=ascii", pg.root);
    c.url = url;
    open_db(&c);
    ok(is(run(MB_DB_READ, "SELECT 1", NULL), "database_unavailable"),
       "a database that is not UTF8 is not used");
    struct mb_str why = mb_db_last_error(db);
    ok(why.len > 0 && strstr(why.ptr, "server_encoding") != NULL, "and the reason is told");
    close_db();
}

int main(void)
{
    struct mb_db_config c;
    pg_make();
    c = make_config();
    open_db(&c);
    interns();
    runs_statements();
    sends_large_values();
    names_errors();
    pipelines_reads();
    keeps_prepared();
    survives_ddl();
    close_db();
    learns_no_pace_from_connecting();
    works_behind_a_pooler();
    refuses_other_encodings();
    return done();
}
