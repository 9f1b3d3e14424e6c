#pragma once
/*
 * Memory for many small, short-lived objects of known size: free lists by size class over large
 * chunks. Not for several threads. Chunks go back to the system only when the slab is reset.
 * In sanitized builds every object is an allocation of its own, so that misuse is seen.
 */
#include <stddef.h>

enum { MB_SLAB_MOST = 512, MB_SLAB_STEP = 16 };

struct mb_slab {
    void *free[MB_SLAB_MOST / MB_SLAB_STEP]; /* by (size - 1) / MB_SLAB_STEP */
    void *chunks;
    char *next; /* unused rest of the newest chunk */
    size_t left;
};

/* 1 to MB_SLAB_MOST bytes, aligned to MB_SLAB_STEP; NULL when out of memory. A zeroed slab is
 * ready for use. */
void *mb_slab_take(struct mb_slab *s, size_t size);
/* Of the size it was taken with. */
void mb_slab_give(struct mb_slab *s, void *p, size_t size);
void mb_slab_reset(struct mb_slab *s); /* all objects are gone */
