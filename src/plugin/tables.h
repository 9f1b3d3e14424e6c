#pragma once
/*
 * Connections to the tables of plugins: each plugin's own, logged in as a role that reads and writes the rows of its
 * schema, owns nothing and sees nothing else (db/apart.h). They belong to the process, not to a generation of scripts,
 * are opened when they are first asked for and closed when nobody does.
 *
 * A statement that does not obey a cancel is ended by the server's own role, which may (pg_signal_backend), and the first
 * within plugins.kill_window is a kill of its plugin.
 */
#include "db/db.h"
#include "plugin/stats.h"

#define MB_PLUGIN_ROLE "plugin_" /* and the plugin's name: role and schema */

struct mb_tables;

struct mb_tables_plan { /* all borrowed */
    uv_loop_t *loop;
    struct mb_db_config db;        /* as for the server itself, with the limits for plugins */
    struct mb_db *server;          /* open as long as these */
    const unsigned char *secret;   /* 32 bytes */
    struct mb_plugin_board *board; /* NULL = nobody counts */
    uint32_t max_kills;            /* plugins.max_kills */
    uint64_t kill_window_ns;       /* plugins.kill_window */
};

MB_MUST_CHECK enum mb_rc mb_tables_new(struct mb_tables **out, const struct mb_tables_plan *plan,
                                       struct mb_err *err);
/* The plugin's connections. */
MB_MUST_CHECK enum mb_rc mb_tables_of(struct mb_tables *t, const char *plugin, struct mb_db **out,
                                      struct mb_err *err);
/* What its connections are opened with; password has room for MB_APART_PASSWORD, role for MB_APART_NAME and a NUL. On
 * any thread. */
MB_MUST_CHECK enum mb_rc mb_tables_config(const struct mb_tables *t, const char *plugin, char *role,
                                          char *password, struct mb_db_config *out,
                                          struct mb_err *err);
/* Measures the schemas of all plugins: over most_bytes (0 = any) they may delete and read only, and the board says so.
 * Ends statements of theirs that have run for patience_ms, which nobody waits for any more. */
void mb_tables_watch(struct mb_tables *t, uint64_t most_bytes, uint32_t patience_ms);
/* Ends what runs within deadline_ms, and calls done: from inside when there is nothing. */
void mb_tables_close(struct mb_tables *t, uint32_t deadline_ms, void (*done)(void *ctx), void *ctx);
void mb_tables_free(struct mb_tables *t);
