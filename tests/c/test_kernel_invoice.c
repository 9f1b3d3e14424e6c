/* Facts about kernel/invoice.h. */
#include "kernel/invoice.h"

#include "random.h"
#include "tap.h"

static struct mb_invoice_line line[MB_INVOICE_MOST_LINES + 1];
static struct mb_invoice_total total;

static enum mb_rc tax(const int64_t *net, size_t n, int64_t rate)
{
    for (size_t i = 0; i < n; i++) line[i] = (struct mb_invoice_line){net[i], -1};
    return mb_invoice_tax(line, n, rate, &total, NULL);
}

static void vectors(void)
{
    static const int64_t four[] = {6833, 6833, 5750, 8500}, three[] = {5, 5, 5};
    ok(tax(four, 4, 2000) == MB_OK && total.net == 27916 && total.tax == 5583 && total.gross == 33499,
       "sums net, tax and total");
    ok(line[0].tax == 1367 && line[1].tax == 1366 && line[2].tax == 1150 && line[3].tax == 1700,
       "spreads the tax over the lines");
    int64_t credited = 0;
    for (int i = 0; i < 4; i++) credited -= line[i].net + line[i].tax;
    ok(credited == -33499, "credited line by line it is the same");
    ok(tax(three, 3, 1500) == MB_OK && total.net == 15 && total.tax == 2 && total.gross == 17 && line[0].tax == 1 &&
           line[1].tax == 1 && line[2].tax == 0,
       "gives what is left to earlier lines first");
    ok(tax(NULL, 0, 1500) == MB_OK && total.gross == 0, "an invoice without lines has no total");
}

static void refusals(void)
{
    static const int64_t below[] = {5, -1}, large[] = {MB_MONEY_MOST, 1}, most[] = {MB_MONEY_MOST};
    total.net = 17;
    ok(tax(below, 2, 1500) == MB_E_INVALID, "takes no line below zero");
    ok(tax(below, 1, -1) == MB_E_INVALID && tax(below, 1, 10001) == MB_E_INVALID, "nor other rates than 0 to 100 percent");
    ok(tax(large, 2, 0) == MB_E_LIMIT, "nor a sum over 99999999.99");
    ok(tax(most, 1, 1) == MB_E_LIMIT && total.net == 17, "nor a total with tax over it");
    ok(mb_invoice_tax(line, MB_INVOICE_MOST_LINES + 1, 0, &total, NULL) == MB_E_INVALID, "nor more than 1000 lines");
}

/* Lines sum to their total, and each is within a unit of its own exact tax. */
static void random_lines(void)
{
    bool all = true;
    for (int round = 0; round < 2000 && all; round++) {
        size_t n = (size_t)random_between(1, 60);
        int64_t net[60], rate = random_between(0, MB_INVOICE_MOST_RATE), sum = 0, taxes = 0;
        for (size_t i = 0; i < n; i++) sum += net[i] = random_between(0, round % 2 ? 20 : 100000);
        all = tax(net, n, rate) == MB_OK && total.net == sum && total.gross == sum + total.tax;
        int64_t off = total.tax * MB_INVOICE_MOST_RATE - sum * rate;
        all = all && 2 * off <= MB_INVOICE_MOST_RATE && 2 * off > -MB_INVOICE_MOST_RATE;
        for (size_t i = 0; i < n; i++) {
            int64_t exact = net[i] * rate, got = line[i].tax * MB_INVOICE_MOST_RATE;
            taxes += line[i].tax;
            all = all && got > exact - MB_INVOICE_MOST_RATE && got < exact + MB_INVOICE_MOST_RATE;
        }
        all = all && taxes == total.tax;
    }
    ok(all, "lines always sum to the total");
    tell_seed();
}

static bool begins(struct mb_date first, int32_t k, int32_t month, int32_t day)
{
    struct mb_date d = mb_invoice_cycle(first, k);
    return d.year == first.year + (month < first.month) && d.month == month && d.day == day;
}

static void cycles(void)
{
    struct mb_date plain = {2026, 1, 31}, leap = {2024, 1, 31};
    ok(begins(plain, 0, 1, 31) && begins(plain, 1, 2, 28) && begins(plain, 2, 3, 31) && begins(plain, 3, 4, 30) &&
           begins(plain, 4, 5, 31) && begins(plain, 5, 6, 30),
       "cycles from January 31 begin on the last of shorter months");
    ok(begins(leap, 1, 2, 29) && begins(leap, 2, 3, 31) && begins(leap, 3, 4, 30) && begins(leap, 4, 5, 31),
       "and on February 29 of a leap year");
    ok(begins((struct mb_date){2026, 11, 30}, 3, 2, 28), "and go on in the next year");
    bool all = true;
    for (int32_t day = 1; day <= 31; day++) {
        struct mb_date first = {2026, 1, day};
        for (int32_t k = 0; k < 1200; k++)
            all = all && mb_civil_days(mb_invoice_cycle(first, k + 1)) > mb_civil_days(mb_invoice_cycle(first, k)) &&
                  mb_civil_is_date(mb_invoice_cycle(first, k));
    }
    ok(all, "each begins on a day of the calendar after the one before");
}

int main(void)
{
    seed_random();
    vectors();
    refusals();
    random_lines();
    cycles();
    return done();
}
