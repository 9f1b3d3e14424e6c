#pragma once
/*
 * The database's own account of what was applied, and the session that a runner works in.
 *
 * A row is written in the transaction of its migration. A file without transaction first
 * writes the intention ("applying", "reverting"), so that a runner killed in the middle is found
 * out and its step is completed by the next one.
 */
#include "db/catalog.h"
#include "db/db.h"

enum mb_ledger_state { MB_LEDGER_NONE, MB_LEDGER_APPLIED, MB_LEDGER_APPLYING, MB_LEDGER_REVERTING };

struct mb_ledger_row {
    int version; /* 0: repeatable */
    char name[80];
    char sha256[MB_SHA256_HEX];
    enum mb_ledger_state state;
    char applied_at[32]; /* UTC */
    int64_t duration_ms, lock_wait_ms;
};

struct mb_ledger {
    PGconn *conn;
    const char *schema; /* of the ledger; borrowed of the plan */
    struct mb_ledger_row *rows;
    size_t n;
};

/* url, user, password, schema: as in migrate.h. */
MB_MUST_CHECK enum mb_rc mb_ledger_open(struct mb_ledger *l, const struct mb_migrate_plan *p,
                                        struct mb_err *err);
void mb_ledger_close(struct mb_ledger *l);
MB_MUST_CHECK enum mb_rc mb_ledger_make(struct mb_ledger *l, struct mb_err *err); /* the table */
MB_MUST_CHECK enum mb_rc mb_ledger_read(struct mb_ledger *l, struct mb_err *err);
const struct mb_ledger_row *mb_ledger_find(const struct mb_ledger *l, const struct mb_migration *m);

/* One row: state NONE deletes it. */
MB_MUST_CHECK enum mb_rc mb_ledger_write(struct mb_ledger *l, const struct mb_migration *m,
                                         enum mb_ledger_state state, int64_t duration_ms,
                                         int64_t lock_wait_ms, struct mb_err *err);
/* Any statement or script; *out (may be NULL) is its last result. what names it in errors, with
 * the line where the server says the fault is. */
MB_MUST_CHECK enum mb_rc mb_ledger_exec(struct mb_ledger *l, const char *what, const char *sql,
                                        PGresult **out, struct mb_err *err);
