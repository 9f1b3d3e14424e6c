#include "bind/heap.h"

#include <stdlib.h>
#include <string.h>

/* The counting allocator of every state. */

struct mb_heap *mb_heap_of(lua_State *L)
{
    void *heap;
    lua_getallocf(L, &heap);
    return heap;
}

static void *take(struct mb_heap *h, size_t size)
{
    return size <= MB_SLAB_MOST ? mb_slab_take(&h->slab, size) : malloc(size);
}

static void give(struct mb_heap *h, void *p, size_t size)
{
    if (size <= MB_SLAB_MOST)
        mb_slab_give(&h->slab, p, size);
    else
        free(p);
}

static void *resize(struct mb_heap *h, void *ptr, size_t old, size_t size)
{
    if (old > MB_SLAB_MOST && size > MB_SLAB_MOST) return realloc(ptr, size);
    void *p = take(h, size);
    if (p && old > 0) {
        memcpy(p, ptr, old < size ? old : size);
        give(h, ptr, old);
    }
    return p;
}

void *mb_heap_alloc(void *heap, void *ptr, size_t osize, size_t nsize)
{
    struct mb_heap *h = heap;
    size_t old = ptr ? osize : 0;
    if (nsize == 0) {
        h->bytes -= old;
        if (old > 0) give(h, ptr, old);
        return NULL;
    }
    if (nsize > old && h->bytes - old + nsize > h->max) {
        if (h->running && h->running->budget) mb_budget_refuse(h->running->budget);
        return NULL;
    }
    void *p = resize(h, ptr, old, nsize);
    if (p) h->bytes = h->bytes - old + nsize;
    if (p && nsize > old) h->taken += nsize - old;
    return p;
}
