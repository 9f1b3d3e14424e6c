#pragma once
/*
 * Which statements one connection has prepared: a fixed number of places, the least recently
 * used given up first. It only keeps the books; link.c talks to the server.
 */
#include "base/list.h"
#include "db/stmt.h"

struct mb_cached {
    struct mb_node node;        /* order of use, newest first */
    const struct mb_stmt *stmt; /* NULL = place never used or dropped */
    char name[32]; /* at the server; a new one for every PREPARE, so none is ever taken */
};

struct mb_cache {
    struct mb_cached *places;
    uint32_t capacity, used;
    struct mb_node order;
    struct mb_cached **by_number; /* statement number -> place */
    uint32_t numbers;
    uint64_t serial; /* PREPAREs of this connection */
};

MB_MUST_CHECK enum mb_rc mb_cache_init(struct mb_cache *c, uint32_t capacity);
void mb_cache_reset(struct mb_cache *c); /* frees */
void mb_cache_clear(struct mb_cache *c); /* the connection ended: nothing is prepared any more */

/* The place of a prepared statement, now the most recently used; NULL when not prepared. */
struct mb_cached *mb_cache_find(struct mb_cache *c, const struct mb_stmt *stmt);
/* A place for it, with a fresh name. When another had to leave, gone is its name at the server,
 * else "". NULL when out of memory. */
struct mb_cached *mb_cache_add(struct mb_cache *c, const struct mb_stmt *stmt, char gone[32]);
/* The server does not have it, or not in a usable form. */
void mb_cache_drop(struct mb_cache *c, const struct mb_stmt *stmt);
