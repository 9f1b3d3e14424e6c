/* Facts about base/buf.h, base/err.h and base/clock.h. */
#include "base/buf.h"
#include "base/clock.h"
#include "tap.h"

static void test_strings(void)
{
    ok(mb_str_ieq(MB_STR("Content-Length"), MB_STR("content-LENGTH")),
       "compares ASCII without case");
    ok(!mb_str_ieq(MB_STR("["), MB_STR("{")), "does not fold what only looks like a case pair");
    ok(!mb_str_ieq(MB_STR("a"), MB_STR("ab")), "tells a prefix from the whole");
    ok(mb_str_eq(mb_str_z(NULL), MB_STR("")), "takes no string for an empty one");
}

static void test_growth(void)
{
    struct mb_buf b;
    mb_buf_init(&b, 1000);
    bool all = true;
    for (int i = 0; i < 1000; i++) all = all && mb_buf_add(&b, "x", 1) == MB_OK;
    ok(all && b.len == 1000, "grows up to its ceiling exactly");
    ok(mb_buf_add(&b, "x", 1) == MB_E_LIMIT && b.len == 1000, "refuses one byte more");
    ok(mb_buf_reserve(&b, SIZE_MAX) == MB_E_LIMIT, "refuses a reservation that wraps round");
    size_t cap = b.cap;
    mb_buf_clear(&b);
    ok(b.len == 0 && b.cap == cap, "keeps its memory when cleared");
    mb_buf_reset(&b);
    ok(!b.data && b.max == 1000, "gives its memory back when reset, and keeps the ceiling");
    mb_buf_reset(&b);
}

static void test_text(void)
{
    struct mb_buf b;
    mb_buf_init(&b, 300);
    enum mb_rc rc = mb_buf_addf(&b, "%s-%d", "slot", 7);
    ok(rc == MB_OK && mb_str_eq(mb_buf_str(&b), MB_STR("slot-7")), "formats into an empty buffer");
    rc = mb_buf_addf(&b, "%0*d", 294, 0);
    ok(rc == MB_OK && b.len == 300, "formats up to the ceiling without room for a NUL");
    rc = mb_buf_addf(&b, "%d", 1);
    ok(rc == MB_E_LIMIT && b.len == 300, "formats nothing past it");
    mb_buf_clear(&b);
    rc = mb_buf_i64(&b, INT64_MIN);
    ok(rc == MB_OK && mb_str_eq(mb_buf_str(&b), MB_STR("-9223372036854775808")),
       "writes the least int64");
    mb_buf_clear(&b);
    rc = mb_buf_i64(&b, INT64_MAX);
    ok(rc == MB_OK && mb_str_eq(mb_buf_str(&b), MB_STR("9223372036854775807")),
       "writes the greatest int64");
    mb_buf_clear(&b);
    rc = mb_buf_i64(&b, 0);
    ok(rc == MB_OK && mb_str_eq(mb_buf_str(&b), MB_STR("0")), "writes zero");
    mb_buf_reset(&b);
}

static void test_errors(void)
{
    struct mb_err err = {.sqlstate = "40001", .constraint = "left over"};
    enum mb_rc rc = mb_fail(&err, MB_E_DB_TIMEOUT, "after %d ms", 5);
    ok(rc == MB_E_DB_TIMEOUT && err.rc == rc && strcmp(err.text, "after 5 ms") == 0,
       "fails with a code and a text");
    ok(err.sqlstate[0] == '\0' && err.constraint[0] == '\0', "forgets the error before");
    ok(mb_fail(NULL, MB_E_IO, "unheard") == MB_E_IO, "fails without anybody to tell");
    ok(strcmp(mb_rc_word(MB_E_DB_TIMEOUT), "database_timeout") == 0 &&
           mb_rc_status(MB_E_DB_TIMEOUT) == 504,
       "maps a code to its word and status");
    ok(strcmp(mb_rc_word(MB_E_REQUEST_TIMEOUT), "request_timeout") == 0,
       "names the request's deadline as src/net does");
    ok(strcmp(mb_rc_word(MB_E_NOMEM), "out_of_memory") == 0, "maps the first code");
    ok(strcmp(mb_rc_word(MB_E_SCRIPT), "script_error") == 0, "maps the last code");
    ok(strcmp(mb_rc_word(MB_OK), "ok") == 0 && mb_rc_status(MB_OK) == 200, "maps success");
    ok(mb_rc_status((enum mb_rc)77) == 500, "maps an unknown code to 500");
}

static void test_clock(void)
{
    static const struct {
        int64_t ms;
        const char *text;
    } vectors[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {1795334400000, "2026-11-22T08:00:00.000Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {4107542399999, "2100-02-28T23:59:59.999Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {-62135596800000, "0001-01-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        char out[25];
        mb_rfc3339_ms(vectors[i].ms, out);
        ok(strcmp(out, vectors[i].text) == 0, "writes %s, got %s", vectors[i].text, out);
    }
    uint64_t before = mb_mono_ns();
    ok(mb_mono_ns() >= before, "has a clock that does not go back");
}

int main(void)
{
    test_strings();
    test_growth();
    test_text();
    test_errors();
    test_clock();
    return done();
}
