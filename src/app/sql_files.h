#pragma once
/*
 * Files of SQL in one transaction, for what a command puts into a database: the demo clinic, reference data. The
 * process has to have dropped its privileges.
 */
#include <libpq-fe.h>
#include <stdio.h>

#include "app/bundle.h"

struct mb_sql_files {
    const char *name; /* of what is loaded, for errors and progress */
    PGconn *conn;
    FILE *progress; /* may be NULL; gets a line per step */
    struct mb_buf text;
};

/* Connects. Close it also after a failure. */
MB_MUST_CHECK enum mb_rc mb_sql_files_open(struct mb_sql_files *f, const char *name,
                                           const char *database_url, FILE *progress,
                                           struct mb_err *err);
__attribute__((format(printf, 2, 3))) void mb_sql_files_say(const struct mb_sql_files *f,
                                                            const char *fmt, ...);
/* One or more statements; what names them is for errors. rows (may be NULL): how many rows the last one wrote. */
MB_MUST_CHECK enum mb_rc mb_sql_files_run(struct mb_sql_files *f, const char *sql, const char *what,
                                          int *rows, struct mb_err *err);
MB_MUST_CHECK enum mb_rc mb_sql_files_run_file(struct mb_sql_files *f, const struct mb_bundle_file *file,
                                               int *rows, struct mb_err *err);
/* Rolls back what is not committed. */
void mb_sql_files_close(struct mb_sql_files *f);
