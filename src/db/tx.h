#pragma once
/*
 * What the rest of src/db sees of a transaction. Contract for users: db/db.h.
 */
#include "db/op.h"

struct mb_tx {
    struct mb_db *db;     /* NULL once the pool was closed under it */
    struct mb_link *link; /* NULL before it is pinned and once it was lost */
    struct mb_op *op;     /* the statement in work */
    const char *begin_sql;
    bool is_read_only;
    bool begun;  /* BEGIN was sent */
    bool failed; /* only mb_tx_end is useful */
    bool ended;  /* COMMIT was sent */
};

void mb_tx__pinned(struct mb_op *op, struct mb_link *l); /* a PIN op got its link */
void mb_tx__lost(struct mb_tx *tx);                      /* its link closes */
void mb_tx__check_commit(struct mb_op *op); /* COMMIT of a failed transaction answers ROLLBACK */
