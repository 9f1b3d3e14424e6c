#pragma once
/*
 * Migrations, run in a child process: the supervisor itself never loads a database connection.
 */
#include "app/bundle.h"
#include "app/child.h"
#include "app/config.h"

enum mb_schema_step { MB_SCHEMA_UP, MB_SCHEMA_DOWN, MB_SCHEMA_STATUS, MB_SCHEMA_VERIFY };

struct mb_schema_plan {
    const struct mb_config *config;
    const struct mb_bundle *migrations;
    const char *url;  /* of the owner */
    bool is_embedded; /* on the way up the database itself is made when it is missing */
    enum mb_schema_step step;
    int to; /* as in db/migrate.h */
    /* Of plugins: "<name>/migrations/0001_x.up.sql". NULL = the server's own only. */
    const struct mb_bundle *plugins;
    const char *plugin;          /* that one and nothing else; NULL = all */
    const unsigned char *secret; /* 32 bytes: passwords of their roles */
    /* Told of each migration of a plugin that goes up and stays, whatever comes after it; NULL = nobody. */
    void (*applied)(void *ctx, const char *plugin, const char *name);
    void *applied_ctx;
    bool is_quiet;               /* tells only what goes wrong */
    bool is_start;               /* MB_SCHEMA_VERIFY: tells too what the database lets plugins do */
};

/* Whether the migrations of the server and of every plugin (as in struct mb_schema_plan) can be run, as far as their
 * files tell. */
MB_MUST_CHECK enum mb_rc mb_schema_check(const struct mb_bundle *server,
                                         const struct mb_bundle *plugins, struct mb_err *err);
/* Whether migrations were ever run there; by a process that may wait for the database. */
MB_MUST_CHECK enum mb_rc mb_schema_expect(const char *url, struct mb_err *err);
/* Runs the step in this process, which nothing else is expected of; plan is a struct mb_schema_plan. */
MB_MUST_CHECK enum mb_rc mb_schema_work(void *plan, struct mb_err *err);
/* Runs the step in a process of its own and waits. MB_OK: it was done; else err says what the step said. */
MB_MUST_CHECK enum mb_rc mb_schema_run(struct mb_schema_plan *plan, const struct mb_user *user,
                                       struct mb_signals *signals, struct mb_err *err);
