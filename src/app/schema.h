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
    bool is_embedded; /* the database itself is made when it is missing */
    enum mb_schema_step step;
    int to;        /* as in db/migrate.h */
    bool is_quiet; /* tells only what goes wrong */
};

/* Runs the step and waits. MB_OK: it was done; else err says what the step said. */
MB_MUST_CHECK enum mb_rc mb_schema_run(struct mb_schema_plan *plan, const struct mb_user *user,
                                       struct mb_signals *signals, struct mb_err *err);
