#pragma once
/*
 * For the kernel tests: zones read from the system, and the C library as a second opinion.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/zone.h"
#include "random.h"

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

/* Makes localtime_r speak of this zone. */
static inline void set_library_zone(const char *name)
{
    setenv("TZ", name, 1);
    tzset();
}
