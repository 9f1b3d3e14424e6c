/*
 * Cutting and marking. Cutting walks marks: from an instant to the first mark at or after it,
 * within the segment of one zone offset; where the offset changes, it goes on from the change
 * with the new one. Marking takes one interval after the other: slots of one service all have the
 * same length, so starts and ends rise together, and what an interval touches lies side by side,
 * from the first slot that ends after the interval begins. Pure: integers only, no clock, no memory of its own.
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

static bool are_buffers(struct mb_slot_buffers b)
{
    return b.before <= MB_SLOT_MOST_BUFFER && b.after <= MB_SLOT_MOST_BUFFER;
}

static enum mb_rc check(const struct mb_slot_plan *p, struct mb_err *err)
{
    if (!is_span(p->start, p->end))
        return mb_fail(err, MB_E_INVALID, "the window must end after it begins");
    if (p->minutes == 0 || p->minutes > MB_SLOT_MOST_MINUTES)
        return mb_fail(err, MB_E_INVALID, "the duration must be 1 to %d minutes",
                       (int)MB_SLOT_MOST_MINUTES);
    if (!are_buffers(p->buffers))
        return mb_fail(err, MB_E_INVALID, "a buffer must be 0 to %d minutes",
                       (int)MB_SLOT_MOST_BUFFER);
    for (size_t i = 0; i < p->nbusy; i++) {
        const struct mb_busy *b = &p->busy[i];
        if (!is_span(b->start, b->end))
            return mb_fail(err, MB_E_INVALID, "busy interval %zu must end after it begins", i);
        if (!are_buffers(b->buffers))
            return mb_fail(err, MB_E_INVALID,
                           "the buffers of busy interval %zu must be 0 to %d minutes", i,
                           (int)MB_SLOT_MOST_BUFFER);
        if (b->kind == MB_BUSY_BLOCKER && b->buffers.before + b->buffers.after > 0)
            return mb_fail(err, MB_E_INVALID, "busy interval %zu is a blocker and has no buffers",
                           i);
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

static int64_t gap_ms(uint32_t a, uint32_t b) { return (int64_t)(a > b ? a : b) * MINUTE_MS; }

/* Index of the first slot that ends after a time. */
static size_t first_after(const struct cutter *c, int64_t time)
{
    size_t low = 0, high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->out[middle].end > time)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Raises the status of every slot that an interval touches or comes too close to. */
static void mark(const struct cutter *c, const struct mb_busy *b)
{
    const struct mb_slot_buffers none = {0, 0};
    const struct mb_slot_buffers own = b->kind == MB_BUSY_BLOCKER ? none : c->plan->buffers;
    int64_t since = b->start - gap_ms(b->buffers.before, own.after);
    int64_t until = b->end + gap_ms(b->buffers.after, own.before);
    for (size_t i = first_after(c, since); i < c->count && c->out[i].start < until; i++) {
        struct mb_slot *slot = &c->out[i];
        if (b->kind == MB_BUSY_BLOCKER)
            raise_to(slot, MB_SLOT_BLOCKED);
        else if (b->kind == MB_BUSY_OWN && slot->start == b->start && slot->end == b->end)
            raise_to(slot, MB_SLOT_BOOKED);
        else
            raise_to(slot, MB_SLOT_INVALID);
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
    for (size_t i = 0; i < plan->nbusy; i++) mark(&c, &plan->busy[i]);
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
