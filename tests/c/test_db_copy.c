/* Facts about db/copy.h, on a real server: what goes in comes out, and a failure leaves nothing. */
#include "db/copy.h"

#include "pg_fixture.h"
#include "tap.h"

static const char *const columns[] = {"id", "note", "on", "n", "at", "price"};
enum { COLUMNS = 6 };

static PGconn *conn;

static enum mb_rc begin(struct mb_copy *c, struct mb_err *err)
{
    return mb_copy_begin(c, conn, "\"Sample\"", columns, COLUMNS, err);
}

static enum mb_rc add(struct mb_copy *c, const char *id, struct mb_str note, int64_t ms,
                      int64_t cents, struct mb_err *err)
{
    mb_copy_text(c, mb_str_z(id));
    if (note.ptr)
        mb_copy_text(c, note);
    else
        mb_copy_null(c);
    mb_copy_bool(c, cents > 0);
    mb_copy_i32(c, (int32_t)cents % 1000);
    mb_copy_instant(c, ms);
    mb_copy_cents(c, cents);
    return mb_copy_row(c, err);
}

static bool answers(const char *sql, const char *wanted)
{
    const char *got = pg_sql(sql);
    bool same = strcmp(got, wanted) == 0;
    if (!same) printf("# %s: %s\n", sql, got);
    return same;
}

static bool is_free(void) { return PQtransactionStatus(conn) == PQTRANS_IDLE; }

static void test_values(void)
{
    struct mb_copy c;
    struct mb_err err;
    bool in = begin(&c, &err) == MB_OK &&
              add(&c, "a", MB_STR("tab\t, line\n, \\. and Zo\xc3\xab"), 0, 60000, &err) == MB_OK &&
              add(&c, "b", (struct mb_str){NULL, 0}, 1795334400123, -5, &err) == MB_OK &&
              add(&c, "c", MB_STR(""), -1, 0, &err) == MB_OK && mb_copy_end(&c, &err) == MB_OK;
    ok(in && is_free(), "loads rows and frees the connection");
    ok(c.rows == 3 && answers("SELECT count(*) FROM \"Sample\"", "3"), "counts them");
    ok(answers(
           "SELECT note = E'tab\\t, line\\n, \\\\. and Zo\xc3\xab' FROM \"Sample\" WHERE id = 'a'",
           "t"),
       "takes texts as they are");
    ok(answers("SELECT count(*) FROM \"Sample\" WHERE note IS NULL", "1"), "tells null from empty");
    ok(answers("SELECT \"on\"::text || n FROM \"Sample\" WHERE id = 'b'", "false-5"),
       "takes booleans and negative integers");
    ok(answers("SELECT at AT TIME ZONE 'UTC' FROM \"Sample\" WHERE id = 'b'",
               "2026-11-22 08:00:00.123"),
       "takes instants to the millisecond");
    ok(answers("SELECT at AT TIME ZONE 'UTC' FROM \"Sample\" WHERE id = 'c'",
               "1969-12-31 23:59:59.999"),
       "takes instants before 1970");
}

static void test_money(void)
{
    static const int64_t cents[] = {
        0,         1,       5,        10,        99,        100,         101,
        1000000,   1000050, 99999999, 100000000, 100000001, 10000000000, 99999999999999,
        INT64_MAX, -1,      -60000,   -INT64_MAX};
    enum { MANY = sizeof cents / sizeof cents[0] };
    struct mb_copy c;
    struct mb_err err;
    bool in = begin(&c, &err) == MB_OK;
    for (int i = 0; i < MANY && in; i++) {
        char id[32];
        snprintf(id, sizeof id, "%lld", (long long)cents[i]);
        in = add(&c, id, MB_STR("money"), 0, cents[i], &err) == MB_OK;
    }
    ok(in && mb_copy_end(&c, &err) == MB_OK, "loads sums of money");
    ok(answers("SELECT count(*) FROM \"Sample\" WHERE note = 'money' AND price * 100 = id::numeric",
               "18"),
       "keeps every cent of each");
    ok(answers(
           "SELECT count(*) FROM \"Sample\" WHERE note = 'money' AND price::text ~ '\\.[0-9]{2}$'",
           "18"),
       "shows two decimals of each");
    ok(answers("SELECT count(*) FROM (SELECT price FROM \"Sample\" WHERE note = 'money'"
               " INTERSECT SELECT id::numeric * 0.01 FROM \"Sample\" WHERE note = 'money') s",
               "18"),
       "writes numbers that are equal to computed ones");
}

static void test_many(void)
{
    struct mb_copy c;
    struct mb_err err;
    bool in = begin(&c, &err) == MB_OK;
    for (int i = 0; i < 20000 && in; i++) {
        char id[32];
        snprintf(id, sizeof id, "many%d", i);
        in = add(&c, id, MB_STR("many"), i, i, &err) == MB_OK;
    }
    ok(in && mb_copy_end(&c, &err) == MB_OK, "loads more than a chunk");
    ok(answers("SELECT count(*) || ' ' || sum(price) FROM \"Sample\" WHERE note = 'many'",
               "20000 1999900.00"),
       "loses none of it");
    ok(begin(&c, &err) == MB_OK && mb_copy_end(&c, &err) == MB_OK && c.rows == 0,
       "loads no row at all");
}

static void test_failures(void)
{
    struct mb_copy c;
    struct mb_err err;
    static const char *const wrong[] = {"id", "no\"such"};
    ok(mb_copy_begin(&c, conn, "\"Sample\"", wrong, 2, &err) == MB_E_DB &&
           strcmp(err.sqlstate, "42703") == 0 && is_free(),
       "refuses an unknown column, whatever its name");

    ok(begin(&c, &err) == MB_OK && add(&c, "twice", MB_STR("x"), 0, 0, &err) == MB_OK &&
           add(&c, "twice", MB_STR("x"), 0, 0, &err) == MB_OK &&
           mb_copy_end(&c, &err) == MB_E_DB_CONSTRAINT &&
           strcmp(err.constraint, "Sample_pkey") == 0,
       "reports a violated constraint by name");
    ok(is_free() && answers("SELECT count(*) FROM \"Sample\" WHERE id = 'twice'", "0"),
       "and loads nothing then");

    bool begun = begin(&c, &err) == MB_OK;
    mb_copy_text(&c, MB_STR("short"));
    ok(begun && mb_copy_row(&c, &err) == MB_E_INVALID && is_free() &&
           strncmp(err.text, "copy: row 1 has 1 fields for 6 columns", 38) == 0,
       "refuses a row that is too short");

    ok(begin(&c, &err) == MB_OK && add(&c, "given up", MB_STR("x"), 0, 0, &err) == MB_OK,
       "begins a load");
    mb_copy_abort(&c);
    ok(is_free() && answers("SELECT count(*) FROM \"Sample\" WHERE id = 'given up'", "0"),
       "and gives it up");
    mb_copy_abort(&c);
    ok(is_free(), "does not mind giving up twice");
}

static void test_loss(void)
{
    struct mb_copy c;
    struct mb_err err;
    bool begun = begin(&c, &err) == MB_OK;
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", PQbackendPID(conn));
    (void)pg_sql(sql);
    enum mb_rc rc = MB_OK;
    for (int i = 0; i < 200000 && begun && rc == MB_OK; i++)
        rc = add(&c, "lost", MB_STR("x"), i, i, &err);
    if (rc == MB_OK) rc = mb_copy_end(&c, &err);
    ok(rc == MB_E_DB_LOST && !c.conn, "reports a lost connection");
    ok(answers("SELECT count(*) FROM \"Sample\" WHERE id = 'lost'", "0"), "which loads nothing");
}

int main(void)
{
    pg_make();
    (void)pg_sql(
        "CREATE TABLE \"Sample\" (id text CONSTRAINT \"Sample_pkey\" PRIMARY KEY, note text,"
        " \"on\" boolean, n integer, at timestamptz(3), price numeric(20,2))");
    conn = PQconnectdb(pg.url);
    if (PQstatus(conn) != CONNECTION_OK) pg_die(PQerrorMessage(conn));
    test_values();
    test_money();
    test_many();
    test_failures();
    test_loss();
    PQfinish(conn);
    return done();
}
