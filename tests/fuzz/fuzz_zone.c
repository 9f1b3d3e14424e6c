/*
 * libFuzzer target of the kernel: the input is a zone file, before which 16 bytes choose a window.
 * Any file that is accepted must give offsets that agree with themselves, and slots that keep the
 * rules.
 */
#include <stdlib.h>

#include "kernel/civil.h"
#include "kernel/slot.h"

enum { PREFIX = 16, MOST_SLOTS = 20000 };

static const int64_t LATEST = 253402300799; /* the end of the year 9999 */

static void must(bool held)
{
    if (!held) abort();
}

static void check_times(const struct mb_zone *z, int64_t utc)
{
    enum mb_wall_kind kind;
    int64_t wall = utc + mb_zone_offset(z, utc), back = mb_zone_instant(z, wall, &kind);
    must(kind != MB_WALL_SKIPPED); /* a clock has just shown it */
    must(back <= utc && back + mb_zone_offset(z, back) == wall);
    must(mb_zone_next_change(z, utc) > utc);
}

static void check_slots(const struct mb_slot_plan *p)
{
    static struct mb_slot slots[MOST_SLOTS];
    size_t count;
    if (mb_slot_cut(p, slots, MOST_SLOTS, &count, NULL) != MB_OK) return;
    for (size_t i = 0; i < count; i++) {
        must(slots[i].end - slots[i].start == (int64_t)p->minutes * 60000);
        must(slots[i].end <= p->end);
        must(i == 0 || slots[i].start > slots[i - 1].start);
        must(slots[i].status == MB_SLOT_AVAILABLE);
        int64_t wall = slots[i].start / 1000 + mb_zone_offset(p->zone, slots[i].start / 1000);
        int64_t mark = p->rule == MB_RULE_ON_THE_HOUR ? 3600 : 1800;
        must(p->rule == MB_RULE_CONTINUOUS ||
             (slots[i].start >= p->start && mb_floor_mod(wall, mark) == 0));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mb_zone zone;
    if (size < PREFIX) return 0;
    struct mb_str file = {(const char *)data + PREFIX, size - PREFIX};
    if (mb_zone_parse(&zone, file, NULL) != MB_OK) return 0;
    uint32_t parts[4];
    memcpy(parts, data, sizeof parts);
    int64_t start = (int64_t)parts[0] * 1000 + parts[1] % 1000; /* from 1970 to 2106 */
    check_times(&zone, start / 1000);
    int64_t change = mb_zone_next_change(&zone, start / 1000);
    if (change < LATEST) check_times(&zone, change - 1);
    if (change < LATEST) check_times(&zone, change);
    struct mb_slot_plan plan = {.start = start,
                                .end = start + 1 + parts[1] % (14u * 86400000u),
                                .minutes = parts[2] % 1500 + 1,
                                .rule = (enum mb_slot_rule)(parts[3] % 3),
                                .zone = &zone};
    check_slots(&plan);
    return 0;
}
