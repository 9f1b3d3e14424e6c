#pragma once
/*
 * One migration, one way: run, recorded, or nothing of it.
 */
#include "db/ledger.h"

struct mb_step_limits {
    uint32_t lock_timeout_ms; /* per statement, before everything is tried again */
    uint32_t lock_wait_ms;    /* until it is given up; at once for a concurrent index, whose waiting blocks nobody */
};

struct mb_step_cost {
    int64_t duration_ms, lock_wait_ms;
};

MB_MUST_CHECK enum mb_rc mb_step_up(struct mb_ledger *l, const struct mb_migration *m,
                                    const struct mb_step_limits *limits, struct mb_step_cost *cost,
                                    struct mb_err *err);
MB_MUST_CHECK enum mb_rc mb_step_down(struct mb_ledger *l, const struct mb_migration *m,
                                      const struct mb_step_limits *limits,
                                      struct mb_step_cost *cost, struct mb_err *err);
