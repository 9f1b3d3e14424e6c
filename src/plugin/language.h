#pragma once
/*
 * The functions of Lua's own libraries that would let a plugin run on unseen, get a finalizer, or
 * learn an address, made again so that they do not. What is lost: __gc, __close and __mode are
 * refused, metamethods are those that stand in the metatable when setmetatable is called, %p is none.
 */
#include <lua.h>

/* Puts them into the open libraries of L. The functions of `table` are written in Lua, so that the
 * budget sees every step: sandbox/table.lua of the server's scripts. */
void mb_language_install(lua_State *L);
/* Pushes the value at index as a text; like luaL_tolstring, but without addresses. */
void mb_language_push_text(lua_State *L, int index);
/* Adds setmetatable, getmetatable and tostring to the table at the top. */
void mb_language_share(lua_State *L);
