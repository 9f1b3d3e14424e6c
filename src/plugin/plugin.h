#pragma once
/*
 * One plugin of one generation; inside src/plugin only.
 */
#include "bind/task.h"
#include "plugin/plugins.h"

struct mb_plugin {
    struct mb_plugins *owner;
    char name[MB_PLUGIN_NAME];
    struct mb_vm *vm;
    size_t kept;                   /* bytes that were in use after the last collection between calls */
    struct mb_tasks *tasks;        /* NULL until the loop is there */
    struct mb_plugin_stats *stats; /* NULL while only checking */
    struct mb_buf manifest;        /* JSON */
    struct mb_buf config;          /* JSON of plugins/<name>/config.lua; empty = there is none */
    int handlers;                  /* registry reference of the list of its functions */
    int settings;                  /* of what config() returns */
    struct mb_plugin_part *part[MB_PLUGIN_PARTS]; /* of each function in that list; NULL = none */
};

struct mb_plugin_call; /* call.c */

struct mb_plugins {
    struct mb_plugins_plan plan;
    struct mb_plugin *plugin; /* sorted by name */
    size_t count;
    struct mb_plugin_call *calls, *idle; /* in work; kept for the next */
    unsigned nidle;
};

void mb_plugin_free_calls(struct mb_plugins *p); /* none is in work */

/* The plugin whose state L belongs to. */
struct mb_plugin *mb_plugin_of(lua_State *L);
/* The plugin whose name is at index; raises when there is none. */
struct mb_plugin *mb_plugin_at(lua_State *L, int index);
/* Adds what mb.plugins has for tables (statements.c) and for calls (call.c) to the module at the top. */
void mb_plugin_add_tables(lua_State *L);
void mb_plugin_add_calls(lua_State *L);
/* NULL when there is none. */
struct mb_plugin *mb_plugin_named(struct mb_plugins *p, const char *name);
const struct mb_script *mb_plugin_file(const struct mb_plugin *p, const char *leaf);
/* All of them, n. */
const struct mb_script *mb_plugin_files(const struct mb_plugin *p, size_t *n);
/* Pushes a function of the facade that asks the server for `name`, a constant; see call.c. */
void mb_plugin_push_ask(lua_State *L, const char *name);
