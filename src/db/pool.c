/*
 * Which link takes which op. The queue is strictly first come, first served: a write at its
 * head waits for the next link that falls idle, and no read that came later keeps it from that.
 * An op is refused at once when the queue is full, when the wait to be expected is longer than
 * it may wait, or when no link is up and the last attempt to open one failed.
 */
#include "db/pool.h"

#include "base/clock.h"
#include "db/tx.h"

#define MS_NS 1000000ull

void mb_pool__mark(struct mb_link *l)
{
    struct mb_db *db = l->db;
    bool idle = l->state == MB_LINK_UP && l->nflight == 0 && l->tx == NULL && l->cancel == NULL;
    if (idle == l->idle) return;
    l->idle = idle;
    db->nidle += idle ? 1u : -1u;
    atomic_store_explicit(&db->stats->idle, db->nidle, memory_order_relaxed);
}

/* Whether one more read may fly on it. A link whose oldest statement takes long is left alone,
 * so that quick reads do not wait behind a slow one. */
static bool is_shareable(const struct mb_link *l, uint64_t now)
{
    if (l->state != MB_LINK_UP || l->nflight == 0 || l->alone || l->tx != NULL ||
        l->cancel != NULL || l->nflight >= l->db->config.pipeline_depth || now >= l->renew_ns)
        return false;
    const struct mb_op *oldest = (const struct mb_op *)l->flight.next;
    return now - oldest->since_ns < MB_DB_STALL_MS * MS_NS;
}

struct mb_link *mb_pool__pick(struct mb_db *db, enum mb_op_kind kind)
{
    struct mb_link *best = NULL;
    uint32_t n = db->config.pool_max;
    if (db->nidle > 0) {
        for (uint32_t i = 0; i < n; i++)
            if (db->links[i].idle) return &db->links[i];
    }
    if (kind != MB_OP_READ) return NULL;
    uint64_t now = mb_mono_ns();
    for (uint32_t i = 0; i < n; i++) {
        struct mb_link *l = &db->links[i];
        if (is_shareable(l, now) && (best == NULL || l->nflight < best->nflight)) best = l;
    }
    return best;
}

bool mb_pool__is_down(const struct mb_db *db, enum mb_op_kind kind)
{
    if (db->nup > 0) return false;
    bool in_grace = db->grace_ns != 0 && mb_mono_ns() < db->grace_ns;
    bool is_over = db->grace_ns != 0 && !in_grace;
    return is_over || (db->failures > 0 && !(kind == MB_OP_READ && in_grace));
}

enum mb_rc mb_pool__admit(struct mb_db *db, enum mb_op_kind kind, uint64_t deadline_ns,
                          struct mb_err *err)
{
    if (db->closing) return mb_fail(err, MB_E_DB_UNAVAILABLE, "the database pool is closing");
    if (mb_pool__is_down(db, kind))
        return mb_fail(err, MB_E_DB_UNAVAILABLE, "the database cannot be reached: %s",
                       db->last_error);
    if (mb_mono_ns() >= deadline_ns)
        return mb_fail(err, MB_E_TIMEOUT, "the deadline passed before the statement was sent");
    return MB_OK;
}

static void set_queued(struct mb_db *db, uint32_t n)
{
    db->nqueued = n;
    atomic_store_explicit(&db->stats->waiting, n, memory_order_relaxed);
}

void mb_pool__leave_queue(struct mb_op *op)
{
    mb_list_remove(&op->node);
    set_queued(op->db, op->db->nqueued - 1);
}

static void join_queue(struct mb_op *op, uint64_t now)
{
    struct mb_db *db = op->db;
    op->state = MB_OP_QUEUED;
    op->link = NULL;
    op->since_ns = now;
    op->leave_ns = now + db->config.queue_timeout * MS_NS;
    if (op->leave_ns > op->deadline_ns) op->leave_ns = op->deadline_ns;
    if (db->nqueued == 0) db->taken_ns = now;
    set_queued(db, db->nqueued + 1);
    mb_pool__arm(db, op->leave_ns);
}

/* Gives op to the link: pins it, or sends. */
static void board(struct mb_op *op, struct mb_link *l)
{
    if (op->kind == MB_OP_PIN)
        mb_tx__pinned(op, l);
    else
        mb_link__send(l, op);
}

static enum mb_rc wait_in_queue(struct mb_op *op, struct mb_err *err)
{
    struct mb_db *db = op->db;
    uint64_t now = mb_mono_ns();
    uint64_t limit = db->config.queue_timeout * MS_NS;
    if (limit > op->deadline_ns - now) limit = op->deadline_ns - now;
    if (db->nqueued >= db->config.queue_max || db->nqueued * db->pace_ns > limit) {
        mb_db__count(&db->stats->queue_full, 1);
        return mb_fail(err, MB_E_DB_QUEUE_FULL, "%u statements wait for a database connection",
                       db->nqueued);
    }
    join_queue(op, now);
    mb_list_append(&db->queue, &op->node);
    mb_pool__grow(db, true);
    return MB_OK;
}

enum mb_rc mb_pool__place(struct mb_op *op, struct mb_err *err)
{
    struct mb_db *db = op->db;
    struct mb_link *l = db->nqueued == 0 ? mb_pool__pick(db, op->kind) : NULL;
    if (l == NULL) return wait_in_queue(op, err);
    if (l->nflight > 1) /* the least loaded has several: more links would help */
        mb_pool__grow(db, true);
    board(op, l);
    return MB_OK;
}

void mb_pool__requeue(struct mb_op *op)
{
    PQclear(op->res); /* what its first run left behind */
    op->res = NULL;
    op->err.rc = MB_OK;
    op->err.sqlstate[0] = '\0';
    mb_list_remove(&op->node);
    join_queue(op, mb_mono_ns());
    mb_list_prepend(&op->db->queue, &op->node);
    mb_pool__grow(op->db, true);
}

void mb_pool__pump(struct mb_db *db)
{
    while (db->nqueued > 0) {
        struct mb_op *op = (struct mb_op *)db->queue.next;
        struct mb_link *l = mb_pool__pick(db, op->kind);
        if (l == NULL) return;
        uint64_t now = mb_mono_ns();
        mb_pool__leave_queue(op);
        /* An eighth of the newest gap: smooth, yet honest within a dozen statements. */
        db->pace_ns = db->pace_ns - db->pace_ns / 8 + (now - db->taken_ns) / 8;
        db->taken_ns = now;
        mb_db__count(&db->stats->wait_us_sum, (now - op->since_ns) / 1000);
        board(op, l);
    }
}

void mb_pool__shed(struct mb_db *db)
{
    struct mb_node *n = db->queue.next, *next;
    for (; n != &db->queue; n = next) {
        struct mb_op *op = (struct mb_op *)n;
        next = n->next;
        if (!db->cut && !mb_pool__is_down(db, op->kind)) continue;
        mb_pool__leave_queue(op);
        mb_op__fail(op, MB_E_DB_UNAVAILABLE,
                    db->last_error[0] != '\0' ? db->last_error : "no database connection");
    }
}
