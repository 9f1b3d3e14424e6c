#pragma once
/*
 * For the kernel tests: zones read from the system, repeatable random numbers, and the C library
 * as a second opinion. The seed is printed with what depends on it; MB_SEED=<n> repeats a run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/zone.h"

/* The bytes live until the program ends, as the zone points into them. */
static inline bool read_zone(struct mb_zone *z, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    static char kept[64][8192];
    static size_t used;
    char *bytes = kept[used++ % 64];
    size_t n = fread(bytes, 1, sizeof kept[0], f);
    fclose(f);
    struct mb_err err;
    return mb_zone_parse(z, (struct mb_str){bytes, n}, &err) == MB_OK;
}

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

/* Makes localtime_r speak of this zone. */
static inline void set_library_zone(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}
