/*
 * Cuts the slots of every availability with the kernel and stores them by COPY; and measures that
 * against a bare COPY of the same rows from a file into the same table.
 *   slotload CONNINFO fill                cut and store
 *   slotload CONNINFO race ROUNDS FILE    A B A B; FILE: a path
 *                                         that the database server may write
 * race prints a line "bench-slots ROWS OURS_MS COPY_MS RATIO": medians, and the median of each
 * round's COPY time by ours.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "db/copy.h"
#include "kernel/slot.h"

enum { ROUNDS_MAX = 99, SLOTS_A_DAY = 1440 };

#define SLOT_TABLE "\"CalculatedAvailabilitySlot\""

static const char *const columns[] = {
    "id",             "availabilityId", "serviceId",  "serviceConfigId",   "startTime",
    "endTime",        "status",         "providerId", "isOnlineAvailable", "isInPerson",
    "lastCalculated", "price",
};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* One availability and one service that it offers; the columns are named by the enum below. */
static const char offers_sql[] =
    "SELECT (extract(epoch FROM a.\"startTime\") * 1000)::bigint,"
    "       (extract(epoch FROM a.\"endTime\") * 1000)::bigint,"
    "       c.\"duration\", a.\"schedulingRule\", a.\"id\", c.\"serviceId\", c.\"id\", a.\"providerId\","
    "       a.\"isOnlineAvailable\" AND c.\"isOnlineAvailable\", c.\"isInPerson\","
    "       (c.\"price\" * 100)::bigint"
    "  FROM \"Availability\" a"
    "  JOIN \"_AvailabilityToServiceAvailabilityConfig\" o ON o.\"A\" = a.\"id\""
    "  JOIN \"ServiceAvailabilityConfig\" c ON c.\"id\" = o.\"B\""
    " WHERE a.\"status\" = 'ACCEPTED' ORDER BY a.\"id\", c.\"id\"";
enum offer_column {
    START, END, MINUTES, RULE, AVAILABILITY, SERVICE, CONFIG, PROVIDER, ONLINE, IN_PERSON, CENTS
};

__attribute__((format(printf, 1, 2))) _Noreturn static void fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("slotload: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static PGresult *ask(PGconn *db, const char *sql, ExecStatusType want)
{
    PGresult *r = PQexec(db, sql);
    if (PQresultStatus(r) != want)
        fail("%s: %s", sql, PQerrorMessage(db));
    return r;
}

static void run(PGconn *db, const char *sql)
{
    PQclear(ask(db, sql, PGRES_COMMAND_OK));
}

/* ---- ours: cut and store ---- */

static int64_t whole(const PGresult *offers, int at, enum offer_column column)
{
    return strtoll(PQgetvalue(offers, at, (int)column), NULL, 10);
}

static size_t cut_offer(const PGresult *offers, int at, const struct mb_zone *zone,
                        struct mb_slot *slots)
{
    struct mb_err err = {0};
    struct mb_slot_plan plan = {.start = whole(offers, at, START),
                                .end = whole(offers, at, END),
                                .minutes = (uint32_t)whole(offers, at, MINUTES),
                                .zone = zone};
    size_t count = 0;
    if (!mb_slot_rule_find(mb_str_z(PQgetvalue(offers, at, RULE)), &plan.rule))
        fail("no such rule: %s", PQgetvalue(offers, at, RULE));
    if (mb_slot_cut(&plan, slots, SLOTS_A_DAY, &count, &err) != MB_OK)
        fail("%s", err.text);
    return count;
}

static struct mb_str text(const PGresult *offers, int at, enum offer_column column)
{
    return mb_str_z(PQgetvalue(offers, at, (int)column));
}

static void add_row(struct mb_copy *copy, const PGresult *offers, int at, const struct mb_slot *slot,
                    int64_t now)
{
    struct mb_err err = {0};
    char id[MB_CUID_LEN + 1];
    mb_cuid(id);
    mb_copy_text(copy, mb_str_z(id));
    mb_copy_text(copy, text(offers, at, AVAILABILITY));
    mb_copy_text(copy, text(offers, at, SERVICE));
    mb_copy_text(copy, text(offers, at, CONFIG));
    mb_copy_instant(copy, slot->start);
    mb_copy_instant(copy, slot->end);
    mb_copy_text(copy, mb_str_z(mb_slot_status_word(slot->status)));
    mb_copy_text(copy, text(offers, at, PROVIDER));
    mb_copy_bool(copy, *PQgetvalue(offers, at, ONLINE) == 't');
    mb_copy_bool(copy, *PQgetvalue(offers, at, IN_PERSON) == 't');
    mb_copy_instant(copy, now);
    mb_copy_cents(copy, whole(offers, at, CENTS));
    if (mb_copy_row(copy, &err) != MB_OK)
        fail("%s", err.text);
}

static size_t cut_and_store(PGconn *db, const struct mb_zone *zone)
{
    static struct mb_slot slots[SLOTS_A_DAY];
    struct mb_err err = {0};
    struct mb_copy copy;
    int64_t now = mb_wall_ms();
    size_t total = 0;
    run(db, "BEGIN");
    PGresult *offers = ask(db, offers_sql, PGRES_TUPLES_OK);
    if (mb_copy_begin(&copy, db, SLOT_TABLE, columns, COLUMNS, &err) != MB_OK)
        fail("%s", err.text);
    for (int at = 0; at < PQntuples(offers); at++) {
        size_t count = cut_offer(offers, at, zone, slots);
        for (size_t i = 0; i < count; i++)
            add_row(&copy, offers, at, &slots[i], now);
        total += count;
    }
    if (mb_copy_end(&copy, &err) != MB_OK)
        fail("%s", err.text);
    run(db, "COMMIT");
    PQclear(offers);
    return total;
}

/* ---- the race ---- */

static void empty_table(PGconn *db)
{
    run(db, "TRUNCATE " SLOT_TABLE " CASCADE");
    run(db, "CHECKPOINT");
}

static double ms_since(uint64_t start)
{
    return (double)(mb_mono_ns() - start) / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int n)
{
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, (size_t)n * sizeof *values);
    qsort(sorted, (size_t)n, sizeof *sorted, by_size);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void race(PGconn *db, const struct mb_zone *zone, int rounds, const char *file)
{
    char out[512], in[512];
    double ours[ROUNDS_MAX], bare[ROUNDS_MAX], ratio[ROUNDS_MAX];
    size_t total = 0;
    snprintf(out, sizeof out, "COPY " SLOT_TABLE " TO '%s' (FORMAT binary)", file);
    snprintf(in, sizeof in, "COPY " SLOT_TABLE " FROM '%s' (FORMAT binary)", file);
    for (int i = 0; i < rounds; i++) {
        empty_table(db);
        uint64_t start = mb_mono_ns();
        total = cut_and_store(db, zone);
        ours[i] = ms_since(start);
        run(db, out);
        empty_table(db);
        start = mb_mono_ns();
        run(db, in);
        bare[i] = ms_since(start);
        ratio[i] = bare[i] / ours[i];
        fprintf(stderr, "slotload: round %d: ours %.0f ms, COPY %.0f ms\n", i + 1, ours[i], bare[i]);
    }
    printf("bench-slots %zu %.1f %.1f %.4f\n", total, median(ours, rounds), median(bare, rounds),
           median(ratio, rounds));
}

/* The zone of all providers of the bench. */
static struct mb_zone read_zone(void)
{
    static char bytes[1 << 16];
    struct mb_zone zone;
    struct mb_err err = {0};
    FILE *f = fopen("/usr/share/zoneinfo/Africa/Johannesburg", "rb");
    size_t len = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (f)
        fclose(f);
    if (mb_zone_parse(&zone, (struct mb_str){bytes, len}, &err) != MB_OK)
        fail("could not read the time zone (package tzdata): %s", err.text);
    return zone;
}

int main(int argc, char **argv)
{
    bool is_fill = argc == 3 && strcmp(argv[2], "fill") == 0;
    bool is_race = argc == 5 && strcmp(argv[2], "race") == 0;
    int rounds = is_race ? atoi(argv[3]) : 1;
    if ((!is_fill && !is_race) || rounds < 1 || rounds > ROUNDS_MAX)
        fail("usage: slotload CONNINFO fill | slotload CONNINFO race ROUNDS FILE");
    struct mb_zone zone = read_zone();
    PGconn *db = PQconnectdb(argv[1]);
    if (PQstatus(db) != CONNECTION_OK)
        fail("%s", PQerrorMessage(db));
    if (is_fill)
        printf("%zu slots\n", cut_and_store(db, &zone));
    else
        race(db, &zone, rounds, argv[4]);
    PQfinish(db);
    return 0;
}
