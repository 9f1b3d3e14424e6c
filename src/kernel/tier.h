#pragma once
/*
 * What slots cost under a plan: a base price that includes some, and tiers for those beyond, each slot at the price of
 * the range in which it stands, counted from 1. Tiers are written as a JSON object in any order,
 *
 *   { "31-100": 5.00, "101-300": 4.00, "301+": 3.00 }
 *
 * and say the price of every slot beyond the included ones exactly once: the first range begins right behind them, each
 * other one right behind the one before, and the last is open. Prices are read from their digits (kernel/money.h).
 */
#include "kernel/money.h"

enum {
    MB_TIER_MOST = 32,              /* of one plan */
    MB_TIER_MOST_SLOTS = 999999999, /* nine digits, of a range too */
    MB_TIER_RANGE = 32              /* of a fault: what is longer is cut */
};

struct mb_tier {
    int64_t first, last; /* slots; the last of an open range is MB_TIER_MOST_SLOTS */
    int64_t price;       /* of one slot */
};

/* Made by mb_tiers_read only; in order. */
struct mb_tiers {
    int64_t base, included;
    size_t count;
    struct mb_tier tier[MB_TIER_MOST];
};

/* What is wrong with a text: range is its key, "" when it is the whole. */
struct mb_tier_fault {
    char range[MB_TIER_RANGE + 1];
    char text[128];
};

/* base in minor units, not below zero; included: slots. MB_E_INVALID: see fault. */
MB_MUST_CHECK enum mb_rc mb_tiers_read(struct mb_str text, int64_t base, int64_t included,
                                       struct mb_tiers *out, struct mb_tier_fault *fault);

/* Of all slots of a cycle: per tier, in order, how many fall into it and what they cost together. */
struct mb_quote {
    int64_t total;
    struct mb_quote_line {
        int64_t slots, amount;
    } line[MB_TIER_MOST];
};

/* MB_E_INVALID: not 0 to MB_TIER_MOST_SLOTS slots. MB_E_LIMIT: they cost more than MB_MONEY_MOST. Then out holds no
 * quote. */
MB_MUST_CHECK enum mb_rc mb_tiers_quote(const struct mb_tiers *t, int64_t slots,
                                        struct mb_quote *out, struct mb_err *err);

/* The tier of the n-th slot, counted from 1, and its price; tier 0 and no price: it is included. MB_E_INVALID: n is not
 * 1 to MB_TIER_MOST_SLOTS. */
MB_MUST_CHECK enum mb_rc mb_tiers_nth(const struct mb_tiers *t, int64_t n, size_t *tier,
                                      int64_t *price, struct mb_err *err);
