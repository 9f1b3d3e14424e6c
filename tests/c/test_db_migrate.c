/*
 * The migration runner: up, down, up; refusals; eight at once; killed in the middle; concurrent
 * indexes; locks.
 */
#include "db/migrate.h"
#include "db/turn.h"
#include "pg_fixture.h"
#include "tap.h"

#define F(name, text)                                                                              \
    {                                                                                              \
        name, { text, sizeof(text) - 1 }                                                           \
    }
enum { N = 11 };

static const struct mb_migration_file toy[N] = {
    F("0001_create_t.up.sql", "CREATE TABLE t (a int PRIMARY KEY, b text);\n"
                              "INSERT INTO t SELECT i, 'x' || i FROM generate_series(1, 500) i;"),
    F("0001_create_t.down.sql", "DROP TABLE t;"),
    F("0002_add_c.up.sql",
      "ALTER TABLE t ADD COLUMN c int DEFAULT 0;\nUPDATE t SET c = a % 7;\n"
      "SELECT pg_sleep(0.03);\nALTER TABLE t ADD CONSTRAINT t_c CHECK (c >= 0);"),
    F("0002_add_c.down.sql", "ALTER TABLE t DROP COLUMN c;"),
    F("0003_index_b.up.sql",
      "-- transaction: none\nCREATE UNIQUE INDEX CONCURRENTLY t_b ON t (b);\n"),
    F("0003_index_b.down.sql", "-- transaction: none\nDROP INDEX CONCURRENTLY t_b;\n"),
    F("0004_create_u.up.sql", "CREATE TABLE u (t int REFERENCES t);\nSELECT pg_sleep(0.03);\n"
                              "CREATE INDEX u_t ON u (t);"),
    F("0004_create_u.down.sql", "DROP TABLE u;"),
    F("R__functions.sql", "CREATE OR REPLACE FUNCTION f() RETURNS bigint LANGUAGE sql AS "
                          "$$ SELECT count(*) FROM u $$;"),
    F("0005_index_c.up.sql", "-- transaction: none\nCREATE INDEX CONCURRENTLY t_c_idx ON t (c);\n"),
    F("0005_index_c.down.sql", "-- transaction: none\nDROP INDEX CONCURRENTLY t_c_idx;\n"),
};

static struct mb_migration_file files[N];
static struct mb_migrate_plan plan;
static struct mb_err err;

static void reset_plan(void)
{
    memcpy(files, toy, sizeof toy);
    plan = (struct mb_migrate_plan){
        .url = pg.url, .files = files, .nfiles = N, .lock_timeout_ms = 100, .lock_wait_ms = 30000};
}

static void set_file(const char *name, const char *text)
{
    for (size_t i = 0; i < N; i++)
        if (strcmp(files[i].name, name) == 0) files[i].text = mb_str_z(text);
}

static void clean(void)
{
    pg_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    reset_plan();
}

/* A child that runs pg_dump -s into a pipe; *out is the end to read. */
static pid_t start_dump(int *out)
{
    int ends[2];
    char program[160];
    snprintf(program, sizeof program, "%s/pg_dump", pg.bin);
    if (pipe(ends) != 0) pg_die("no pipe");
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execl(program, "pg_dump", "-s", "-h", pg.root, "-U", "postgres", "postgres", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    *out = ends[0];
    return child;
}

/* The schema as pg_dump tells it, without its backslash lines, which hold a random key; freed by
 * the caller. */
static char *dump(void)
{
    enum { ROOM = 1 << 20 };
    int out, status;
    pid_t child = start_dump(&out);
    char *text = calloc(1, ROOM), *line = NULL;
    size_t n = 0, room = 0;
    FILE *f = fdopen(out, "r");
    if (child < 0 || text == NULL || f == NULL) pg_die("pg_dump does not run");
    for (ssize_t len; (len = getline(&line, &room, f)) >= 0;)
        if (line[0] != '\\' && n + (size_t)len < ROOM) {
            memcpy(text + n, line, (size_t)len);
            n += (size_t)len;
        }
    free(line);
    fclose(f);
    if (waitpid(child, &status, 0) != child || status != 0) pg_die("pg_dump failed");
    return text;
}

static bool said(const char *text)
{
    if (strstr(err.text, text) != NULL) return true;
    printf("# said: %s\n", err.text);
    return false;
}

static bool up(void)
{
    if (mb_migrate_up(&plan, -1, &err) == MB_OK) return true;
    printf("# %s\n", err.text);
    return false;
}

static bool is(const char *got, const char *expected)
{
    if (strcmp(got, expected) == 0) return true;
    printf("# got %s, expected %s\n", got, expected);
    return false;
}

static void goes_up_and_down(void)
{
    size_t pending;
    clean();
    FILE *out = tmpfile();
    ok(mb_migrate_status(&plan, out, &pending, &err) == MB_OK && pending == 6, "all are pending");
    ok(is(pg_sql("SELECT to_regclass('\"_medbookd_migrations\"') IS NULL"), "t"),
       "asking for the status makes nothing");
    ok(mb_migrate_verify(&plan, &err) == MB_E_CONFIG &&
           said("lacks 6 migrations, from 0001_create_t"),
       "a start is refused and told what is missing");
    ok(up(), "up applies all");
    ok(mb_migrate_verify(&plan, &err) == MB_OK, "then a start is allowed");
    char *first = dump();
    ok(up() && is(pg_sql("SELECT count(*) FROM \"_medbookd_migrations\""), "6"),
       "a second up changes nothing");
    ok(mb_migrate_down(&plan, -1, &err) == MB_OK &&
           is(pg_sql("SELECT max(version) FROM \"_medbookd_migrations\""), "4"),
       "down takes one step");
    ok(mb_migrate_down(&plan, 0, &err) == MB_OK &&
           is(pg_sql("SELECT to_regclass('t') IS NULL"), "t"),
       "down to nothing");
    ok(up(), "and up again");
    char *second = dump();
    ok(strcmp(first, second) == 0 && strstr(first, "t_c_idx") != NULL, "gives the same schema");
    free(first);
    free(second);
    ok(mb_migrate_down(&plan, 2, &err) == MB_OK &&
           is(pg_sql("SELECT count(*) FROM \"_medbookd_migrations\""), "2"),
       "down to a version stops there");
    ok(mb_migrate_up(&plan, 3, &err) == MB_OK &&
           is(pg_sql("SELECT max(version) FROM \"_medbookd_migrations\""), "3"),
       "up to a version stops there");
    fclose(out);
}

static void shows_status(void)
{
    char text[4096];
    size_t pending;
    clean();
    up();
    FILE *out = tmpfile();
    set_file("0002_add_c.up.sql", "SELECT 1");
    ok(mb_migrate_status(&plan, out, &pending, &err) == MB_OK && pending == 1, "one differs");
    rewind(out);
    text[fread(text, 1, sizeof text - 1, out)] = '\0';
    fclose(out);
    ok(strstr(text, "changed") != NULL && strstr(text, " ms") != NULL &&
           strstr(text, "R__functions"),
       "state, duration and lock wait are shown");
}

static void refuses_changes(void)
{
    char database[65];
    clean();
    up();
    snprintf(database, sizeof database, "%s",
             pg_sql("SELECT sha256 FROM \"_medbookd_migrations\" WHERE version = 1"));
    set_file("0001_create_t.up.sql", "CREATE TABLE t (a int PRIMARY KEY, b text);\r\n");
    ok(mb_migrate_up(&plan, -1, &err) == MB_E_CONFIG && said(database) && said("in the file"),
       "a changed file is refused with both checksums");
    ok(mb_migrate_verify(&plan, &err) == MB_E_CONFIG &&
           mb_migrate_down(&plan, 0, &err) == MB_E_CONFIG,
       "by every command");
    reset_plan();
    plan.nfiles = 9; /* without 0005 */
    ok(mb_migrate_verify(&plan, &err) == MB_E_CONFIG && said("newer than this program"),
       "a newer database is refused");
    reset_plan();
    pg_sql("DELETE FROM \"_medbookd_migrations\" WHERE version = 2");
    ok(mb_migrate_up(&plan, -1, &err) == MB_E_CONFIG && said("0002_add_c was never applied"),
       "a file that slipped in before applied ones is refused");
    pg_sql("UPDATE \"_medbookd_migrations\" SET name = '0001_other' WHERE version = 1");
    ok(mb_migrate_up(&plan, -1, &err) == MB_E_CONFIG && said("0001_other"),
       "a renamed one is refused");
}

static void repeats(void)
{
    clean();
    up();
    set_file("R__functions.sql", "CREATE OR REPLACE FUNCTION f() RETURNS bigint LANGUAGE sql AS "
                                 "$$ SELECT 77::bigint $$;");
    ok(mb_migrate_verify(&plan, &err) == MB_E_CONFIG && said("R__functions"),
       "a changed repeatable file is missing");
    ok(up() && is(pg_sql("SELECT f()"), "77"), "and runs again");
}

static void names_faults(void)
{
    clean();
    set_file("0002_add_c.up.sql", "ALTER TABLE t ADD COLUMN c int;\nUPDATE t SET c = 1;\n"
                                  "SELECT nonsense;");
    ok(mb_migrate_up(&plan, -1, &err) == MB_E_DB && said("0002_add_c.up.sql:3:"),
       "a fault is named with its line");
    ok(is(pg_sql("SELECT count(*) FROM information_schema.columns WHERE table_name = 't'"), "2"),
       "nothing of its file stays");
    ok(is(pg_sql("SELECT count(*) FROM \"_medbookd_migrations\""), "1"), "what came before does");
    reset_plan();
    ok(up(), "the mended file goes on from there");
    set_file("0005_index_c.down.sql", "-- irreversible: the old values are gone\n");
    ok(mb_migrate_down(&plan, -1, &err) == MB_E_INVALID && said("the old values are gone"),
       "an irreversible one says why");
    plan.url = "host=/nowhere";
    ok(mb_migrate_up(&plan, -1, &err) == MB_E_DB_UNAVAILABLE, "no database is told as such");
}

static void rebuilds_indexes(void)
{
    clean();
    ok(mb_migrate_up(&plan, 2, &err) == MB_OK, "up to a version");
    pg_sql("UPDATE t SET b = 'same' WHERE a < 3");
    ok(mb_migrate_up(&plan, -1, &err) == MB_E_DB_CONSTRAINT, "a unique index on duplicates fails");
    ok(is(pg_sql("SELECT to_regclass('t_b') IS NULL"), "t"), "no invalid index is left");
    ok(is(pg_sql("SELECT count(*) FROM \"_medbookd_migrations\""), "2"), "nor an intention");
    pg_sql("UPDATE t SET b = 'x' || a");
    pg_sql("CREATE INDEX t_b ON t (b)");
    pg_sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 't_b'::regclass");
    ok(up() && is(pg_sql("SELECT indisvalid AND indisunique FROM pg_index WHERE indexrelid = "
                         "'t_b'::regclass"),
                  "t"),
       "one found invalid is dropped and rebuilt");
    pg_sql("UPDATE \"_medbookd_migrations\" SET state = 'applying' WHERE version = 5");
    ok(mb_migrate_verify(&plan, &err) == MB_E_CONFIG, "an interrupted step refuses a start");
    ok(up() && mb_migrate_verify(&plan, &err) == MB_OK,
       "a built index whose runner was killed before saying so is taken");
    pg_sql("UPDATE \"_medbookd_migrations\" SET state = 'reverting' WHERE version = 5; "
           "DROP INDEX t_c_idx");
    ok(mb_migrate_down(&plan, -1, &err) == MB_OK &&
           is(pg_sql("SELECT max(version) FROM \"_medbookd_migrations\""), "4"),
       "a step down cut off after its work is completed");
    pg_sql("CREATE INDEX t_c_idx ON t (c)");
    ok(mb_migrate_up(&plan, -1, &err) == MB_E_DB, "a foreign index of that name is not taken");
}

static pid_t fork_up(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) _exit(mb_migrate_up(&plan, -1, &err) == MB_OK ? 0 : 1);
    return pid;
}

static void runs_alone(void)
{
    enum { RUNNERS = 8, ROUNDS = 5 };
    int good = 0, rows = 0;
    for (int round = 0; round < ROUNDS; round++) {
        pid_t pids[RUNNERS];
        clean();
        for (int i = 0; i < RUNNERS; i++) pids[i] = fork_up();
        for (int i = 0; i < RUNNERS; i++) {
            int status;
            waitpid(pids[i], &status, 0);
            good += status == 0;
        }
        rows += atoi(pg_sql("SELECT count(*) FROM \"_medbookd_migrations\""));
    }
    ok(good == RUNNERS * ROUNDS && rows == 6 * ROUNDS, "eight runners at once agree (%d, %d)", good,
       rows);
    ok(is(pg_sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0"),
       "no index is invalid");
}

static void survives_kills(void)
{
    int good = 0, killed = 0, rounds = 0;
    clean();
    up();
    char *expected = dump();
    for (long us = 0; us < 200000; us += 8000, rounds++) {
        int status;
        clean();
        pid_t pid = fork_up();
        struct timespec t = {0, us * 1000L};
        nanosleep(&t, NULL);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        killed += WIFSIGNALED(status);
        bool again = up() && mb_migrate_verify(&plan, &err) == MB_OK;
        char *got = dump();
        good += again && strcmp(got, expected) == 0;
        free(got);
    }
    free(expected);
    ok(good == rounds && killed > 5, "killed anywhere, the next run completes (%d of %d)", good,
       rounds);
}

static void survives_server_kills(void)
{
    int good = 0;
    clean();
    up();
    char *expected = dump();
    for (long us = 10000; us < 130000; us += 40000) {
        int status;
        clean();
        pid_t pid = fork_up();
        struct timespec t = {0, us * 1000L};
        nanosleep(&t, NULL);
        pg_stop(SIGKILL);
        waitpid(pid, &status, 0);
        pg_start();
        bool again = up();
        char *got = dump();
        good += again && strcmp(got, expected) == 0;
        free(got);
    }
    free(expected);
    ok(good == 3, "so does the next run after a crash of the server (%d of 3)", good);
}

/* Holds a lock on t for a while. */
static pid_t fork_reader(const char *seconds)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char sql[128];
        snprintf(sql, sizeof sql, "BEGIN; LOCK TABLE t IN ACCESS SHARE MODE; SELECT pg_sleep(%s)",
                 seconds);
        pg_sql(sql);
        _exit(0);
    }
    while (strcmp(pg_sql("SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass"), "0") == 0)
        pg_nap(5);
    return pid;
}

static void waits_for_locks(void)
{
    clean();
    ok(mb_migrate_up(&plan, 1, &err) == MB_OK, "up to the first");
    pid_t reader = fork_reader("1");
    ok(up(), "a long reader is outwaited");
    ok(atoi(pg_sql("SELECT lock_wait_ms FROM \"_medbookd_migrations\" WHERE version = 2")) > 0,
       "and the wait is in the ledger");
    waitpid(reader, NULL, 0);
    clean();
    ok(mb_migrate_up(&plan, 1, &err) == MB_OK, "up to the first");
    reader = fork_reader("60");
    plan.lock_wait_ms = 300;
    ok(mb_migrate_up(&plan, -1, &err) == MB_E_DB_CONFLICT && said("lock"),
       "one that stays is not outwaited longer than was said");
    plan.lock_wait_ms = 30000;
    pg_sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 't'::regclass");
    waitpid(reader, NULL, 0);
}

static void waits_for_runners(void)
{
    clean();
    ok(mb_migrate_up(&plan, 1, &err) == MB_OK, "up to the first");
    struct mb_turn turn = {NULL};
    /* The one before may still be ending. */
    ok(mb_turn_take(&turn, pg.url, 30000, NULL, &err) == MB_OK, "a turn is taken");
    plan.lock_wait_ms = 200;
    ok(mb_migrate_up(&plan, -1, &err) == MB_E_DB_CONFLICT && said("still running"),
       "the wait for another runner is bounded");
    plan.has_turn = true;
    ok(up(), "who has the turn already takes no other");
    plan.has_turn = false;
    mb_turn_give(&turn);
    PGconn *other = PQconnectdb(pg.url);
    PQclear(PQexec(other, "SELECT pg_advisory_lock(n) FROM generate_series(1, 99) n;"
                          "SELECT pg_advisory_lock(7882817096721066852)"));
    ok(up(), "no advisory lock of others stands in the way");
    PQfinish(other);
}

int main(void)
{
    pg_make();
    goes_up_and_down();
    shows_status();
    refuses_changes();
    repeats();
    names_faults();
    rebuilds_indexes();
    runs_alone();
    survives_kills();
    survives_server_kills();
    waits_for_locks();
    waits_for_runners();
    return done();
}
