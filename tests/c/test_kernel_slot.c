/*
 * Facts about kernel/slot.h: the vectors of the specification, the rules at the edges, zones whose
 * clocks change, and a naive oracle that asks the C library minute by minute.
 */
#include "kernel/slot.h"

#include "kernel/civil.h"
#include "tap.h"
#include "zones.h"

enum { MOST = 4096, MINUTE = 60000 };

static struct mb_slot slots[MOST];
static size_t count;

static int64_t at(int32_t day, int32_t hour, int32_t minute)
{
    return mb_civil_seconds((struct mb_wall){{2026, 11, day}, hour, minute, 0}) * 1000;
}

static enum mb_rc cut(const struct mb_slot_plan *plan)
{
    struct mb_err err;
    return mb_slot_cut(plan, slots, MOST, &count, &err);
}

/* "10:00 11:00*" in wall time of the zone; a letter for every status but AVAILABLE. */
static const char *shown(const struct mb_zone *z)
{
    static char out[MOST * 8];
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        int64_t utc = mb_floor_div(slots[i].start, 1000);
        struct mb_wall w = mb_civil_wall(utc + mb_zone_offset(z, utc));
        static const char marks[] = {
            [MB_SLOT_INVALID] = 'i', [MB_SLOT_BLOCKED] = 'b', [MB_SLOT_BOOKED] = '*'};
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%02d:%02d", i ? " " : "", w.hour,
                              w.minute);
        if (slots[i].status != MB_SLOT_AVAILABLE)
            n += (size_t)snprintf(out + n, sizeof out - n, "%c", marks[slots[i].status]);
    }
    return out;
}

static void expect(const struct mb_slot_plan *plan, const char *wanted, const char *fact)
{
    bool cuts = cut(plan) == MB_OK;
    const char *got = cuts ? shown(plan->zone) : "an error";
    ok(cuts && strcmp(got, wanted) == 0, "%s: %s", fact, got);
}

/* Johannesburg, day 23 of November 2026, wall clock bounds. */
static struct mb_slot_plan sast(const struct mb_zone *z, int from_hour, int from_minute,
                                int to_hour, int to_minute, uint32_t minutes,
                                enum mb_slot_rule rule)
{
    return (struct mb_slot_plan){at(23, from_hour - 2, from_minute),
                                 at(23, to_hour - 2, to_minute),
                                 minutes,
                                 rule,
                                 z,
                                 NULL,
                                 0,
                                 {0, 0}};
}

static void test_vectors(const struct mb_zone *z)
{
    struct mb_slot_plan p = sast(z, 9, 10, 12, 0, 45, MB_RULE_CONTINUOUS);
    expect(&p, "09:10 09:55 10:40", "cuts back to back");
    p.rule = MB_RULE_ON_THE_HOUR;
    expect(&p, "10:00 11:00", "cuts at full hours");
    p.rule = MB_RULE_ON_THE_HALF_HOUR;
    expect(&p, "09:30 10:00 10:30 11:00",
           "cuts at half hours, overlapping where the service is longer");
    for (int rule = MB_RULE_CONTINUOUS; rule <= MB_RULE_ON_THE_HALF_HOUR; rule++) {
        p = sast(z, 9, 0, 10, 0, 60, (enum mb_slot_rule)rule);
        expect(&p, "09:00", "keeps a slot that ends with the window, under rule");
    }
    p = sast(z, 8, 0, 17, 0, 15, MB_RULE_CONTINUOUS);
    ok(cut(&p) == MB_OK && count == 36, "cuts 36 quarters of an hour from nine hours");
    p = sast(z, 9, 0, 9, 30, 45, MB_RULE_CONTINUOUS);
    expect(&p, "", "makes no slot and no error when the service is longer than the window");
    p = sast(z, 9, 1, 9, 59, 10, MB_RULE_ON_THE_HOUR);
    expect(&p, "", "makes no slot when no mark lies in the window");
    p = sast(z, 22, 30, 26, 0, 45, MB_RULE_ON_THE_HOUR);
    expect(&p, "23:00 00:00 01:00", "goes on over midnight");
}

static void test_seconds(const struct mb_zone *z)
{
    struct mb_slot_plan p = sast(z, 9, 10, 11, 0, 50, MB_RULE_CONTINUOUS);
    p.start += 59999;
    ok(cut(&p) == MB_OK && count == 2 && slots[0].start == at(23, 7, 10),
       "cuts the first start down to the minute");
    p.rule = MB_RULE_ON_THE_HOUR;
    p.start = at(23, 7, 0) + 1;
    ok(cut(&p) == MB_OK && count == 1 && slots[0].start == at(23, 8, 0),
       "takes no mark before the start, be it a millisecond");
    p.end = at(23, 8, 50) - 1;
    ok(cut(&p) == MB_OK && count == 0, "keeps no slot that ends a millisecond too late");
}

static void test_status(const struct mb_zone *z)
{
    struct mb_slot_plan p = sast(z, 9, 0, 13, 0, 60, MB_RULE_ON_THE_HALF_HOUR);
    const struct mb_busy booking[] = {{at(23, 8, 0), at(23, 9, 0), MB_BUSY_OWN, {0, 0}}};
    p.busy = booking;
    p.nbusy = 1;
    expect(&p, "09:00 09:30i 10:00* 10:30i 11:00 11:30 12:00",
           "books the slot held, invalidates its overlaps, drops none");
    const struct mb_busy other[] = {{at(23, 8, 0), at(23, 9, 0), MB_BUSY_BOOKING, {0, 0}}};
    p.busy = other;
    expect(&p, "09:00 09:30i 10:00i 10:30i 11:00 11:30 12:00",
           "does not book the slot of another service's booking");
    const struct mb_busy blocker[] = {{at(23, 8, 59), at(23, 9, 1), MB_BUSY_BLOCKER, {0, 0}}};
    p.busy = blocker;
    expect(&p, "09:00 09:30 10:00b 10:30b 11:00b 11:30 12:00", "blocks what a blocker touches");
    const struct mb_busy mixed[] = {
        {at(23, 7, 0),
         at(23, 11, 0),
         MB_BUSY_BLOCKER,
         {0, 0}}, /* a long one, then shorter ones inside */
        {at(23, 7, 30), at(23, 7, 40), MB_BUSY_BLOCKER, {0, 0}},
        {at(23, 8, 0), at(23, 9, 0), MB_BUSY_OWN, {0, 0}},
        {at(23, 9, 30), at(23, 10, 30), MB_BUSY_BOOKING, {0, 0}},
    };
    p.busy = mixed;
    p.nbusy = 4;
    expect(&p, "09:00b 09:30b 10:00* 10:30b 11:00b 11:30b 12:00b",
           "lets booked beat blocked, and blocked beat invalid");
    const struct mb_busy touching[] = {{at(23, 6, 0), at(23, 7, 0), MB_BUSY_BLOCKER, {0, 0}},
                                       {at(23, 11, 0), at(23, 12, 0), MB_BUSY_BOOKING, {0, 0}}};
    p.busy = touching;
    p.nbusy = 2;
    expect(&p, "09:00 09:30 10:00 10:30 11:00 11:30 12:00", "leaves alone what only touches");
}

static void test_buffers(const struct mb_zone *z)
{
    struct mb_slot_plan p = sast(z, 6, 0, 10, 0, 30, MB_RULE_CONTINUOUS);
    struct mb_busy busy[] = {{at(23, 6, 0), at(23, 6, 30), MB_BUSY_OWN, {10, 0}}};
    p.busy = busy;
    p.nbusy = 1;
    expect(&p, "06:00 06:30 07:00 07:30i 08:00* 08:30 09:00 09:30",
           "keeps free what a booking wants before itself");
    p.buffers.before = 10;
    expect(&p, "06:00 06:30 07:00 07:30i 08:00* 08:30i 09:00 09:30",
           "and what the slot after it wants before itself");
    p.buffers = (struct mb_slot_buffers){30, 20};
    busy[0].buffers = (struct mb_slot_buffers){30, 30};
    expect(&p, "06:00 06:30 07:00 07:30i 08:00* 08:30i 09:00 09:30",
           "counts the larger of two buffers, not their sum");
    p.buffers.before = 31;
    expect(&p, "06:00 06:30 07:00 07:30i 08:00* 08:30i 09:00i 09:30", "to the minute");
    busy[0] = (struct mb_busy){at(23, 6, 0), at(23, 6, 30), MB_BUSY_BLOCKER, {0, 0}};
    expect(&p, "06:00 06:30 07:00 07:30 08:00b 08:30 09:00 09:30", "keeps none from a blocker");
    const struct mb_busy two[] = {{at(23, 7, 30), at(23, 8, 0), MB_BUSY_BOOKING, {0, 0}},
                                  {at(23, 5, 0), at(23, 5, 30), MB_BUSY_BOOKING, {240, 0}}};
    p.buffers = (struct mb_slot_buffers){0, 0};
    p.busy = two;
    p.nbusy = 2;
    expect(&p, "06:00i 06:30i 07:00i 07:30 08:00 08:30 09:00 09:30i", "takes them in any order");
}

static void expect_refused(struct mb_slot_plan p, const char *text, const char *fact)
{
    struct mb_err err = {.rc = MB_OK};
    count = 77;
    enum mb_rc rc = mb_slot_cut(&p, slots, MOST, &count, &err);
    ok(rc == MB_E_INVALID && count == 0 && strcmp(err.text, text) == 0, "%s", fact);
}

static void test_refusals(const struct mb_zone *z)
{
    const struct mb_slot_plan good = sast(z, 9, 0, 13, 0, 60, MB_RULE_CONTINUOUS);
    struct mb_slot_plan p = good;
    p.end = p.start;
    expect_refused(p, "the window must end after it begins", "refuses an empty window");
    p.end = INT64_MAX;
    expect_refused(p, "the window must end after it begins", "refuses a window past the year 9999");
    p = good;
    p.minutes = 0;
    expect_refused(p, "the duration must be 1 to 10080 minutes", "refuses no duration");
    p.minutes = UINT32_MAX;
    expect_refused(p, "the duration must be 1 to 10080 minutes", "refuses a duration over a week");
    p = good;
    p.buffers.after = 241;
    expect_refused(p, "a buffer must be 0 to 240 minutes", "refuses a buffer over four hours");
    p = good;
    const struct mb_busy wide[] = {{1, 2, MB_BUSY_BOOKING, {241, 0}}};
    p.busy = wide;
    p.nbusy = 1;
    expect_refused(p, "the buffers of busy interval 0 must be 0 to 240 minutes",
                   "refuses that of a booking");
    const struct mb_busy blocker[] = {{1, 2, MB_BUSY_BLOCKER, {0, 5}}};
    p.busy = blocker;
    expect_refused(p, "busy interval 0 is a blocker and has no buffers",
                   "refuses buffers of a blocker");
    const struct mb_busy empty[] = {{2, 2, MB_BUSY_BOOKING, {0, 0}}};
    p.busy = empty;
    p.nbusy = 1;
    expect_refused(p, "busy interval 0 must end after it begins", "refuses an empty interval");

    struct mb_err err;
    p = good;
    ok(mb_slot_cut(&p, slots, 4, &count, &err) == MB_OK && count == 4, "fills the ceiling");
    ok(mb_slot_cut(&p, slots, 3, &count, &err) == MB_E_LIMIT && count == 0,
       "refuses more than the ceiling, and says so");
}

static void test_words(void)
{
    enum mb_slot_rule rule;
    ok(mb_slot_rule_find(MB_STR("ON_THE_HALF_HOUR"), &rule) && rule == MB_RULE_ON_THE_HALF_HOUR,
       "knows its rules by name");
    ok(!mb_slot_rule_find(MB_STR("on_the_hour"), &rule), "knows no other");
    ok(strcmp(mb_slot_status_word(MB_SLOT_BLOCKED), "BLOCKED") == 0, "names a status");
}

/* A window in wall clock bounds of some zone, any date. */
static struct mb_slot_plan window(const struct mb_zone *z, struct mb_wall from, struct mb_wall to,
                                  enum mb_slot_rule rule)
{
    return (struct mb_slot_plan){mb_zone_instant(z, mb_civil_seconds(from), NULL) * 1000,
                                 mb_zone_instant(z, mb_civil_seconds(to), NULL) * 1000,
                                 30,
                                 rule,
                                 z,
                                 NULL,
                                 0,
                                 {0, 0}};
}

static void test_zones(void)
{
    struct mb_zone z;
    struct mb_slot_plan p;
    ok(read_zone(&z, "Asia/Kathmandu"), "reads Kathmandu");
    p = window(&z, (struct mb_wall){{2026, 11, 23}, 9, 10, 0},
               (struct mb_wall){{2026, 11, 23}, 12, 0, 0}, MB_RULE_ON_THE_HOUR);
    expect(&p, "10:00 11:00", "takes marks from the wall clock, not from UTC");
    p.rule = MB_RULE_ON_THE_HALF_HOUR;
    expect(&p, "09:30 10:00 10:30 11:00 11:30", "so for half hours");

    ok(read_zone(&z, "America/New_York"), "reads New York");
    p = window(&z, (struct mb_wall){{2026, 3, 8}, 0, 30, 0},
               (struct mb_wall){{2026, 3, 8}, 5, 0, 0}, MB_RULE_ON_THE_HOUR);
    expect(&p, "01:00 03:00 04:00", "leaves out the hour that does not exist");
    p = window(&z, (struct mb_wall){{2026, 11, 1}, 0, 30, 0},
               (struct mb_wall){{2026, 11, 1}, 3, 30, 0}, MB_RULE_ON_THE_HOUR);
    expect(&p, "01:00 01:00 02:00 03:00", "offers both hours of a repeated one");
    p.rule = MB_RULE_CONTINUOUS;
    ok(cut(&p) == MB_OK && count == 8, "lets time run on for back to back slots");

    ok(read_zone(&z, "Europe/Berlin"), "reads Berlin");
    p = window(&z, (struct mb_wall){{2026, 3, 28}, 23, 0, 0},
               (struct mb_wall){{2026, 3, 29}, 4, 0, 0}, MB_RULE_ON_THE_HALF_HOUR);
    expect(&p, "23:00 23:30 00:00 00:30 01:00 01:30 03:00 03:30",
           "changes clocks in a night window");

    ok(read_zone(&z, "Australia/Lord_Howe"), "reads Lord Howe");
    p = window(&z, (struct mb_wall){{2026, 10, 4}, 0, 0, 0},
               (struct mb_wall){{2026, 10, 4}, 5, 0, 0}, MB_RULE_ON_THE_HOUR);
    expect(&p, "00:00 01:00 03:00 04:00", "follows a change of half an hour");
    ok(slots[2].start - slots[1].start == 90 * MINUTE, "whose marks are then 90 minutes apart");
    p = window(&z, (struct mb_wall){{2026, 4, 5}, 0, 0, 0}, (struct mb_wall){{2026, 4, 5}, 4, 0, 0},
               MB_RULE_ON_THE_HOUR);
    expect(&p, "00:00 01:00 02:00 03:00", "and back");
}

/* ---- the oracle ---- */

static bool is_mark(int64_t ms, enum mb_slot_rule rule)
{
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    localtime_r(&t, &tm);
    return tm.tm_min == 0 || (rule == MB_RULE_ON_THE_HALF_HOUR && tm.tm_min == 30);
}

/* Whether the first, widened by its buffers, overlaps the second as it is. */
static bool touches(int64_t start, int64_t end, struct mb_slot_buffers b, int64_t other_start,
                    int64_t other_end)
{
    return start - (int64_t)b.before * MINUTE < other_end &&
           other_start < end + (int64_t)b.after * MINUTE;
}

static enum mb_slot_status naive_status(const struct mb_slot_plan *p, int64_t start, int64_t end)
{
    bool booked = false, blocked = false, invalid = false;
    for (size_t i = 0; i < p->nbusy; i++) {
        const struct mb_busy *b = &p->busy[i];
        bool blocks = b->kind == MB_BUSY_BLOCKER;
        if (!touches(b->start, b->end, b->buffers, start, end) &&
            (blocks || !touches(start, end, p->buffers, b->start, b->end)))
            continue;
        if (blocks)
            blocked = true;
        else if (b->kind == MB_BUSY_OWN && b->start == start && b->end == end)
            booked = true;
        else
            invalid = true;
    }
    return booked    ? MB_SLOT_BOOKED
           : blocked ? MB_SLOT_BLOCKED
           : invalid ? MB_SLOT_INVALID
                     : MB_SLOT_AVAILABLE;
}

/* Looks at every minute of the window; offsets are whole minutes in the years asked for. */
static size_t naive_cut(const struct mb_slot_plan *p, struct mb_slot *out)
{
    size_t n = 0;
    int64_t span = (int64_t)p->minutes * MINUTE, next = p->start - p->start % MINUTE;
    for (int64_t t = next; t + span <= p->end; t += MINUTE) {
        bool wanted =
            p->rule == MB_RULE_CONTINUOUS ? t == next : t >= p->start && is_mark(t, p->rule);
        if (!wanted) continue;
        out[n++] = (struct mb_slot){t, t + span, naive_status(p, t, t + span)};
        next = t + span;
    }
    return n;
}

static struct mb_slot_buffers random_buffers(void)
{
    if (random_between(0, 2) == 0) return (struct mb_slot_buffers){0, 0};
    int64_t most = random_between(0, 3) ? 60 : MB_SLOT_MOST_BUFFER;
    return (struct mb_slot_buffers){(uint32_t)random_between(0, most),
                                    (uint32_t)random_between(0, most)};
}

/* Half of the intervals lie exactly on a slot, the others anywhere. */
static void fill_busy(const struct mb_slot_plan *p, struct mb_busy *busy)
{
    static struct mb_slot found[MOST];
    struct mb_slot_plan empty = *p;
    empty.nbusy = 0;
    size_t nfound = naive_cut(&empty, found);
    for (size_t i = 0; i < p->nbusy; i++) {
        int64_t from = p->start - p->start % MINUTE + random_between(-120, 16 * 60) * MINUTE;
        int64_t span = random_between(1, 300) * MINUTE;
        if (nfound > 0 && random_between(0, 1)) {
            from = found[random_between(0, (int64_t)nfound - 1)].start;
            span = (int64_t)p->minutes * MINUTE;
        }
        enum mb_busy_kind kind = (enum mb_busy_kind)random_between(0, 2);
        busy[i] = (struct mb_busy){from, from + span, kind,
                                   kind == MB_BUSY_BLOCKER ? (struct mb_slot_buffers){0, 0}
                                                           : random_buffers()};
    }
}

static struct mb_slot_plan random_plan(const struct mb_zone *z, struct mb_busy *busy)
{
    int64_t start = random_between(1104537600, 2208988800) * 1000;
    int64_t change = mb_zone_next_change(z, start / 1000);
    if (change < 2208988800 && random_between(0, 1)) /* half of the windows hold a change */
        start = (change - random_between(0, 6 * 3600)) * 1000;
    start += random_between(0, 2) ? -(start % MINUTE) : random_between(0, 999);
    struct mb_slot_plan p = {.start = start,
                             .end = start + random_between(1, 16 * 60) * MINUTE +
                                    random_between(0, 1) * random_between(0, MINUTE),
                             .minutes = (uint32_t)random_between(1, 100),
                             .rule = (enum mb_slot_rule)random_between(0, 2),
                             .zone = z,
                             .busy = busy,
                             .nbusy = (size_t)random_between(0, 8),
                             .buffers = random_buffers()};
    fill_busy(&p, busy);
    return p;
}

static bool agrees(const struct mb_slot_plan *p, size_t seen[4])
{
    static struct mb_slot expected[MOST];
    size_t wanted = naive_cut(p, expected);
    bool same = cut(p) == MB_OK && count == wanted;
    for (size_t i = 0; i < wanted && same; i++) {
        same = slots[i].start == expected[i].start && slots[i].end == expected[i].end &&
               slots[i].status == expected[i].status;
        seen[slots[i].status]++;
    }
    return same;
}

static void test_oracle(const char *name)
{
    struct mb_zone z;
    if (!ok(read_zone(&z, name), "reads %s", name)) return;
    set_library_zone(name);
    size_t seen[4] = {0};
    int i = 0;
    bool all = true;
    for (; i < 400 && all; i++) {
        struct mb_busy busy[8];
        struct mb_slot_plan p = random_plan(&z, busy);
        all = agrees(&p, seen);
    }
    ok(all,
       "agrees with the oracle in %s after %d windows (%zu free, %zu invalid, %zu blocked, %zu "
       "booked)",
       name, i, seen[0], seen[1], seen[2], seen[3]);
    tell_seed();
}

int main(void)
{
    struct mb_zone johannesburg;
    seed_random();
    if (!ok(read_zone(&johannesburg, "Africa/Johannesburg"), "reads Johannesburg")) return done();
    test_vectors(&johannesburg);
    test_seconds(&johannesburg);
    test_status(&johannesburg);
    test_buffers(&johannesburg);
    test_refusals(&johannesburg);
    test_words();
    test_zones();
    static const char *const names[] = {
        "Africa/Johannesburg", "America/New_York", "Europe/Berlin",     "Australia/Lord_Howe",
        "Asia/Kathmandu",      "America/St_Johns", "Africa/Casablanca", "Pacific/Chatham",
        "Asia/Tehran",         "Antarctica/Troll"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) test_oracle(names[i]);
    return done();
}
