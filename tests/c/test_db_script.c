/*
 * Reading migration files: statements behind quotes and comments, bare files, names in order.
 */
#include "db/catalog.h"
#include "db/script.h"
#include "tap.h"

static enum mb_rc check(const char *text)
{
    struct mb_err err;
    return mb_script_check("f", mb_str_z(text), NULL, &err);
}

static void finds_transaction_control(void)
{
    ok(check("CREATE TABLE a (b int);\nCOMMIT;") == MB_E_CONFIG, "COMMIT is refused");
    ok(check("-- x\n/* /* nested */ */ begin;") == MB_E_CONFIG, "BEGIN behind comments is refused");
    ok(check("SELECT 'a;COMMIT'; SELECT \"b;COMMIT\" FROM c") == MB_OK, "quotes hide it");
    ok(check("SELECT E'\\';COMMIT;'") == MB_OK, "so does an escaped quote");
    ok(check("SELECT '''';COMMIT") == MB_E_CONFIG, "a doubled quote does not");
    ok(check("DO $x$ BEGIN; COMMIT; END $x$; SELECT $1") == MB_OK,
       "a dollar-quoted body is its own");
    ok(check("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 "
             "END; END; COMMIT") == MB_E_CONFIG,
       "a body in BEGIN ATOMIC ends where it ends");
    ok(check("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 "
             "END; END; SELECT 1") == MB_OK,
       "and holds its own semicolons");
}

static void reads_bare_files(void)
{
    struct mb_script_index x;
    struct mb_err err;
    struct mb_str text = MB_STR("-- transaction: none\nCREATE UNIQUE INDEX CONCURRENTLY \"a b\" "
                                "ON ONLY public.\"T\" (c);\n-- end");
    ok(mb_script_is_bare(text), "the mark is known");
    ok(mb_script_check("f", text, &x, &err) == MB_OK && !x.drops &&
           strcmp(x.name, "\"a b\"") == 0 && strcmp(x.table, "public.\"T\"") == 0,
       "index and table are read");
    text = MB_STR("-- transaction: none\nDROP INDEX CONCURRENTLY s.i");
    ok(mb_script_check("f", text, &x, &err) == MB_OK && x.drops && strcmp(x.name, "s.i") == 0,
       "so is a dropped one");
    ok(check("-- transaction: none\nCREATE INDEX CONCURRENTLY i ON t (a); SELECT 1") == MB_E_CONFIG,
       "a second statement is refused");
    ok(check("-- transaction: none\nCREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)") ==
           MB_E_CONFIG,
       "IF NOT EXISTS is refused");
    ok(check("-- transaction: none\nVACUUM t") == MB_E_CONFIG, "anything else is refused");
    ok(!mb_script_is_bare(MB_STR("-- transaction: nonesuch\n")), "the mark is the whole line");
}

static enum mb_rc order(const struct mb_migration_file *files, size_t n, struct mb_catalog *c)
{
    struct mb_err err;
    struct mb_migrate_plan p = {.files = files, .nfiles = n};
    return mb_catalog_init(c, &p, &err);
}

#define FILE_OF(name)                                                                              \
    {                                                                                              \
        name, { "SELECT 1", 8 }                                                                    \
    }

static void orders_files(void)
{
    struct mb_catalog c;
    const struct mb_migration_file good[] = {FILE_OF("R__b.sql"),      FILE_OF("0002_b.down.sql"),
                                             FILE_OF("0001_a.up.sql"), FILE_OF("R__a.sql"),
                                             FILE_OF("0002_b.up.sql"), FILE_OF("0001_a.down.sql")};
    ok(order(good, 6, &c) == MB_OK && c.n == 4 && c.nversions == 2 &&
           strcmp(c.list[0].name, "0001_a") == 0 && strcmp(c.list[2].name, "R__a") == 0,
       "numbers come first, then the repeatable ones by name");
    mb_catalog_reset(&c);
    const struct mb_migration_file gap[] = {FILE_OF("0002_b.up.sql"), FILE_OF("0002_b.down.sql")};
    ok(order(gap, 2, &c) == MB_E_CONFIG, "a gap is refused");
    const struct mb_migration_file one_way[] = {FILE_OF("0001_a.up.sql")};
    ok(order(one_way, 1, &c) == MB_E_CONFIG, "a missing way down is refused");
    const struct mb_migration_file twice[] = {FILE_OF("0001_a.up.sql"), FILE_OF("0001_a.down.sql"),
                                              FILE_OF("0001_b.up.sql"), FILE_OF("0001_b.down.sql")};
    ok(order(twice, 4, &c) == MB_E_CONFIG, "a number used twice is refused");
    const char *const wrong[] = {"1_a.up.sql",    "0001_A.up.sql", "0001_a.sql",   "R__.sql",
                                 "0000_a.up.sql", "readme",        "0001_.up.sql", "R__a.down.sql"};
    int refused = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct mb_migration_file f[] = {FILE_OF(wrong[i])};
        refused += order(f, 1, &c) == MB_E_CONFIG;
    }
    ok(refused == 8, "names of another shape are refused");
}

int main(void)
{
    finds_transaction_control();
    reads_bare_files();
    orders_files();
    ok(mb_script_line(MB_STR("a\nb\xc3\xa9\nc"), 6) == 3,
       "a position in characters gives its line");
    return done();
}
