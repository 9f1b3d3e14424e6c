#pragma once
/*
 * One process that is a whole server for the tests of scripts: loop, database, client, scripts,
 * HTTP and jobs. It listens nowhere; a request is bytes in and bytes out. Nothing that it does
 * in the database is ever committed. Every call turns the loop until its work has ended.
 */
#include "bind/background.h"
#include "bind/handler.h"
#include "client/client.h"
#include "db/db.h"
#include "plugin/plugins.h"

struct mb_stage;

/* Where the scripts of a stage are built. */
struct mb_stage_place {
    uv_loop_t *loop;
    struct mb_db *db;
    struct mb_client *client;
    struct mb_tables *tables;
    struct mb_plugin_board *board;
    struct mb_rates *rates;
};

/* Borrowed for its life. The database is one made for tests: examples in app/rehearsal.c. */
struct mb_stage_plan {
    struct mb_db_config db, tables;
    const unsigned char *secret;
    const char *const *plugins; /* those that have tables */
    size_t nplugins;
    struct mb_http_config http;
    struct mb_client_limits client;
    unsigned jobs; /* at once */
    enum mb_rc (*build)(void *ctx, const struct mb_stage_place *place, struct mb_plugins **plugins,
                        struct mb_vm **vm, struct mb_buf *diagnostics, struct mb_err *err);
    void *ctx;
};

MB_MUST_CHECK enum mb_rc mb_stage_new(struct mb_stage **out, const struct mb_stage_plan *plan,
                                      struct mb_buf *diagnostics, struct mb_err *err);
void mb_stage_free(struct mb_stage *s);

/* Bytes of one HTTP request, with `Connection: close` -> everything that comes back. port = 0: this
 * stage; else another server on 127.0.0.1. */
MB_MUST_CHECK enum mb_rc mb_stage_exchange(struct mb_stage *s, unsigned port, struct mb_str request,
                                           struct mb_buf *answer, struct mb_err *err);
/* One statement; its rows as JSON. */
MB_MUST_CHECK enum mb_rc mb_stage_query(struct mb_stage *s, struct mb_str sql, int nparams,
                                        const struct mb_str *values, struct mb_buf *rows,
                                        struct mb_err *err);
/* The same in the sessions of plugins too; rows are those of the server's. */
MB_MUST_CHECK enum mb_rc mb_stage_query_everywhere(struct mb_stage *s, struct mb_str sql,
                                                   int nparams, const struct mb_str *values,
                                                   struct mb_buf *rows, struct mb_err *err);
/* The same on another database, over a connection of its own, and for good. */
MB_MUST_CHECK enum mb_rc mb_stage_query_at(struct mb_stage *s, const char *url, struct mb_str sql,
                                           struct mb_buf *rows, struct mb_err *err);
/* Sets a mark in the database, or takes back all since the last one, and forgets what was counted for rates. */
MB_MUST_CHECK enum mb_rc mb_stage_mark(struct mb_stage *s, struct mb_err *err);
MB_MUST_CHECK enum mb_rc mb_stage_take_back(struct mb_stage *s, struct mb_err *err);
/* Schedules, reads the outbox and runs jobs until none is due; how many ended how. */
struct mb_stage_jobs {
    uint64_t done, retried, dead;
};
MB_MUST_CHECK enum mb_rc mb_stage_run_jobs(struct mb_stage *s, struct mb_stage_jobs *ended,
                                           struct mb_err *err);
/* Lets the loop turn for so long. */
void mb_stage_pause(struct mb_stage *s, uint64_t ms);
/* Who answers in the place of other servers. */
void mb_stage_stand_in(struct mb_stage *s, mb_client_stand_in stand_in, void *ctx);
