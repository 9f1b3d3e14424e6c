#define _GNU_SOURCE
#include "bind/rates.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>

enum { WAYS = 8, LOCKS = 64 };

struct counter {
    uint64_t id; /* 0 = empty */
    uint64_t until_ms;
    uint32_t count;
};

struct place {
    struct counter way[WAYS];
};

struct mb_rates {
    unsigned char key[crypto_shorthash_KEYBYTES];
    uint32_t places; /* a power of two */
    pthread_mutex_t lock[LOCKS];
    struct place place[];
};

static uint32_t count_places(uint32_t counters)
{
    uint32_t n = LOCKS;
    while (n < UINT32_MAX / WAYS / 2 && n * WAYS < counters) n *= 2;
    return n;
}

size_t mb_rates_size(uint32_t counters)
{
    return sizeof(struct mb_rates) + count_places(counters) * sizeof(struct place);
}

enum mb_rc mb_rates_init(struct mb_rates **out, void *memory, uint32_t counters, struct mb_err *err)
{
    struct mb_rates *r = memory;
    pthread_mutexattr_t kind;
    bool is_made = sodium_init() >= 0 && pthread_mutexattr_init(&kind) == 0;
    if (!is_made) return mb_fail(err, MB_E_NOMEM, "the counters of rates could not be made");
    (void)pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    (void)pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    for (unsigned i = 0; i < LOCKS; i++)
        is_made = is_made && pthread_mutex_init(&r->lock[i], &kind) == 0;
    (void)pthread_mutexattr_destroy(&kind);
    if (!is_made) return mb_fail(err, MB_E_NOMEM, "the counters of rates could not be made");
    crypto_shorthash_keygen(r->key);
    r->places = count_places(counters);
    *out = r;
    return MB_OK;
}

static uint64_t hash(const struct mb_rates *r, const void *bytes, size_t n)
{
    uint64_t h;
    _Static_assert(sizeof h == crypto_shorthash_BYTES, "SipHash-2-4 makes 64 bits");
    (void)crypto_shorthash((unsigned char *)&h, bytes, n, r->key);
    return h;
}

/* The two are hashed apart, so that no name with a key reads like another name with another key. */
uint64_t mb_rates_id(const struct mb_rates *r, struct mb_str name, struct mb_str key)
{
    const uint64_t both[2] = {hash(r, name.ptr, name.len), hash(r, key.ptr, key.len)};
    uint64_t id = hash(r, both, sizeof both);
    return id != 0 ? id : 1;
}

/* ---- a place, held by its lock ---- */

static struct place *enter(struct mb_rates *r, uint64_t id)
{
    uint64_t i = id & (r->places - 1);
    pthread_mutex_t *lock = &r->lock[i % LOCKS];
    /* Whoever was killed inside leaves one count wrong at worst. */
    if (pthread_mutex_lock(lock) == EOWNERDEAD) (void)pthread_mutex_consistent(lock);
    return &r->place[i];
}

static void leave(struct mb_rates *r, uint64_t id)
{
    (void)pthread_mutex_unlock(&r->lock[id & (r->places - 1) & (LOCKS - 1)]);
}

static bool is_over(const struct counter *c, uint64_t now_ms)
{
    return c->id == 0 || c->count == 0 || now_ms >= c->until_ms;
}

static struct counter *find(struct place *p, uint64_t id, uint64_t now_ms)
{
    for (unsigned i = 0; i < WAYS; i++)
        if (p->way[i].id == id && !is_over(&p->way[i], now_ms)) return &p->way[i];
    return NULL;
}

/* Among those of the same count, the one that ends first. */
static bool gives_way(const struct counter *a, const struct counter *b, uint64_t now_ms)
{
    if (is_over(b, now_ms)) return false;
    if (is_over(a, now_ms)) return true;
    return a->count != b->count ? a->count < b->count : a->until_ms < b->until_ms;
}

static struct counter *make_room(struct place *p, uint64_t now_ms)
{
    struct counter *c = &p->way[0];
    for (unsigned i = 1; i < WAYS; i++)
        if (gives_way(&p->way[i], c, now_ms)) c = &p->way[i];
    return c;
}

static struct mb_rate rate_of(const struct counter *c, uint64_t now_ms)
{
    if (c == NULL) return (struct mb_rate){0, 0};
    return (struct mb_rate){c->count, c->until_ms - now_ms};
}

/* ---- counting ---- */

bool mb_rates_take(struct mb_rates *r, uint64_t id, uint64_t now_ms,
                   const struct mb_rate_limit *limit, struct mb_rate *out)
{
    struct place *p = enter(r, id);
    struct counter *c = find(p, id, now_ms);
    bool is_taken = limit->most > 0 && (c == NULL || c->count < limit->most);
    if (is_taken && c == NULL) {
        c = make_room(p, now_ms);
        *c = (struct counter){.id = id, .until_ms = now_ms + limit->window_ms};
    }
    if (is_taken) c->count++;
    *out = rate_of(c, now_ms);
    leave(r, id);
    return is_taken;
}

struct mb_rate mb_rates_look(struct mb_rates *r, uint64_t id, uint64_t now_ms)
{
    struct mb_rate rate = rate_of(find(enter(r, id), id, now_ms), now_ms);
    leave(r, id);
    return rate;
}

void mb_rates_give(struct mb_rates *r, uint64_t id, uint64_t now_ms)
{
    struct counter *c = find(enter(r, id), id, now_ms);
    if (c != NULL) c->count--;
    leave(r, id);
}

void mb_rates_clear(struct mb_rates *r, uint64_t id)
{
    struct counter *c = find(enter(r, id), id, 0);
    if (c != NULL) *c = (struct counter){0};
    leave(r, id);
}

void mb_rates_clear_all(struct mb_rates *r)
{
    for (uint64_t i = 0; i < r->places; i++) {
        struct place *p = enter(r, i);
        *p = (struct place){0};
        leave(r, i);
    }
}
