/*
 * A hash table for each server, open and probed in a row, at most half full. Only its owner writes
 * it. Who reads it meanwhile sees by a counter of changes that entries were moved, and looks again:
 * but not for ever, as the owner may have been killed in between.
 */
#include "net/tally.h"

#include <stdatomic.h>

#include "base/id.h"

enum { LEAST_ENTRIES = 16, LOOKS = 1000 };

struct entry {
    _Atomic uint64_t high, low; /* the address */
    _Atomic uint32_t count;     /* 0 = an empty entry */
};

struct table {
    _Atomic uint32_t changes; /* odd while entries are moved */
    struct entry entry[];
};

struct mb_tally {
    uint64_t seed; /* so that nobody can choose addresses that share a place */
    uint32_t servers, entries;
    size_t stride; /* bytes of a table */
};

struct key {
    uint64_t high, low;
};

static uint32_t count_entries(uint32_t max_connections)
{
    uint32_t n = LEAST_ENTRIES;
    while (n / 2 < max_connections && n < UINT32_MAX / 2 + 1)
        n *= 2;
    return n;
}

static size_t table_size(uint32_t entries)
{
    return sizeof(struct table) + entries * sizeof(struct entry);
}

size_t mb_tally_size(uint32_t servers, uint32_t max_connections)
{
    return sizeof(struct mb_tally) + servers * table_size(count_entries(max_connections));
}

struct mb_tally *mb_tally_init(void *memory, uint32_t servers, uint32_t max_connections)
{
    struct mb_tally *t = memory;
    mb_random(&t->seed, sizeof t->seed);
    t->servers = servers;
    t->entries = count_entries(max_connections);
    t->stride = table_size(t->entries);
    return t;
}

static struct table *table_of(struct mb_tally *t, uint32_t server)
{
    return (struct table *)(void *)((char *)(t + 1) + server * t->stride);
}

/* One client of IPv6 has a whole /64 to choose addresses from. */
static struct key key_of(const struct mb_addr *a)
{
    struct key k;
    memcpy(&k.high, a->bytes, 8);
    memcpy(&k.low, a->bytes + 8, 8);
    if (!mb_addr_is_v4(a))
        k.low = 0;
    return k;
}

/* Every bit of x moves every bit of the result; without the shifts the last bytes of an address,
 * the high ones here, would not reach the bits that are used. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 32)) * UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 29)) * UINT64_C(0xD6E8FEB86659FD93);
    return x ^ (x >> 32);
}

static uint32_t home_of(const struct mb_tally *t, struct key k)
{
    return (uint32_t)mix(mix(k.high ^ t->seed) ^ k.low) & (t->entries - 1);
}

static struct key key_at(const struct entry *e)
{
    return (struct key){atomic_load(&e->high), atomic_load(&e->low)};
}

/* Where the key stands, or the empty entry where it would. */
static uint32_t find(const struct mb_tally *t, const struct table *table, struct key k)
{
    uint32_t i = home_of(t, k);
    for (uint32_t n = 0; n < t->entries && atomic_load(&table->entry[i].count) > 0; n++) {
        struct key there = key_at(&table->entry[i]);
        if (there.high == k.high && there.low == k.low)
            break;
        i = (i + 1) & (t->entries - 1);
    }
    return i;
}

static void put(struct table *table, uint32_t i, struct key k, uint32_t count)
{
    atomic_store(&table->entry[i].high, k.high);
    atomic_store(&table->entry[i].low, k.low);
    atomic_store(&table->entry[i].count, count);
}

/* Those behind that were pushed on by this one move up. */
static void take_out(const struct mb_tally *t, struct table *table, uint32_t hole)
{
    uint32_t mask = t->entries - 1;
    for (uint32_t i = (hole + 1) & mask; atomic_load(&table->entry[i].count) > 0;
         i = (i + 1) & mask) {
        struct key k = key_at(&table->entry[i]);
        if (((i - home_of(t, k)) & mask) < ((i - hole) & mask))
            continue; /* its home lies behind the hole */
        put(table, hole, k, atomic_load(&table->entry[i].count));
        hole = i;
    }
    atomic_store(&table->entry[hole].count, 0);
}

static uint32_t count_at(const struct mb_tally *t, const struct table *table, struct key k)
{
    uint32_t count = 0;
    for (int look = 0; look < LOOKS; look++) {
        uint32_t changes = atomic_load(&table->changes);
        count = atomic_load(&table->entry[find(t, table, k)].count);
        if (changes % 2 == 0 && atomic_load(&table->changes) == changes)
            break;
    }
    return count;
}

/* Counts first and looks then: of two servers that do so at once, one at least sees the other. */
bool mb_tally_enter(struct mb_tally *t, uint32_t server, const struct mb_addr *a, uint32_t most)
{
    struct key k = key_of(a);
    struct table *own = table_of(t, server);
    uint32_t i = find(t, own, k), count = atomic_load(&own->entry[i].count);
    uint64_t sum = 0;
    atomic_fetch_add(&own->changes, 1);
    put(own, i, k, count + 1);
    atomic_fetch_add(&own->changes, 1);
    for (uint32_t each = 0; each < t->servers; each++)
        sum += count_at(t, table_of(t, each), k);
    if (sum <= most)
        return true;
    mb_tally_leave(t, server, a);
    return false;
}

void mb_tally_leave(struct mb_tally *t, uint32_t server, const struct mb_addr *a)
{
    struct table *own = table_of(t, server);
    uint32_t i = find(t, own, key_of(a)), count = atomic_load(&own->entry[i].count);
    atomic_fetch_add(&own->changes, 1);
    if (count > 1)
        atomic_store(&own->entry[i].count, count - 1);
    else
        take_out(t, own, i);
    atomic_fetch_add(&own->changes, 1);
}

void mb_tally_clear(struct mb_tally *t, uint32_t server)
{
    struct table *table = table_of(t, server);
    atomic_fetch_or(&table->changes, 1);
    for (uint32_t i = 0; i < t->entries; i++)
        atomic_store(&table->entry[i].count, 0);
    atomic_fetch_add(&table->changes, 1);
}
