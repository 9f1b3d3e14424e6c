/*
 * plans COUNT: so many random plans (tests/c/plans.h), every fourth broken, a line each: tiers, base, included slots,
 * slots, what they cost, parted by tabs. The cost is - where the kernel refuses the plan, and + where it is over what an
 * amount may be. Ends with 1 where kernel and oracle differ.
 */
#include "../c/plans.h"
#include "kernel/tier.h"

/* False: what the kernel says is not what the oracle says. */
static bool price(const struct plan *p, long long slots, bool is_broken, char *out, size_t size)
{
    struct mb_tiers tiers;
    struct mb_tier_fault fault;
    char wanted[DECIMAL + 2];
    struct mb_quote quote;
    int64_t base;
    (void)snprintf(out, size, "-");
    if (mb_money_read(mb_str_z(p->base), &base, NULL) != MB_OK) return false;
    enum mb_rc rc = mb_tiers_read(mb_str_z(p->tiers), base, p->included, &tiers, &fault);
    if (rc != MB_OK || is_broken) return is_broken && rc == MB_E_INVALID;
    oracle_total(p, slots, wanted);
    bool is_over = strlen(wanted) > strlen("99999999.99");
    (void)snprintf(out, size, "+");
    if (mb_tiers_quote(&tiers, slots, &quote, NULL) != MB_OK) return is_over;
    mb_money_write(quote.total, out);
    return !is_over && strcmp(out, wanted) == 0;
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 0;
    char cost[MB_MONEY_TEXT];
    seed_random();
    fprintf(stderr, "MB_SEED=%llu\n", (unsigned long long)random_seed);
    for (int i = 0; i < count; i++) {
        bool is_broken = i % 4 == 3;
        struct plan p = is_broken ? broken_plan((enum broken)(random_between(0, BROKEN_COUNT - 1))) : random_plan();
        long long slots = random_slots(&p);
        if (!price(&p, slots, is_broken, cost, sizeof cost)) {
            fprintf(stderr, "kernel and oracle differ: %s, base %s, %lld included, %lld slots: %s\n", p.tiers, p.base,
                    p.included, slots, cost);
            return 1;
        }
        printf("%s\t%s\t%lld\t%lld\t%s\n", p.tiers, p.base, p.included, slots, cost);
    }
    return 0;
}
