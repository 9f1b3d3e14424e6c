#pragma once
/*
 * Connections to the tables of plugins: each plugin's own, logged in as its role, which sees nothing but
 * its schema (db/apart.h). They belong to the process, not to a generation of scripts, are opened when
 * they are first asked for and closed when nobody does.
 */
#include "db/db.h"

#define MB_PLUGIN_ROLE "plugin_" /* and the plugin's name: role and schema */

struct mb_tables;

/* db: as for the server itself, with the limits for plugins; secret: 32 bytes. Both are borrowed. */
MB_MUST_CHECK enum mb_rc mb_tables_new(struct mb_tables **out, uv_loop_t *loop,
                                       const struct mb_db_config *db, const unsigned char *secret,
                                       struct mb_err *err);
/* The plugin's connections. */
MB_MUST_CHECK enum mb_rc mb_tables_of(struct mb_tables *t, const char *plugin, struct mb_db **out,
                                      struct mb_err *err);
/* Ends what runs within deadline_ms, and calls done: from inside when there is nothing. */
void mb_tables_close(struct mb_tables *t, uint32_t deadline_ms, void (*done)(void *ctx), void *ctx);
void mb_tables_free(struct mb_tables *t);
