#pragma once
/*
 * The functions of Lua that could catch the end of a script that broke its budget, made so that they
 * raise it again: pcall, xpcall, coroutine.resume, coroutine.wrap. The handler of xpcall runs when the
 * stack is unwound, under the budget. A coroutine that a script makes passes the end of a slice on.
 */
#include <lua.h>

/* Replaces them in the open libraries of L, and takes coroutine.close away, whose nesting overflows
 * the C stack in Lua 5.4.4. */
void mb_guard_install(lua_State *L);
