#pragma once
/*
 * Invoices: tax on the sum of the lines, spread over them so that lines always sum to their total, and the days on
 * which cycles begin. Amounts are minor units (kernel/money.h).
 */
#include "kernel/civil.h"
#include "kernel/money.h"

enum { MB_INVOICE_MOST_LINES = 1000, MB_INVOICE_MOST_RATE = 10000 };

struct mb_invoice_line {
    int64_t net, tax;
};

struct mb_invoice_total {
    int64_t net, tax, gross;
};

/* Reads net of n lines, which are not below zero, and writes their tax, by largest remainder: what is left when each has
 * the whole units of its own goes to those that lost most, the earlier first. rate: hundredths of a percent, 0 to
 * MB_INVOICE_MOST_RATE. MB_E_INVALID, MB_E_LIMIT, MB_E_LIMIT: too many lines. */
MB_MUST_CHECK enum mb_rc mb_invoice_tax(struct mb_invoice_line *line, size_t n, int64_t rate,
                                        struct mb_invoice_total *total, struct mb_err *err);

/* The day on which cycle number k, counted from 0, begins when the first began on `first`: the same day of a later
 * month, or its last. k from 0 to 1200. */
struct mb_date mb_invoice_cycle(struct mb_date first, int32_t k);
