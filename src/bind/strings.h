#pragma once
/*
 * string.find, match, gmatch and gsub over the matcher of pattern.h.
 */
#include <lua.h>

/* Replaces them in the open library of L. */
void mb_strings_install(lua_State *L);
/* join(list, n) -> the texts 1..n of the list as one; rests when a slice is over, where L may wait. */
int mb_strings_join(lua_State *L);
