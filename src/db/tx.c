/*
 * Transactions. BEGIN flies with the first statement; the way back is always the same: the link
 * is unpinned and settles, which rolls back whatever the server still has open.
 */
#include "db/tx.h"

#include <stdlib.h>

#include "base/clock.h"
#include "db/frame.h"
#include "db/pool.h"

static const char *begin_text(unsigned flags)
{
    static const char *const text[] = {
        "BEGIN",
        "BEGIN READ ONLY",
        "BEGIN ISOLATION LEVEL SERIALIZABLE",
        "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
        "BEGIN ISOLATION LEVEL REPEATABLE READ",
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    };
    unsigned level = (flags & MB_TX_SERIALIZABLE) ? 2 : (flags & MB_TX_REPEATABLE_READ) ? 4 : 0;
    return text[level + ((flags & MB_TX_READ_ONLY) ? 1 : 0)];
}

enum mb_rc mb_tx_begin(struct mb_db *db, struct mb_op **out, unsigned flags, uint64_t deadline_ns,
                       mb_tx_cb cb, void *ctx, struct mb_err *err)
{
    enum mb_op_kind as = (flags & MB_TX_READ_ONLY) ? MB_OP_READ : MB_OP_WRITE;
    enum mb_rc rc = mb_pool__admit(db, as, deadline_ns, err);
    if (rc != MB_OK) return rc;
    struct mb_tx *tx = calloc(1, sizeof *tx);
    struct mb_op *op = tx != NULL ? mb_op__new(db, MB_OP_PIN) : NULL;
    if (op == NULL) {
        free(tx);
        return mb_fail(err, MB_E_NOMEM, "could not begin a transaction");
    }
    tx->db = db;
    tx->op = op;
    if (db->config.is_read_only) flags |= MB_TX_READ_ONLY;
    tx->begin_sql = begin_text(flags);
    tx->is_read_only = (flags & MB_TX_READ_ONLY) != 0;
    op->tx = tx;
    op->tx_cb = cb;
    op->ctx = ctx;
    op->deadline_ns = deadline_ns;
    db->npinned++;
    rc = mb_pool__place(op, err);
    if (rc != MB_OK)
        mb_op__drop(op);
    else
        *out = op;
    return rc;
}

void mb_tx__pinned(struct mb_op *op, struct mb_link *l)
{
    l->tx = op->tx;
    op->tx->link = l;
    mb_pool__mark(l);
    mb_op__finish(op);
}

void mb_tx__lost(struct mb_tx *tx)
{
    tx->link = NULL;
    tx->failed = true;
    if (tx->db->cut) /* the pool goes before its owner ends this */
        tx->db = NULL;
}

static enum mb_rc check_usable(const struct mb_tx *tx, struct mb_err *err)
{
    if (tx->link == NULL)
        return mb_fail(err, MB_E_DB_UNAVAILABLE,
                       "the transaction was rolled back: its connection broke");
    if (tx->op != NULL) return mb_fail(err, MB_E_INVALID, "the transaction still runs a statement");
    if (tx->failed)
        return mb_fail(err, MB_E_DB, "the transaction has failed and can only be rolled back");
    if (tx->ended) return mb_fail(err, MB_E_INVALID, "the transaction was committed");
    return MB_OK;
}

static struct mb_op *make_inner(struct mb_tx *tx, mb_op_cb cb, void *ctx, struct mb_err *err)
{
    struct mb_op *op = mb_op__new(tx->db, MB_OP_INNER);
    if (op == NULL) {
        mb_fail(err, MB_E_NOMEM, "could not start a statement");
        return NULL;
    }
    op->tx = tx;
    op->cb = cb;
    op->ctx = ctx;
    return op;
}

enum mb_rc mb_tx_query(struct mb_tx *tx, struct mb_op **out, const struct mb_stmt *stmt,
                       int nparams, const struct mb_str *values, uint64_t deadline_ns, mb_op_cb cb,
                       void *ctx, struct mb_err *err)
{
    enum mb_rc rc = check_usable(tx, err);
    if (rc != MB_OK) return rc;
    struct mb_op *op = make_inner(tx, cb, ctx, err);
    if (op == NULL) return MB_E_NOMEM;
    op->stmt = stmt;
    op->deadline_ns = deadline_ns;
    rc = mb_op__bind(op, nparams, values, err);
    if (rc != MB_OK) {
        mb_op__drop(op);
        return rc;
    }
    op->begins = !tx->begun;
    tx->begun = true;
    tx->op = op;
    *out = op;
    mb_link__send(tx->link, op);
    return MB_OK;
}

enum mb_rc mb_tx_commit(struct mb_tx *tx, struct mb_op **out, mb_op_cb cb, void *ctx,
                        struct mb_err *err)
{
    enum mb_rc rc = check_usable(tx, err);
    if (rc != MB_OK) return rc;
    struct mb_op *op = make_inner(tx, cb, ctx, err);
    if (op == NULL) return MB_E_NOMEM;
    op->sql = mb_frame__commit_sql(tx->db);
    op->commits = true;
    /* Its outcome is worth waiting for, whatever the request's deadline says. */
    op->deadline_ns = mb_mono_ns() + tx->db->config.statement_timeout * 1000000ull;
    tx->ended = true;
    tx->op = op;
    *out = op;
    if (tx->begun) {
        mb_link__send(tx->link, op);
    } else { /* nothing ran: nothing to commit */
        op->res = PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK);
        if (op->res == NULL) mb_fail(&op->err, MB_E_NOMEM, "could not commit");
        mb_op__finish(op);
    }
    return MB_OK;
}

void mb_tx__check_commit(struct mb_op *op)
{
    if (op->err.rc != MB_OK || op->res == NULL ||
        strcmp(PQcmdStatus(op->res), mb_frame__commit_tag(op->db)) == 0)
        return;
    PQclear(op->res);
    op->res = NULL;
    mb_fail(&op->err, MB_E_DB, "the transaction had failed and was rolled back");
}

void mb_tx_end(struct mb_tx *tx)
{
    struct mb_db *db = tx->db;
    struct mb_link *l = tx->link;
    if (tx->op != NULL) mb_op_cancel(tx->op);
    free(tx);
    if (db == NULL) return;
    db->npinned--;
    if (l != NULL) {
        l->tx = NULL;
        mb_link__settle(l);
    }
    mb_pool__check_closed(db);
}
