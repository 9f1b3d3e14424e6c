#pragma once
/*
 * The surroundings of scripts: libraries, globals, `require` over the bundle and the C modules.
 * All functions run inside a protected call and raise what goes wrong.
 */
#include "bind/vm.h"

/* Lua's own libraries as globals, without what reaches out of the state or escapes its budget. */
void mb_sandbox_libraries(lua_State *L);
void mb_sandbox_open(lua_State *L);
/* Runs boot.lua, which gets a function that lists the modules of a folder; pushes its result. */
void mb_sandbox_boot(lua_State *L);
