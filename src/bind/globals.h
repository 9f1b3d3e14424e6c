#pragma once
/*
 * Which global names a compiled script uses, without running it: read out of the bytecode, where a
 * global is a field of the chunk's upvalue _ENV. Locals named _ENV, and tables that a script puts in
 * the place of its environment, are not taken for it. What a function with more than 256
 * constants uses may go unseen; nothing is ever seen that is not there.
 */
#include <lua.h>

#include "base/buf.h"

struct mb_global {
    const char *name; /* NUL-terminated; borrowed for the call */
    int line;
    bool is_assigned;
};

typedef void (*mb_globals_see)(void *ctx, const struct mb_global *global);

/* Shows every use in the function at the top of the stack, in the order of the code. false: this Lua
 * writes its bytecode in a way that is not known here, or there is no memory; then nothing is told of what follows. */
bool mb_globals_scan(lua_State *L, mb_globals_see see, void *ctx);
