#pragma once
/*
 * The plugins of one generation of scripts. Each has a Lua state of its own, with a ceiling of
 * memory and of processor time, and sees nothing but what sandbox.h gives it. What it and the
 * server tell each other travels as JSON text: no value of one state ever reaches another.
 *
 * The server's scripts require "mb.plugins":
 *
 *   plugins.list()  -> { { name =, manifest =, config = } … } in order of their names. In a manifest
 *                      each function is { handler = n, at = "plugins/x/plugin.lua:12" }.
 *   plugins.secret(name, secret)    -> text without the newline at its end, or nil
 *   plugins.label(name, n, text)    what function n is called where its calls are shown
 *   plugins.query(name, statement, …)    waits; as db.query, on the plugin's own tables
 *   plugins.judge(name, statements)      what PostgreSQL says of { name = text }: { name = why } of those that are none,
 *                                        as far as it can be asked; while scripts load
 *   plugins.is_full(name)                whether its tables are over plugins.schema_size
 *   plugins.configure(name, config)      what the plugin's config() gives; while scripts load
 *   plugins.call(name, n, arguments, req)   with a request, arguments have id, method, path and route of it
 *                                        too, and params where there are none; waits; -> "done", results (nil = none) | "failed", code, detail
 *                                        | "ask", what, arguments, call: the plugin waits for
 *   plugins.reply(call, true, results)   or reply(call, false, text), which it sees raised; waits
 *                                        and returns as call does
 */
#include "bind/vm.h"
#include "plugin/stats.h"
#include "plugin/tables.h"

struct mb_plugins;

struct mb_plugin_limits {
    size_t memory;           /* plugins.memory: bytes of one plugin in one process */
    size_t text;             /* plugins.text: bytes of one string */
    uint32_t cpu_ms;         /* plugins.cpu: processor time of one call */
    uint32_t max_asks;       /* plugins.max_asks of one call */
    uint32_t log_lines;      /* plugins.log_lines in a second and a process */
    uint32_t max_kills;      /* plugins.max_kills within kill_window; 0 = no quarantine */
    uint64_t kill_window_ns; /* plugins.kill_window */
};

struct mb_plugins_plan {
    const struct mb_vm_plan *vm;   /* scripts, limits and load_timeout are taken from it */
    const struct mb_script *files; /* "plugins/<name>/…", sorted by name; borrowed */
    size_t nfiles;
    const struct mb_script *secrets; /* "secrets/<plugin>/<name>"; borrowed */
    size_t nsecrets;
    struct mb_tables *tables; /* NULL while only checking */
    bool asks_database; /* plugins.judge does: what PostgreSQL refuses is a fault of the scripts */
    struct mb_plugin_limits limits;
    struct mb_plugin_board *board; /* NULL while only checking */
    unsigned place;                /* of this process on the board */
};

/* Loads every plugin, on any thread. On failure *err holds the first diagnostic and *diagnostics,
 * when not NULL, all of them, a line each. */
MB_MUST_CHECK enum mb_rc mb_plugins_new(struct mb_plugins **out, const struct mb_plugins_plan *plan,
                                        struct mb_buf *diagnostics, struct mb_err *err);
/* On the loop's thread, before the first call. */
MB_MUST_CHECK enum mb_rc mb_plugins_attach(struct mb_plugins *p, uv_loop_t *loop);
/* On the loop's thread, when no task of the server's scripts is left. */
void mb_plugins_detach(struct mb_plugins *p);
/* On any thread. */
void mb_plugins_free(struct mb_plugins *p);
size_t mb_plugins_bytes(const struct mb_plugins *p);

/* Opens "mb.plugins"; mb_vm_plan(…)->owner is the struct mb_plugins. */
int mb_open_plugins(lua_State *L);
