#pragma once
/*
 * string.find, match, gmatch and gsub over the matcher of pattern.h.
 */
#include <lua.h>

/* Replaces them in the open library of L. */
void mb_strings_install(lua_State *L);
