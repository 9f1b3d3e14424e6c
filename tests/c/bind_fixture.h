#pragma once
/*
 * A Lua state for one test: scripts given as texts, no database, no server.
 */
#include <lauxlib.h>

#include "bind/task.h"
#include "bind/vm.h"
#include "tap.h"

static uv_loop_t loop;
static struct mb_vm *vm;

/* Builds the state; false with the diagnostic in err. The texts must outlive it. */
static inline bool open_vm(const struct mb_script *scripts, size_t n, size_t memory_max, struct mb_err *err)
{
    static const unsigned char secret[32] = "not a secret at all";
    struct mb_vm_plan plan = {.loop = &loop,
                              .scripts = scripts,
                              .nscripts = n,
                              .secret = secret,
                              .memory_max = memory_max,
                              .limits = {.max_json_body = 65536,
                                         .max_reply = 1 << 20,
                                         .max_input = 65536,
                                         .max_query_fields = 64,
                                         .json = mb_json_default_limits,
                                         .hash_parallel = 2,
                                         .hash_queue = 64}};
    return mb_vm_new(&vm, &plan, NULL, err) == MB_OK;
}

static inline struct mb_script script(const char *name, const char *text)
{
    return (struct mb_script){name, mb_str_z(text)};
}
