#pragma once
/*
 * string.format for plugins: without %p, which would tell an address, and by and by when there is much to do, so that it
 * rests when a slice is over (bind/budget.h).
 */
#include <lua.h>

/* Replaces it in the table at the top. */
void mb_format_install(lua_State *L);
