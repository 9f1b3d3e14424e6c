/*
 * The life of an op outside the wire: made, given its parameters, ended, called back, recycled.
 */
#include "db/op.h"

#include <stdlib.h>

#include "db/pool.h"
#include "db/tx.h"

enum { SPARE_MAX = 256 };

struct mb_op *mb_op__new(struct mb_db *db, enum mb_op_kind kind)
{
    struct mb_op *op;
    if (db->nspare > 0) {
        op = (struct mb_op *)db->spare.next;
        mb_list_remove(&op->node);
        db->nspare--;
    } else if ((op = malloc(sizeof *op)) == NULL) {
        return NULL;
    }
    /* Everything but the room for values and the texts of the error. */
    memset(op, 0, offsetof(struct mb_op, err));
    op->err.rc = MB_OK;
    op->err.sqlstate[0] = op->err.constraint[0] = op->err.text[0] = '\0';
    op->nparams = 0;
    op->values = NULL;
    op->block = NULL;
    mb_list_init(&op->node);
    op->db = db;
    op->kind = kind;
    return op;
}

void mb_op__drop(struct mb_op *op)
{
    struct mb_db *db = op->db;
    mb_list_remove(&op->node);
    if (op->kind == MB_OP_PIN && op->tx != NULL) { /* its owner never got the transaction */
        op->tx->op = NULL;
        mb_tx_end(op->tx);
    }
    free(op->block);
    op->block = NULL;
    PQclear(op->res);
    if (db->nspare == SPARE_MAX) {
        free(op);
        return;
    }
    mb_list_append(&db->spare, &op->node);
    db->nspare++;
}

enum mb_rc mb_op__bind(struct mb_op *op, int nparams, const struct mb_str *values,
                       struct mb_err *err)
{
    size_t need = (size_t)nparams * sizeof(char *);
    for (int i = 0; i < nparams; i++) {
        if (values[i].ptr != NULL && values[i].len > 0 &&
            memchr(values[i].ptr, '\0', values[i].len) != NULL)
            return mb_fail(err, MB_E_INVALID, "%s: parameter %d holds a NUL byte", mb_op__name(op),
                           i + 1);
        need += values[i].len + 1;
    }
    char *room = op->room;
    if (need > sizeof op->room && (room = op->block = malloc(need)) == NULL)
        return mb_fail(err, MB_E_NOMEM, "%s: could not copy the parameters", mb_op__name(op));
    op->nparams = nparams;
    op->values = (const char **)(void *)room;
    char *text = room + (size_t)nparams * sizeof(char *);
    for (int i = 0; i < nparams; i++) {
        op->values[i] = values[i].ptr != NULL ? text : NULL;
        if (values[i].len > 0) memcpy(text, values[i].ptr, values[i].len);
        text[values[i].len] = '\0';
        text += values[i].len + 1;
    }
    return MB_OK;
}

const char *mb_op__name(const struct mb_op *op)
{
    return op->stmt != NULL ? op->stmt->name : op->sql != NULL ? op->sql : "begin";
}

void mb_op__finish(struct mb_op *op)
{
    struct mb_db *db = op->db;
    if (op->orphan) {
        mb_op__drop(op);
        return;
    }
    mb_list_remove(&op->node);
    op->link = NULL;
    op->state = MB_OP_READY;
    mb_list_append(&db->ready, &op->node);
    if (!db->in_loop) mb_pool__kick(db);
}

void mb_op__fail(struct mb_op *op, enum mb_rc rc, const char *why)
{
    PQclear(op->res);
    op->res = NULL;
    mb_fail(&op->err, rc, "%s: %s", mb_op__name(op), why);
    mb_op__finish(op);
}

void mb_op_cancel(struct mb_op *op)
{
    if (op->kind == MB_OP_INNER && op->tx != NULL) {
        op->tx->op = NULL;
        op->tx->failed = true;
        op->tx = NULL;
    }
    if (op->state == MB_OP_FLYING)
        mb_link__orphan(op->link, op);
    else if (op->state == MB_OP_QUEUED)
        mb_pool__leave_queue(op);
    if (op->state == MB_OP_QUEUED || op->state == MB_OP_READY) mb_op__drop(op);
}

static void call_back(struct mb_op *op)
{
    struct mb_db *db = op->db;
    enum mb_rc rc = op->err.rc;
    mb_list_remove(&op->node);
    op->state = MB_OP_FRESH; /* a cancel from inside the callback finds nothing to do */
    if (rc != MB_OK) mb_db__count(&db->stats->errors, 1);
    if (op->tx != NULL) {
        op->tx->op = NULL;
        op->tx->failed |= rc != MB_OK;
    }
    if (op->kind == MB_OP_PIN) {
        struct mb_tx *tx = rc == MB_OK ? op->tx : NULL;
        if (rc == MB_OK) op->tx = NULL;
        op->tx_cb(op->ctx, rc, tx, &op->err);
    } else {
        PGresult *res = op->res;
        op->res = NULL;
        op->cb(op->ctx, rc, res, &op->err);
    }
    mb_op__drop(op);
}

void mb_op__deliver(struct mb_db *db)
{
    /* What callbacks make ready waits for the next turn of the loop, so that they cannot keep
     * it from its sockets. */
    mb_list_splice(&db->delivering, &db->ready);
    while (!mb_list_is_empty(&db->delivering)) call_back((struct mb_op *)db->delivering.next);
}
