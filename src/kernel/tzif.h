#pragma once
/* Big-endian numbers of TZif files, for zone.c and tzif.c. */
#include <stdint.h>

static inline uint32_t mb_tzif__u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline int32_t mb_tzif__i32(const unsigned char *p) { return (int32_t)mb_tzif__u32(p); }

static inline int64_t mb_tzif__i64(const unsigned char *p)
{
    return (int64_t)((uint64_t)mb_tzif__u32(p) << 32 | mb_tzif__u32(p + 4));
}
