/* Free lists over chunks. It must not know what the objects are. */
#include "base/slab.h"

#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)

void *mb_slab_take(struct mb_slab *s, size_t size)
{
    (void)s;
    return malloc(size);
}

void mb_slab_give(struct mb_slab *s, void *p, size_t size)
{
    (void)s;
    (void)size;
    free(p);
}

#else

enum { CHUNK = 64 * 1024 };

static size_t class_of(size_t size) { return (size - 1) / MB_SLAB_STEP; }

static void *cut(struct mb_slab *s, size_t size)
{
    size = (class_of(size) + 1) * MB_SLAB_STEP;
    if (s->left < size) { /* what is left of the old chunk is lost: less than one object */
        char *chunk = malloc(CHUNK);
        if (!chunk) return NULL;
        memcpy(chunk, &s->chunks, sizeof s->chunks);
        s->chunks = chunk;
        s->next = chunk + MB_SLAB_STEP;
        s->left = CHUNK - MB_SLAB_STEP;
    }
    void *p = s->next;
    s->next += size;
    s->left -= size;
    return p;
}

void *mb_slab_take(struct mb_slab *s, size_t size)
{
    void **list = &s->free[class_of(size)];
    void *p = *list;
    if (!p) return cut(s, size);
    memcpy(list, p, sizeof *list); /* a free object begins with the next one */
    return p;
}

void mb_slab_give(struct mb_slab *s, void *p, size_t size)
{
    void **list = &s->free[class_of(size)];
    memcpy(p, list, sizeof *list);
    *list = p;
}

#endif

void mb_slab_reset(struct mb_slab *s)
{
    while (s->chunks) {
        void *chunk = s->chunks;
        memcpy(&s->chunks, chunk, sizeof s->chunks);
        free(chunk);
    }
    memset(s, 0, sizeof *s);
}
