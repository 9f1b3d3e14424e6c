#include "kernel/invoice.h"

/* What a line loses when its tax is cut to whole units, in parts of MB_INVOICE_MOST_RATE. */
static int64_t remainder_of(const struct mb_invoice_line *line, int64_t rate)
{
    return line->net * rate % MB_INVOICE_MOST_RATE;
}

static int64_t floor_of(const struct mb_invoice_line *line, int64_t rate)
{
    return line->net * rate / MB_INVOICE_MOST_RATE;
}

/* The line that lost most and has not been given for it yet. There are as many as there are units left: the tax of the
 * sum, rounded up, is at most one more than what the lines lose together, each less than one. */
static struct mb_invoice_line *next_line(struct mb_invoice_line *line, size_t n, int64_t rate)
{
    struct mb_invoice_line *best = NULL;
    for (size_t i = 0; i < n; i++) {
        bool is_given = line[i].tax > floor_of(&line[i], rate);
        if (!is_given && (best == NULL || remainder_of(&line[i], rate) > remainder_of(best, rate)))
            best = &line[i];
    }
    return best;
}

enum mb_rc mb_invoice_tax(struct mb_invoice_line *line, size_t n, int64_t rate,
                          struct mb_invoice_total *total, struct mb_err *err)
{
    enum mb_rc rc = MB_OK;
    struct mb_invoice_total sum = {0};
    if (rate < 0 || rate > MB_INVOICE_MOST_RATE)
        return mb_fail(err, MB_E_INVALID, "a tax rate is 0 to 100 percent");
    if (n > MB_INVOICE_MOST_LINES)
        return mb_fail(err, MB_E_INVALID, "an invoice has at most %d lines", (int)MB_INVOICE_MOST_LINES);
    for (size_t i = 0; i < n && rc == MB_OK; i++) {
        if (line[i].net < 0) return mb_fail(err, MB_E_INVALID, "line %zu is below zero", i + 1);
        rc = mb_money_add(sum.net, line[i].net, &sum.net, err);
    }
    if (rc == MB_OK) rc = mb_money_share(sum.net, rate, MB_INVOICE_MOST_RATE, &sum.tax, err);
    if (rc == MB_OK) rc = mb_money_add(sum.net, sum.tax, &sum.gross, err);
    if (rc != MB_OK) return rc;
    int64_t left = sum.tax;
    for (size_t i = 0; i < n; i++) left -= line[i].tax = floor_of(&line[i], rate);
    for (; left > 0; left--) next_line(line, n, rate)->tax++;
    *total = sum;
    return MB_OK;
}

struct mb_date mb_invoice_cycle(struct mb_date first, int32_t k)
{
    int32_t months = first.month - 1 + k;
    struct mb_date d = {first.year + months / 12, months % 12 + 1, first.day};
    int32_t most = mb_civil_month_days(d.year, d.month);
    if (d.day > most) d.day = most;
    return d;
}
