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

/* Whether it is a new string of more than text_max bytes. Lua tells the kind of a new object in the place of the old
 * size; what a string needs beside its bytes is less than HEAD. */
static bool is_long_text(const struct mb_heap *h, const void *ptr, size_t kind, size_t size)
{
    enum { HEAD = 64 };
    return ptr == NULL && kind == LUA_TSTRING && h->text_max > 0 && size > h->text_max + HEAD;
}

static void *refuse(struct mb_heap *h, bool is_text)
{
    h->was_text = is_text;
    if (h->running && h->running->budget) mb_budget_refuse(h->running->budget);
    return NULL;
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
    bool is_text = is_long_text(h, ptr, osize, nsize);
    if (is_text || (nsize > old && h->bytes - old + nsize > h->max)) return refuse(h, is_text);
    void *p = resize(h, ptr, old, nsize);
    if (p) h->bytes = h->bytes - old + nsize;
    if (p && nsize > old) h->taken += nsize - old;
    return p;
}
