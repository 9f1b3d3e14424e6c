#pragma once
/*
 * The functions of Lua's libraries whose work grows with what they are given, made again so that they rest when a slice
 * is over (bind/budget.h). Their meaning is that of the reference manual; table.unpack reads raw. What is not here runs
 * at the speed of memory, and so is bounded by the longest text and the memory of a plugin. Those for patterns:
 * bind/strings.h.
 */
#include <lua.h>

/* Replaces them in the open libraries of L. */
void mb_library_install(lua_State *L);
