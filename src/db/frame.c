/*
 * Transactions as texts. In a rehearsal the one transaction begins with the first statement; a
 * single statement stands between SAVEPOINT and RELEASE, so that its failure undoes it alone, and
 * a transaction is a savepoint that COMMIT releases. Isolation levels have no part in that: there is
 * only one session.
 */
#include "db/frame.h"

#include "db/pool.h"
#include "db/tx.h"

#define MARK "SAVEPOINT mb_mark"
#define ONE  "SAVEPOINT mb_one"
#define TX   "SAVEPOINT mb_tx"

static bool is_single(const struct mb_op *op)
{
    return op->stmt != NULL && (op->kind == MB_OP_READ || op->kind == MB_OP_WRITE);
}

static struct mb_frame rehearsal_frame(const struct mb_link *l, const struct mb_op *op)
{
    struct mb_frame f = {{NULL}, {NULL}};
    bool is_house = op->kind == MB_OP_HOUSE;
    if (!is_house && PQtransactionStatus(l->conn) == PQTRANS_IDLE) f.before[0] = "BEGIN";
    if (is_single(op)) {
        f.before[1] = ONE;
        f.after[0] = "RELEASE " ONE;
    } else if (op->begins) {
        f.before[1] = TX;
        if (op->tx->is_read_only) f.before[2] = "SET LOCAL transaction_read_only = on";
    } else if (is_house && op->sql == mb_frame__undo_sql(l)) {
        f.after[0] = l->savepoint == MB_SAVEPOINT_ONE ? "RELEASE " ONE : "RELEASE " TX;
    } else if (op->takes_back) {
        f.after[0] = "RELEASE " MARK;
    }
    return f;
}

/* Names are those of pg_catalog: functions of a schema that is searched first are not ours. */
#define UNLOCK "SELECT pg_catalog.pg_advisory_unlock_all()"

/* What follows the COMMIT may go to another session, so it is cleaned before; and what would run in it runs before
 * that. */
static struct mb_frame pooled_frame(const struct mb_db *db, const char *begin)
{
    struct mb_frame f = {{begin},
                         {"SET CONSTRAINTS ALL IMMEDIATE", UNLOCK, "DISCARD TEMP", "RESET ALL",
                          "UNLISTEN *", "DEALLOCATE ALL", "COMMIT"}};
    for (int i = 0; i < MB_DSN_SETTINGS; i++) f.before[i + 1] = db->foreign_sql[i];
    f.before[MB_DSN_SETTINGS + 1] = "DEALLOCATE ALL";
    return f;
}

/* Cleaned after COMMIT, so that what runs in it is cleaned too. */
static struct mb_frame foreign_frame(const struct mb_db *db, const struct mb_op *op)
{
    bool is_read = db->config.is_read_only || !atomic_load(&op->stmt->writes);
    const char *begin = is_read ? "BEGIN READ ONLY" : "BEGIN";
    if (db->config.pooler == MB_POOLER_TRANSACTION) return pooled_frame(db, begin);
    return (struct mb_frame){{begin},
                             {"COMMIT", "RESET ALL", "UNLISTEN *", UNLOCK, "DISCARD TEMP"}};
}

struct mb_frame mb_frame__of(const struct mb_link *l, const struct mb_op *op)
{
    const struct mb_db *db = l->db;
    if (db->config.is_rehearsal) return rehearsal_frame(l, op);
    if (db->config.is_foreign && is_single(op)) return foreign_frame(db, op);
    if (db->config.is_read_only && is_single(op))
        return (struct mb_frame){{"BEGIN READ ONLY"}, {"COMMIT"}};
    bool has_local = op->begins && db->local_sql[0] != '\0';
    return (struct mb_frame){
        {op->begins ? op->tx->begin_sql : NULL, has_local ? db->local_sql : NULL}, {NULL}};
}

bool mb_frame__is_write(const struct mb_link *l, const struct mb_op *op)
{
    const struct mb_db_config *c = &l->db->config;
    bool is_refused = c->is_foreign && !c->is_read_only && !c->is_rehearsal && is_single(op) &&
                      strcmp(op->err.sqlstate, "25006") == 0;
    /* The one thing of an interned statement that changes: what is known of it. */
    return is_refused && !atomic_exchange(&((struct mb_stmt *)(uintptr_t)op->stmt)->writes, true);
}

const char *mb_frame__commit_sql(const struct mb_db *db)
{
    return db->config.is_rehearsal ? "RELEASE " TX : "COMMIT";
}

const char *mb_frame__commit_tag(const struct mb_db *db)
{
    return db->config.is_rehearsal ? "RELEASE" : "COMMIT";
}

void mb_frame__sent(struct mb_link *l, const struct mb_op *op)
{
    if (!l->db->config.is_rehearsal) return;
    if (is_single(op)) l->savepoint = MB_SAVEPOINT_ONE;
    if (op->begins) l->savepoint = MB_SAVEPOINT_TX;
}

void mb_frame__ended(struct mb_link *l, const struct mb_op *op)
{
    const struct mb_db_config *c = &l->db->config;
    if (c->is_foreign && !c->is_rehearsal && op->err.rc != MB_OK)
        l->renew_ns = 0; /* nothing has cleaned it: settle closes it */
    bool is_closed = is_single(op) || op->commits || op->kind == MB_OP_HOUSE;
    if (is_closed && op->err.rc == MB_OK) l->savepoint = MB_SAVEPOINT_NONE;
}

bool mb_frame__is_open(const struct mb_link *l)
{
    PGTransactionStatusType status = PQtransactionStatus(l->conn);
    if (l->db->config.is_rehearsal) return l->savepoint != MB_SAVEPOINT_NONE;
    return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

const char *mb_frame__undo_sql(const struct mb_link *l)
{
    static const char *const undo[] = {[MB_SAVEPOINT_NONE] = "ROLLBACK",
                                       [MB_SAVEPOINT_ONE] = "ROLLBACK TO " ONE,
                                       [MB_SAVEPOINT_TX] = "ROLLBACK TO " TX};
    return undo[l->savepoint];
}

bool mb_frame__is_at_rest(const struct mb_link *l)
{
    PGTransactionStatusType status = PQtransactionStatus(l->conn);
    return status == PQTRANS_IDLE || (l->db->config.is_rehearsal && status == PQTRANS_INTRANS);
}

static enum mb_rc run(struct mb_db *db, struct mb_op **out, const char *sql, bool takes_back,
                      uint64_t deadline_ns, mb_op_cb cb, void *ctx, struct mb_err *err)
{
    enum mb_rc rc = mb_pool__admit(db, MB_OP_WRITE, deadline_ns, err);
    struct mb_op *op = rc == MB_OK ? mb_op__new(db, MB_OP_WRITE) : NULL;
    if (rc != MB_OK) return rc;
    if (op == NULL) return mb_fail(err, MB_E_NOMEM, "could not mark the rehearsal");
    op->sql = sql;
    op->takes_back = takes_back;
    op->deadline_ns = deadline_ns;
    op->cb = cb;
    op->ctx = ctx;
    rc = mb_pool__place(op, err);
    if (rc != MB_OK)
        mb_op__drop(op);
    else
        *out = op;
    return rc;
}

enum mb_rc mb_db_mark(struct mb_db *db, struct mb_op **op, uint64_t deadline_ns, mb_op_cb cb,
                      void *ctx, struct mb_err *err)
{
    return run(db, op, MARK, false, deadline_ns, cb, ctx, err);
}

enum mb_rc mb_db_take_back(struct mb_db *db, struct mb_op **op, uint64_t deadline_ns, mb_op_cb cb,
                           void *ctx, struct mb_err *err)
{
    return run(db, op, "ROLLBACK TO " MARK, true, deadline_ns, cb, ctx, err);
}
