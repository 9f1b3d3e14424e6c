#pragma once
/*
 * Repeatable random numbers. The seed is printed with what depends on it; MB_SEED=<n> repeats a run.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t random_state, random_seed;

static inline void seed_random(void)
{
    const char *given = getenv("MB_SEED");
    random_state = random_seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
}

/* After a fact that depends on chance: how to see it again. */
static inline void tell_seed(void) { printf("# MB_SEED=%llu\n", (unsigned long long)random_seed); }

/* splitmix64, folded to least..most. */
static inline int64_t random_between(int64_t least, int64_t most)
{
    uint64_t v = random_state += UINT64_C(0x9E3779B97F4A7C15);
    v = (v ^ v >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    v = (v ^ v >> 27) * UINT64_C(0x94D049BB133111EB);
    return least + (int64_t)((v ^ v >> 31) % (uint64_t)(most - least + 1));
}
