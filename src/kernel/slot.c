/*
 * Cutting and marking. Cutting walks marks: from an instant to the first mark at or after it,
 * within the segment of one zone offset; where the offset changes, it goes on from the change
 * with the new one. Marking is one sweep per kind: slots of one service all have the same length,
 * so starts and ends rise together, and of all intervals that begin before a slot ends only the
 * one that ends last matters: the slot is touched if and only if that one ends after its start.
 * Pure: integers only, no clock, no memory of its own.
 */
#include "kernel/slot.h"

#include "kernel/civil.h"

enum { MINUTE_MS = 60000 };

/* Years 1 to 9999: sums and products of what lies inside cannot overflow. */
static const int64_t earliest = -62135596800000, latest = 253402300799999;

struct cutter {
    const struct mb_slot_plan *plan;
    struct mb_slot *out;
    size_t cap, count;
};

static bool is_span(int64_t start, int64_t end)
{
    return start >= earliest && end <= latest && start < end;
}

static enum mb_rc check(const struct mb_slot_plan *p, struct mb_err *err)
{
    if (!is_span(p->start, p->end))
        return mb_fail(err, MB_E_INVALID, "the window must end after it begins");
    if (p->minutes == 0 || p->minutes > MB_SLOT_MOST_MINUTES)
        return mb_fail(err, MB_E_INVALID, "the duration must be 1 to %d minutes",
                       (int)MB_SLOT_MOST_MINUTES);
    for (size_t i = 0; i < p->nbusy; i++) {
        if (!is_span(p->busy[i].start, p->busy[i].end))
            return mb_fail(err, MB_E_INVALID, "busy interval %zu must end after it begins", i);
        if (i > 0 && p->busy[i].start < p->busy[i - 1].start)
            return mb_fail(err, MB_E_INVALID, "busy interval %zu is out of order", i);
    }
    return MB_OK;
}

static int64_t length(const struct mb_slot_plan *p) { return (int64_t)p->minutes * MINUTE_MS; }

static bool add(struct cutter *c, int64_t start)
{
    if (c->count == c->cap) return false;
    c->out[c->count++] = (struct mb_slot){start, start + length(c->plan), MB_SLOT_AVAILABLE};
    return true;
}

static int64_t wall_ms(const struct mb_slot_plan *p, int64_t at)
{
    return at + (int64_t)mb_zone_offset(p->zone, mb_floor_div(at, 1000)) * 1000;
}

static bool cut_continuous(struct cutter *c)
{
    const struct mb_slot_plan *p = c->plan;
    int64_t first = p->start - mb_floor_mod(wall_ms(p, p->start), MINUTE_MS);
    for (int64_t at = first; at + length(p) <= p->end; at += length(p)) {
        if (!add(c, at)) return false;
    }
    return true;
}

static bool cut_marks(struct cutter *c, int64_t step)
{
    const struct mb_slot_plan *p = c->plan;
    int64_t at = p->start;
    while (at + length(p) <= p->end) {
        int64_t change = mb_zone_next_change(p->zone, mb_floor_div(at, 1000));
        int64_t segment_end = change > latest / 1000 ? INT64_MAX : change * 1000;
        int64_t mark = at + mb_floor_mod(-wall_ms(p, at), step);
        for (; mark < segment_end && mark + length(p) <= p->end; mark += step) {
            if (!add(c, mark)) return false;
        }
        at = mark < segment_end ? mark : segment_end;
    }
    return true;
}

static bool cut(struct cutter *c)
{
    switch (c->plan->rule) {
    case MB_RULE_CONTINUOUS: return cut_continuous(c);
    case MB_RULE_ON_THE_HOUR: return cut_marks(c, 60 * MINUTE_MS);
    case MB_RULE_ON_THE_HALF_HOUR: return cut_marks(c, 30 * MINUTE_MS);
    }
    return true;
}

static void raise_to(struct mb_slot *slot, enum mb_slot_status status)
{
    if (slot->status < status) slot->status = status;
}

/* Gives status to every slot that an interval touches, blockers or bookings. */
static void mark_touched(const struct cutter *c, bool blockers, enum mb_slot_status status)
{
    const struct mb_slot_plan *p = c->plan;
    int64_t busy_until = INT64_MIN;
    size_t next = 0;
    for (size_t i = 0; i < c->count; i++) {
        struct mb_slot *slot = &c->out[i];
        for (; next < p->nbusy && p->busy[next].start < slot->end; next++) {
            bool wanted = (p->busy[next].kind == MB_BUSY_BLOCKER) == blockers;
            if (wanted && p->busy[next].end > busy_until) busy_until = p->busy[next].end;
        }
        if (busy_until > slot->start) raise_to(slot, status);
    }
}

/* Gives BOOKED to the slots that an own booking fits exactly. */
static void mark_booked(const struct cutter *c)
{
    const struct mb_slot_plan *p = c->plan;
    size_t i = 0;
    for (size_t k = 0; k < p->nbusy; k++) {
        while (i < c->count && c->out[i].start < p->busy[k].start) i++;
        if (i == c->count) return;
        struct mb_slot *slot = &c->out[i];
        if (p->busy[k].kind == MB_BUSY_OWN && slot->start == p->busy[k].start &&
            slot->end == p->busy[k].end)
            raise_to(slot, MB_SLOT_BOOKED);
    }
}

enum mb_rc mb_slot_cut(const struct mb_slot_plan *plan, struct mb_slot *out, size_t cap,
                       size_t *count, struct mb_err *err)
{
    *count = 0;
    enum mb_rc rc = check(plan, err);
    if (rc != MB_OK) return rc;
    struct cutter c = {.plan = plan, .out = out, .cap = cap};
    if (!cut(&c)) return mb_fail(err, MB_E_LIMIT, "the window makes more than %zu slots", cap);
    mark_touched(&c, false, MB_SLOT_INVALID);
    mark_touched(&c, true, MB_SLOT_BLOCKED);
    mark_booked(&c);
    *count = c.count;
    return MB_OK;
}

#define MB_X(name, word) [name] = word,
static const char *const status_words[] = {MB_SLOT_STATUSES(MB_X)};
static const char *const rule_words[] = {MB_SLOT_RULES(MB_X)};
#undef MB_X

const char *mb_slot_status_word(enum mb_slot_status status) { return status_words[status]; }

bool mb_slot_rule_find(struct mb_str word, enum mb_slot_rule *out)
{
    for (size_t i = 0; i < sizeof rule_words / sizeof rule_words[0]; i++) {
        if (mb_str_eq(word, mb_str_z(rule_words[i]))) {
            *out = (enum mb_slot_rule)i;
            return true;
        }
    }
    return false;
}
