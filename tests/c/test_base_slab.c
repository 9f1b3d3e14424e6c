/* Small objects: none overlap, freed ones come again, sizes are served up to the ceiling. */
#include "base/slab.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { OBJECTS = 4000 };

static struct {
    unsigned char *p;
    size_t size;
} object[OBJECTS];

static bool is_whole(size_t i)
{
    for (size_t k = 0; k < object[i].size; k++)
        if (object[i].p[k] != (unsigned char)i) return false;
    return true;
}

static void take(struct mb_slab *s, size_t i, size_t size)
{
    object[i].p = mb_slab_take(s, size);
    object[i].size = size;
    memset(object[i].p, (int)(unsigned char)i, size);
}

int main(void)
{
    struct mb_slab slab = {0};
    bool whole = true, aligned = true;
    srand(7);
    for (size_t i = 0; i < OBJECTS; i++) take(&slab, i, 1 + (size_t)rand() % MB_SLAB_MOST);
    for (int round = 0; round < 20000; round++) {
        size_t i = (size_t)rand() % OBJECTS;
        whole = whole && is_whole(i);
        aligned = aligned && (uintptr_t)object[i].p % MB_SLAB_STEP == 0;
        mb_slab_give(&slab, object[i].p, object[i].size);
        take(&slab, i, 1 + (size_t)rand() % MB_SLAB_MOST);
    }
    ok(whole, "keeps every object apart from the others, however they come and go");
    ok(aligned, "aligns every object");
    for (size_t i = 0; i < OBJECTS; i++) mb_slab_give(&slab, object[i].p, object[i].size);
    mb_slab_reset(&slab);
    ok(slab.chunks == NULL && slab.left == 0, "gives its chunks back at the end");
    take(&slab, 0, MB_SLAB_MOST);
    ok(is_whole(0), "serves again after a reset");
    mb_slab_give(&slab, object[0].p, object[0].size);
    mb_slab_reset(&slab);
    return done();
}
