/* Who holds how many connections: a hash table from address to count. */
#include "net/ceiling.h"

#include <stdlib.h>

#include "base/id.h"

enum { BUCKETS = 1024 };

struct mb_address_count {
    struct mb_address_count *next;
    struct mb_addr address;
    uint32_t count, bucket;
};

struct mb_ceilings {
    uint64_t seed; /* so that nobody can choose addresses that share a bucket */
    struct mb_address_count *buckets[BUCKETS];
};

enum mb_rc mb_ceilings_new(struct mb_ceilings **out)
{
    struct mb_ceilings *c = calloc(1, sizeof *c);
    if (!c)
        return MB_E_NOMEM;
    mb_random(&c->seed, sizeof c->seed);
    *out = c;
    return MB_OK;
}

void mb_ceilings_free(struct mb_ceilings *c)
{
    free(c); /* every connection has left, and took its count along */
}

/* One client of IPv6 has a whole /64 to choose addresses from. */
static struct mb_addr owner_of(const struct mb_addr *a)
{
    static const unsigned char v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    struct mb_addr owner = *a;
    if (memcmp(a->bytes, v4_prefix, sizeof v4_prefix) != 0)
        memset(owner.bytes + 8, 0, 8);
    return owner;
}

static uint32_t bucket_of(const struct mb_ceilings *c, const struct mb_addr *a)
{
    uint64_t high, low, h;
    memcpy(&high, a->bytes, 8);
    memcpy(&low, a->bytes + 8, 8);
    h = (high ^ c->seed) * UINT64_C(0x9E3779B97F4A7C15);
    h = ((h ^ (h >> 32)) ^ low ^ (c->seed >> 7)) * UINT64_C(0xD6E8FEB86659FD93);
    return (uint32_t)(h >> 40) % BUCKETS;
}

static struct mb_address_count *find(struct mb_ceilings *c, const struct mb_addr *a)
{
    uint32_t bucket = bucket_of(c, a);
    struct mb_address_count *e = c->buckets[bucket];
    while (e && memcmp(&e->address, a, sizeof *a) != 0)
        e = e->next;
    if (e)
        return e;
    e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->address = *a;
    e->bucket = bucket;
    e->next = c->buckets[bucket];
    c->buckets[bucket] = e;
    return e;
}

static void forget(struct mb_ceilings *c, struct mb_address_count *e)
{
    struct mb_address_count **at = &c->buckets[e->bucket];
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    free(e);
}

static bool enter_address(struct mb_conn *c, uint32_t most)
{
    struct mb_ceilings *ceilings = c->server->ceilings;
    struct mb_addr owner = owner_of(&c->peer);
    struct mb_address_count *e = find(ceilings, &owner);
    if (!e || e->count >= most)
        return false;
    e->count++;
    c->address = e;
    return true;
}

bool mb_ceiling__enter(struct mb_conn *c)
{
    struct mb_http_server *s = c->server;
    uint32_t per_address = s->config.limits.max_connections_per_address;
    bool fine = s->open < s->config.limits.max_connections &&
                (per_address == 0 || c->trusted || enter_address(c, per_address));
    if (!fine) {
        c->refused = true;
        s->refused++;
        mb_count(&s->stats->refused, 1);
        return false;
    }
    s->open++;
    mb_count(&s->stats->accepted, 1);
    mb_count(&s->stats->open, 1);
    return true;
}

void mb_ceiling__leave(struct mb_conn *c)
{
    struct mb_http_server *s = c->server;
    if (c->address && --c->address->count == 0)
        forget(s->ceilings, c->address);
    c->address = NULL;
    if (c->refused) {
        s->refused--;
        return;
    }
    s->open--;
    mb_uncount(&s->stats->open);
    mb_count(&s->stats->closed, 1);
}
