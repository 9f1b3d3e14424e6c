#pragma once
/*
 * The migration runner (synchronous; runs in a process of its own): ledger, checksums, turns of
 * runners, lock_timeout with retries, one transaction per file except those marked
 * `-- transaction: none`, repeatable files (R__name.sql, run again when their text changes).
 */
#include <stdio.h>

#include "base/buf.h"

/* Takes a line without its newline, as printf does. */
typedef void (*mb_migrate_progress)(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

typedef void (*mb_migrate_applied)(void *ctx, const char *name); /* "0002_add_urgency" */

struct mb_migration_file {
    const char
        *name; /* "0001_create_schema.up.sql", "0001_create_schema.down.sql", "R__functions.sql" */
    struct mb_str text;
};

struct mb_migrate_plan {
    const char *url;
    const char *user, *password; /* in the place of what it says; NULL = as it says */
    const char *schema;          /* where objects are made, and the ledger is; NULL = public */
    const struct mb_migration_file *files;
    size_t nfiles;
    mb_migrate_progress progress;           /* one line per step, and warnings; NULL = silent */
    mb_migrate_applied applied;             /* told of each file that went up and stays; NULL = nobody */
    void *applied_ctx;
    uint32_t lock_timeout_ms, lock_wait_ms; /* per statement; for the turn */
    bool has_turn;                          /* the caller holds it: db/turn.h */
};

/* Whether the files are such as the runner takes; asks no database, of the plan only the files are read. */
MB_MUST_CHECK enum mb_rc mb_migrate_check(const struct mb_migrate_plan *p, struct mb_err *err);
MB_MUST_CHECK enum mb_rc mb_migrate_status(const struct mb_migrate_plan *p, FILE *out,
                                           size_t *pending, struct mb_err *err);
/* to: version to reach; -1 = the newest. */
MB_MUST_CHECK enum mb_rc mb_migrate_up(const struct mb_migrate_plan *p, int to, struct mb_err *err);
/* Down to (and not including) version `to`; -1 = one step. */
MB_MUST_CHECK enum mb_rc mb_migrate_down(const struct mb_migrate_plan *p, int to,
                                         struct mb_err *err);
/* What a start needs to know: MB_OK when all are applied unchanged; otherwise err names what is
 * missing, changed or newer. */
MB_MUST_CHECK enum mb_rc mb_migrate_verify(const struct mb_migrate_plan *p, struct mb_err *err);
