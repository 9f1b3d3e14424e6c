/*
 * Quotes of the kernel on one core: what so many slots cost under the plan of the seed, with the line of each tier.
 *   quotes SECONDS     prints "bench-quotes MILLIONS_A_SECOND"
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "kernel/tier.h"

enum { ROUND = 1 << 20 };

int main(int argc, char **argv)
{
    const struct mb_str text = MB_STR("{\"31-100\": 5.00, \"101-300\": 4.00, \"301+\": 3.00}");
    struct mb_tiers tiers;
    struct mb_tier_fault fault;
    struct mb_quote quote;
    if (mb_tiers_read(text, 30000, 30, &tiers, &fault) != MB_OK) {
        fprintf(stderr, "quotes: '%s' %s\n", fault.range, fault.text);
        return 1;
    }
    uint64_t began = mb_mono_ns(), until = began + (uint64_t)(argc > 1 ? atoi(argv[1]) : 1) * 1000000000u;
    uint64_t quotes = 0, seen = 0;
    uint32_t slots = 1;
    do {
        for (int i = 0; i < ROUND; i++) {
            slots = slots * 1664525u + 1013904223u; /* no count that a branch could foretell */
            if (mb_tiers_quote(&tiers, slots >> 21, &quote, NULL) != MB_OK) return 1;
            seen += (uint64_t)quote.total + (uint64_t)quote.line[2].amount;
        }
        quotes += ROUND;
    } while (mb_mono_ns() < until);
    double seconds = (double)(mb_mono_ns() - began) / 1e9;
    if (seen == 0) return 1; /* uses what was reckoned, so that it is */
    printf("bench-quotes %.1f\n", (double)quotes / seconds / 1e6);
    return 0;
}
