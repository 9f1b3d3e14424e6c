/*
 * Bookkeeping of the prepared statements of one connection. Knows no libpq call.
 */
#include "db/cache.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum mb_rc mb_cache_init(struct mb_cache *c, uint32_t capacity)
{
    *c = (struct mb_cache){.capacity = capacity};
    mb_list_init(&c->order);
    if (capacity == 0) return MB_OK;
    c->places = calloc(capacity, sizeof *c->places);
    return c->places == NULL ? MB_E_NOMEM : MB_OK;
}

void mb_cache_reset(struct mb_cache *c)
{
    free(c->places);
    free(c->by_number);
    *c = (struct mb_cache){0};
}

void mb_cache_clear(struct mb_cache *c)
{
    if (c->numbers > 0) memset(c->by_number, 0, c->numbers * sizeof *c->by_number);
    mb_list_init(&c->order);
    c->used = 0;
}

struct mb_cached *mb_cache_find(struct mb_cache *c, const struct mb_stmt *stmt)
{
    struct mb_cached *p = stmt->number < c->numbers ? c->by_number[stmt->number] : NULL;
    if (p != NULL && c->order.next != &p->node) {
        mb_list_remove(&p->node);
        mb_list_prepend(&c->order, &p->node);
    }
    return p;
}

static bool widen(struct mb_cache *c, uint32_t number)
{
    if (number < c->numbers) return true;
    uint32_t n = (number | 63u) + 1;
    struct mb_cached **grown = realloc(c->by_number, n * sizeof(struct mb_cached *));
    if (grown == NULL) return false;
    memset(grown + c->numbers, 0, (n - c->numbers) * sizeof(struct mb_cached *));
    c->by_number = grown;
    c->numbers = n;
    return true;
}

/* A place without a statement: one never used, else the last of the order (where dropped ones
 * wait and, when there are none, the least recently used). */
static struct mb_cached *find_place(struct mb_cache *c)
{
    struct mb_cached *last = (struct mb_cached *)c->order.prev;
    bool reuse = c->used == c->capacity || (c->used > 0 && last->stmt == NULL);
    if (!reuse) return &c->places[c->used++];
    mb_list_remove(&last->node);
    return last;
}

struct mb_cached *mb_cache_add(struct mb_cache *c, const struct mb_stmt *stmt, char gone[32])
{
    gone[0] = '\0';
    if (!widen(c, stmt->number)) return NULL;
    struct mb_cached *p = find_place(c);
    if (p->stmt != NULL && c->by_number[p->stmt->number] == p) {
        memcpy(gone, p->name, sizeof p->name);
        c->by_number[p->stmt->number] = NULL;
    }
    p->stmt = stmt;
    snprintf(p->name, sizeof p->name, "mb_%" PRIu32 "_%" PRIu64, stmt->number, ++c->serial);
    c->by_number[stmt->number] = p;
    mb_list_prepend(&c->order, &p->node);
    return p;
}

void mb_cache_drop(struct mb_cache *c, const struct mb_stmt *stmt)
{
    struct mb_cached *p = stmt->number < c->numbers ? c->by_number[stmt->number] : NULL;
    if (p == NULL) return;
    c->by_number[stmt->number] = NULL;
    p->stmt = NULL;
    mb_list_remove(&p->node);
    mb_list_append(&c->order, &p->node);
}
