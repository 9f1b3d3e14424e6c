#pragma once
/*
 * The memory of one Lua state, counted to the byte under a ceiling, and what runs in that state. It
 * is the user data of the state's allocator, and so the first member of whatever owns the state.
 */
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/slab.h"
#include "bind/running.h"

struct mb_heap {
    size_t bytes, max;
    size_t
        text_max;   /* bytes of one string, which instructions compare or join in one go; 0 = any */
    bool was_text;  /* what was refused last was a string for its length */
    uint64_t taken; /* bytes that were ever allocated; what is given back stays counted */
    struct mb_slab slab;        /* what is small of them */
    struct mb_running *running; /* NULL while no script runs */
};

/* A lua_Alloc. A request over the ceiling fails like an exhausted machine, which Lua answers with a
 * full collection and then a "not enough memory" error of that one task. */
void *mb_heap_alloc(void *heap, void *ptr, size_t osize, size_t nsize);
struct mb_heap *mb_heap_of(lua_State *L);
