#pragma once
/*
 * Amounts of money: whole minor units, hundredths of a currency that has exactly two minor digits. They come from
 * texts and go to texts, and never pass through a float. There is one rounding rule: half away from zero.
 *
 * No amount goes beyond MB_MONEY_MOST, which is what a column numeric(10,2) holds, or as far below zero. What would is
 * MB_E_LIMIT, never another number; then nothing is written to the result.
 */
#include "base/buf.h"

#define MB_MONEY_MOST INT64_C(9999999999) /* 99999999.99 */

enum { MB_MONEY_TEXT = sizeof "-99999999.99" };

/* "5", "5.0", "0.29", "-12.30": digits, and behind a point one or two. MB_E_INVALID: the text is none of these, and err
 * tells what it is instead. */
MB_MUST_CHECK enum mb_rc mb_money_read(struct mb_str text, int64_t *amount, struct mb_err *err);
/* With two decimals always. Returns the length. */
size_t mb_money_write(int64_t amount, char out[MB_MONEY_TEXT]);

MB_MUST_CHECK enum mb_rc mb_money_add(int64_t a, int64_t b, int64_t *sum, struct mb_err *err);
MB_MUST_CHECK enum mb_rc mb_money_times(int64_t amount, int64_t count, int64_t *product,
                                        struct mb_err *err);

enum { MB_MONEY_MOST_PARTS = 100000000 };
/* amount * part / whole, rounded once: days of a cycle, hundredths of a percent. MB_E_INVALID: not 0 <= part <= whole,
 * whole not from 1 to MB_MONEY_MOST_PARTS. */
MB_MUST_CHECK enum mb_rc mb_money_share(int64_t amount, int64_t part, int64_t whole, int64_t *out,
                                        struct mb_err *err);

/* Whether ISO 4217 gives this currency two minor digits. */
bool mb_money_has_cents(struct mb_str currency);
