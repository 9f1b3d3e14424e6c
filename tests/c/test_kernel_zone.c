#define _GNU_SOURCE /* tm_gmtoff */
/*
 * Facts about kernel/zone.h: known instants, damaged files, and agreement with the C library's
 * own reading of the same files at random instants and wall clock readings.
 */
#include "kernel/zone.h"

#include "kernel/civil.h"
#include "tap.h"
#include "zones.h"

static const char *const names[] = {
    "Africa/Johannesburg", "America/New_York", "Europe/Berlin",
    "Australia/Lord_Howe", "Asia/Kathmandu",   "America/Sao_Paulo",
    "Africa/Casablanca",   "Europe/Dublin",    "Pacific/Apia",
    "America/St_Johns",    "Antarctica/Troll", "Asia/Tehran",
    "Pacific/Chatham",     "America/Nuuk",     "Africa/Cairo",
    "Asia/Gaza",           "Etc/UTC",          "EST5EDT",
};

static int64_t at(int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute)
{
    return mb_civil_seconds((struct mb_wall){{year, month, day}, hour, minute, 0});
}

static void test_vectors(void)
{
    struct mb_zone z;
    enum mb_wall_kind kind;
    ok(read_zone(&z, "Africa/Johannesburg") && mb_zone_offset(&z, at(2026, 11, 22, 8, 0)) == 7200,
       "knows that Johannesburg is two hours ahead");
    ok(mb_zone_next_change(&z, at(2026, 1, 1, 0, 0)) == INT64_MAX, "and stays there");

    ok(read_zone(&z, "America/New_York"), "reads New York");
    ok(mb_zone_instant(&z, at(2026, 3, 8, 2, 30), &kind) == at(2026, 3, 8, 7, 30) &&
           kind == MB_WALL_SKIPPED,
       "reads a skipped time with the offset before the gap");
    ok(mb_zone_instant(&z, at(2026, 11, 1, 1, 30), &kind) == at(2026, 11, 1, 5, 30) &&
           kind == MB_WALL_REPEATED,
       "takes the first of two instants");
    ok(mb_zone_instant(&z, at(2026, 3, 8, 3, 0), &kind) == at(2026, 3, 8, 7, 0) &&
           kind == MB_WALL_ONCE,
       "reads the first time after the gap once");
    ok(mb_zone_instant(&z, at(2026, 11, 1, 2, 0), &kind) == at(2026, 11, 1, 7, 0) &&
           kind == MB_WALL_ONCE,
       "reads the first time after the overlap once");
    ok(mb_zone_next_change(&z, at(2026, 3, 1, 0, 0)) == at(2026, 3, 8, 7, 0),
       "knows when the clocks change next");
    ok(mb_zone_offset(&z, at(2400, 7, 1, 0, 0)) == -4 * 3600, "goes on by the footer's rule");

    ok(read_zone(&z, "Australia/Lord_Howe") && mb_zone_offset(&z, at(2026, 1, 1, 0, 0)) == 39600 &&
           mb_zone_offset(&z, at(2026, 7, 1, 0, 0)) == 37800,
       "knows that Lord Howe moves by half an hour");
    ok(read_zone(&z, "Pacific/Apia") &&
           mb_zone_instant(&z, at(2011, 12, 30, 12, 0), &kind) == at(2011, 12, 30, 22, 0) &&
           kind == MB_WALL_SKIPPED,
       "knows the day that Apia left out");
    ok(read_zone(&z, "Europe/Dublin") && mb_zone_offset(&z, at(2060, 7, 1, 0, 0)) == 3600 &&
           mb_zone_offset(&z, at(2060, 1, 1, 0, 0)) == 0,
       "takes negative daylight saving as it is");
}

/* ---- against the C library ---- */

static int64_t library_offset(int64_t utc)
{
    time_t t = (time_t)utc;
    struct tm tm;
    localtime_r(&t, &tm);
    return tm.tm_gmtoff;
}

/* Looks at every quarter of an hour that could be meant; offsets have been multiples of it since
 * the years that are asked for. */
static int64_t library_instant(int64_t wall, enum mb_wall_kind *kind)
{
    int64_t found = 0, before = 0;
    *kind = MB_WALL_SKIPPED;
    for (int64_t utc = wall - 26 * 3600; utc <= wall + 26 * 3600; utc += 900) {
        int64_t shown = utc + library_offset(utc);
        if (shown == wall && *kind == MB_WALL_SKIPPED) {
            *kind = MB_WALL_ONCE;
            found = utc;
        } else if (shown == wall) {
            *kind = MB_WALL_REPEATED;
        }
        if (shown < wall && *kind == MB_WALL_SKIPPED) before = wall - library_offset(utc);
    }
    return *kind == MB_WALL_SKIPPED ? before : found;
}

static void test_offsets(const struct mb_zone *z, const char *name)
{
    bool all = true;
    for (int i = 0; i < 5000; i++) {
        int64_t utc = random_between(at(1890, 1, 1, 0, 0), at(2450, 1, 1, 0, 0));
        all = all && mb_zone_offset(z, utc) == library_offset(utc);
    }
    ok(all, "agrees on the offset of %s at random instants", name);

    bool edges = true;
    int64_t change = at(1890, 1, 1, 0, 0);
    int changes = 0;
    while ((change = mb_zone_next_change(z, change)) < at(2100, 1, 1, 0, 0)) {
        edges = edges && mb_zone_offset(z, change) == library_offset(change) &&
                mb_zone_offset(z, change - 1) == library_offset(change - 1);
        changes++;
    }
    ok(edges, "agrees on both sides of the %d changes of %s", changes, name);
}

static void test_instants(const struct mb_zone *z, const char *name)
{
    bool all = true;
    int seen[3] = {0};
    for (int i = 0; i < 300 && all; i++) {
        int64_t near = random_between(at(1990, 1, 1, 0, 0), at(2040, 1, 1, 0, 0));
        int64_t change = i % 2 ? mb_zone_next_change(z, near) : INT64_MAX;
        if (change < at(2050, 1, 1, 0, 0)) /* half of the readings lie close to a change */
            near = change + mb_zone_offset(z, change) + random_between(-2 * 3600, 2 * 3600);
        enum mb_wall_kind kind, wanted;
        int64_t wall = near - mb_floor_mod(near, 900);
        int64_t expected = library_instant(wall, &wanted);
        all = all && mb_zone_instant(z, wall, &kind) == expected && kind == wanted;
        seen[wanted]++;
    }
    ok(all, "agrees on random readings in %s (%d once, %d skipped, %d repeated)", name,
       seen[MB_WALL_ONCE], seen[MB_WALL_SKIPPED], seen[MB_WALL_REPEATED]);
}

/* ---- files made by hand ---- */

/* A file without transitions, at UTC, with this footer. */
static struct mb_str file_with_footer(const char *footer)
{
    static char bytes[512];
    static const char header[] = "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\4";
    static const char body[] = "\0\0\0\0\0\0UTC"; /* with its NUL */
    size_t n = 0;
    for (int block = 0; block < 2; block++) {
        memcpy(bytes + n, header, 44);
        memcpy(bytes + n + 44, body, 10);
        n += 54;
    }
    size_t len = strlen(footer);
    memcpy(bytes + n, footer, len);
    return (struct mb_str){bytes, n + len};
}

static bool parses(struct mb_str file)
{
    struct mb_zone z;
    struct mb_err err;
    char *exact = malloc(file.len ? file.len : 1); /* reading past the end is found */
    if (!exact) return false;
    memcpy(exact, file.ptr, file.len);
    bool good = mb_zone_parse(&z, (struct mb_str){exact, file.len}, &err) == MB_OK;
    if (good) /* what is accepted can be asked */
        (void)mb_zone_instant(&z, mb_zone_offset(&z, 1234567890), NULL);
    free(exact);
    return good;
}

static void test_footers(void)
{
    static const char *const good[] = {
        "\n\n",
        "\nUTC0\n",
        "\n<+0545>-5:45\n",
        "\nEST5EDT,M3.2.0,M11.1.0\n",
        "\n<+1030>-10:30<+11>-11,M10.1.0,M4.1.0\n",
        "\nIST-1GMT0,M10.5.0,M3.5.0/1\n",
        "\n<-02>2<-01>,M3.5.0/-1,M10.5.0/0\n",
        "\nXXX3YYY,J60/0,J365/23\n",
        "\nXXX3YYY,0/0,365/167\n",
    };
    static const char *const bad[] = {
        "",
        "\n",
        "UTC0\n",
        "\nUTC0",
        "\nUTC\n",
        "\nUT0\n",
        "\n<+05-5\n",
        "\nUTC0\nx",
        "\nEST5EDT\n",
        "\nEST5EDT,M3.2.0\n",
        "\nEST5EDT,M13.2.0,M11.1.0\n",
        "\nEST5EDT,M3.6.0,M11.1.0\n",
        "\nEST5EDT,M3.2.7,M11.1.0\n",
        "\nEST5EDT,J0,J5\n",
        "\nEST5EDT,366,5\n",
        "\nEST5EDT,M3.2.0/168,M11.1.0\n",
        "\nEST25\n",
        "\nEST5:60\n",
        "\nEST5EDT,M3.2.0,M11.1.0,\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        ok(parses(file_with_footer(good[i])), "accepts footer %.*s", (int)strlen(good[i]) - 2,
           good[i] + 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ok(!parses(file_with_footer(bad[i])), "refuses damaged footer %zu", i);

    struct mb_zone z;
    struct mb_err err;
    ok(mb_zone_parse(&z, file_with_footer("\nXXX3EDT4,0/0,J365/23\n"), &err) == MB_OK &&
           mb_zone_offset(&z, at(2030, 1, 1, 12, 0)) == -4 * 3600 &&
           mb_zone_offset(&z, at(2031, 1, 1, 2, 59)) == -4 * 3600 &&
           mb_zone_offset(&z, at(2031, 1, 1, 3, 0)) == -4 * 3600,
       "knows daylight time all year");
    ok(mb_zone_parse(&z, file_with_footer("\n\n"), &err) == MB_OK && mb_zone_offset(&z, 0) == 0,
       "stays at the last offset without a rule");
}

static void test_damage(void)
{
    FILE *f = fopen("/usr/share/zoneinfo/Europe/Berlin", "rb");
    if (!f) return;
    static char whole[8192];
    size_t n = fread(whole, 1, sizeof whole, f);
    fclose(f);
    bool all = true;
    for (size_t cut = 0; cut < n; cut++) all = all && !parses((struct mb_str){whole, cut});
    ok(all, "refuses a file that is cut anywhere");
    for (int i = 0; i < 3000; i++) {
        size_t where = (size_t)random_between(0, (int64_t)n - 1);
        char kept = whole[where];
        whole[where] = (char)random_between(0, 255);
        (void)parses((struct mb_str){whole, n});
        whole[where] = kept;
    }
    ok(true, "survives files with a changed byte");
    whole[4] = '\0';
    ok(!parses((struct mb_str){whole, n}), "refuses version 1");
    struct mb_zone z;
    struct mb_err err;
    ok(mb_zone_parse(&z, MB_STR("PNG"), &err) == MB_E_INVALID &&
           strcmp(err.text, "not a usable time zone file: no header of version 2 or later") == 0,
       "says what is wrong");
}

int main(void)
{
    seed_random();
    test_vectors();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct mb_zone z;
        if (!ok(read_zone(&z, names[i]), "reads %s", names[i])) continue;
        set_library_zone(names[i]);
        test_offsets(&z, names[i]);
        test_instants(&z, names[i]);
        tell_seed();
    }
    test_footers();
    test_damage();
    return done();
}
