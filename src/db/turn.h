#pragma once
/*
 * Whose turn it is to change the schemas of one database: the server's own, and those apart.
 *
 * It is a lock of the ledger's table (db/ledger.h), held by a connection of its own. Who has no right to that table,
 * code of others among them, can neither take it nor see it, as anybody can an advisory lock; a holder that dies lets
 * go. The connection is idle in its transaction and has no snapshot, so a concurrent index build does not wait for it.
 */
#include <libpq-fe.h>

#include "db/migrate.h"

struct mb_turn {
    PGconn *conn; /* NULL = not taken */
};

/* Polls for wait_ms at most; whoever waits is idle at the server. The ledger must be there. progress: NULL =
 * silent. */
MB_MUST_CHECK enum mb_rc mb_turn_take(struct mb_turn *t, const char *url, uint32_t wait_ms,
                                      mb_migrate_progress progress, struct mb_err *err);
void mb_turn_give(struct mb_turn *t);
