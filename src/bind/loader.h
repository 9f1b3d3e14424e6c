#pragma once
/*
 * Sources into modules. All files are compiled before the first of them runs, so that every fault that
 * can be seen without running them is told at once; then `require` runs each when it is first asked
 * for. All functions run inside a protected call and raise what goes wrong.
 */
#include "bind/vm.h"

/* Compiles the files. Raises one text, a line for each fault: syntax, and global names that the table
 * at index `environment` has not, or that are assigned. */
void mb_loader_compile(lua_State *L, const struct mb_script *files, size_t n, int environment);
/* Pushes the compiled file of that name; false, and nothing, when there is none. */
bool mb_loader_chunk(lua_State *L, const char *file);
/* All modules are loaded: the compiled files go, their names stay. */
void mb_loader_close(lua_State *L);
/* The value at the top is what require gives for this module; pops it. */
void mb_loader_set(lua_State *L, const char *module);

/* Pushes the function that makes the value of a module, or raises why there is none. */
typedef void (*mb_loader_find)(lua_State *L, const char *module);
/* `require`: the module named at stack index 1 -> its value, made once. */
int mb_loader_require(lua_State *L, mb_loader_find find);
