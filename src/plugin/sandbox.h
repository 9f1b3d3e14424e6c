#pragma once
/*
 * What the scripts of a plugin can reach: frozen libraries without io, os, debug, load and
 * package, globals that stand still, `require` of the plugin's own files and of "medbookd". Nothing
 * in it runs longer than the budget can see, keeps more memory than the state may, or shows an address.
 */
#include <lua.h>

/* Fills the state and pushes the environment of its scripts. Raises what goes wrong. */
void mb_plugin_sandbox(lua_State *L);
/* Runs a file of the plugin, "plugin.lua", and pushes its one result. */
void mb_plugin_run_file(lua_State *L, const char *leaf);
