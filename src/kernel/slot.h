#pragma once
/*
 * The slot kernel: cuts one availability window into the bookable slots of one service, and says
 * which of them are free. Instants are milliseconds since 1970; intervals are half-open.
 *
 *   CONTINUOUS        back to back from the window's start, cut down to the full minute
 *   ON_THE_HOUR       at every full hour of the owner's wall clock, first one not before the start
 *   ON_THE_HALF_HOUR  at every full and half hour of it
 *
 * A slot is kept if it ends by the window's end. Marks follow the wall clock: in Kathmandu
 * (+05:45) a full hour is at minute 15 of UTC, and when the clocks change, the marks change with
 * them. A service longer than the distance of the marks gets slots that overlap, on purpose.
 */
#include "base/buf.h"
#include "kernel/zone.h"

/* X(constant, word in the database) */
#define MB_SLOT_RULES(X)                                                                           \
    X(MB_RULE_CONTINUOUS, "CONTINUOUS")                                                            \
    X(MB_RULE_ON_THE_HOUR, "ON_THE_HOUR")                                                          \
    X(MB_RULE_ON_THE_HALF_HOUR, "ON_THE_HALF_HOUR")

/* In order of precedence: a later cause beats an earlier one. */
#define MB_SLOT_STATUSES(X)                                                                        \
    X(MB_SLOT_AVAILABLE, "AVAILABLE")                                                              \
    X(MB_SLOT_INVALID, "INVALID")                                                                  \
    X(MB_SLOT_BLOCKED, "BLOCKED")                                                                  \
    X(MB_SLOT_BOOKED, "BOOKED")

#define MB_X(name, word) name,
enum mb_slot_rule { MB_SLOT_RULES(MB_X) };
enum mb_slot_status { MB_SLOT_STATUSES(MB_X) };
#undef MB_X

enum mb_busy_kind {
    MB_BUSY_BOOKING, /* a live booking or a hold: slots too close to it are INVALID */
    MB_BUSY_BLOCKER, /* external event, break, block: slots it touches are BLOCKED; has no buffers */
    MB_BUSY_OWN,     /* a live booking of this very service: the slot with exactly its bounds is
                        BOOKED, others too close to it are INVALID */
};

/* Minutes to be kept free before and after. Between two appointments the larger of the two that
 * meet counts, not their sum, whichever was made first. */
struct mb_slot_buffers {
    uint32_t before, after;
};

struct mb_busy {
    int64_t start, end; /* without its buffers */
    enum mb_busy_kind kind;
    struct mb_slot_buffers buffers;
};

struct mb_slot {
    int64_t start, end;
    enum mb_slot_status status;
};

struct mb_slot_plan {
    int64_t start, end; /* the window */
    uint32_t minutes;   /* duration of the service; an hour stays 60 minutes when clocks change */
    enum mb_slot_rule rule;
    const struct mb_zone *zone; /* of the owner */
    const struct mb_busy *busy; /* in any order; they may overlap each other */
    size_t nbusy;
    struct mb_slot_buffers buffers; /* of the service */
};

enum { MB_SLOT_MOST_MINUTES = 7 * 24 * 60, MB_SLOT_MOST_BUFFER = 240 };

/* Writes the slots, ordered by start, to out. MB_E_LIMIT when there are more than cap: then none
 * counts. MB_E_INVALID: the window or an interval does not end after it begins, the duration is 0
 * or over a week, a buffer is over MB_SLOT_MOST_BUFFER or a blocker's, a time is outside the years
 * 1 to 9999. */
MB_MUST_CHECK enum mb_rc mb_slot_cut(const struct mb_slot_plan *plan, struct mb_slot *out,
                                     size_t cap, size_t *count, struct mb_err *err);

const char *mb_slot_status_word(enum mb_slot_status status);
/* False if there is no such rule. */
bool mb_slot_rule_find(struct mb_str word, enum mb_slot_rule *out);
