/*
 * The pool's handles in the loop: one timer for the nearest of all deadlines, one for the next
 * connection attempt, a slow one for upkeep, an idle handle that delivers what became ready
 * outside a callback; and the orderly end of all that.
 */
#include "base/clock.h"
#include "db/pool.h"

#define MS_NS 1000000ull

void mb_pool__enter(struct mb_db *db) { db->in_loop = true; }

void mb_pool__leave(struct mb_db *db)
{
    mb_op__deliver(db);
    db->in_loop = false;
    if (!mb_list_is_empty(&db->ready)) mb_pool__kick(db);
    mb_pool__check_closed(db);
}

static void on_kick(uv_idle_t *kick)
{
    struct mb_db *db = kick->data;
    uv_idle_stop(kick);
    mb_pool__enter(db);
    mb_pool__leave(db);
}

void mb_pool__kick(struct mb_db *db) { uv_idle_start(&db->kick, on_kick); }

static uint64_t least(uint64_t a, uint64_t b) { return a < b ? a : b; }

static uint64_t scan_line(struct mb_db *db, struct mb_line *line, uint64_t now)
{
    uint64_t nearest = UINT64_MAX;
    struct mb_node *n = line->ops.next, *next;
    for (; n != &line->ops; n = next) {
        struct mb_op *op = (struct mb_op *)n;
        next = n->next;
        if (now < op->leave_ns) {
            nearest = least(nearest, op->leave_ns);
            continue;
        }
        bool is_late = op->leave_ns == op->deadline_ns;
        enum mb_rc rc = is_late ? MB_E_REQUEST_TIMEOUT : MB_E_DB_QUEUE_TIMEOUT;
        mb_pool__leave_queue(op);
        mb_db__count(&db->stats->queue_timeouts, 1);
        mb_op__fail(op, rc,
                    is_late ? "the request's time was over before a connection became free"
                            : mb_rc_text(rc));
    }
    return nearest;
}

/* Closing the socket ends no statement at the server that catches everything and looks at no client. A pooler's
 * number is not that of a process. */
static void tell_stuck(const struct mb_link *l)
{
    const struct mb_db_config *c = &l->db->config;
    bool is_known = l->state == MB_LINK_UP && l->nflight > 0 && c->pooler == MB_POOLER_NONE;
    if (is_known && c->on_stuck != NULL) c->on_stuck(c->stuck_ctx, PQbackendPID(l->conn));
}

static uint64_t scan_link(struct mb_link *l, uint64_t now)
{
    uint64_t nearest = UINT64_MAX;
    struct mb_node *n = l->flight.next, *next;
    for (; n != &l->flight; n = next) {
        struct mb_op *op = (struct mb_op *)n;
        next = n->next;
        if (op->orphan || op->kind == MB_OP_HOUSE) continue;
        if (now < op->deadline_ns)
            nearest = least(nearest, op->deadline_ns);
        else
            mb_link__time_out(l, op);
        if (l->state == MB_LINK_EMPTY) /* closed for want of memory */
            return UINT64_MAX;
    }
    uint64_t overdue = mb_link__overdue_ns(l);
    if (now < overdue)
        nearest = least(nearest, overdue);
    else if (l->cut_at == 0)
        mb_link__cancel(l);
    if (l->cut_at != 0 && now >= l->cut_at) {
        tell_stuck(l);
        mb_link__close(l, l->state == MB_LINK_UP ? "a statement could not be stopped in time"
                                                 : "the database did not answer in time");
    }
    return l->cut_at != 0 ? least(nearest, l->cut_at) : nearest;
}

static void cut(struct mb_db *db)
{
    db->cut = true;
    for (uint32_t i = 0; i < db->config.pool_max; i++) {
        tell_stuck(&db->links[i]);
        mb_link__close(&db->links[i], NULL);
    }
    mb_pool__shed(db);
}

static void on_deadline(uv_timer_t *timer)
{
    struct mb_db *db = timer->data;
    uint64_t now = mb_mono_ns();
    mb_pool__enter(db);
    db->armed_ns = UINT64_MAX;
    uint64_t nearest = UINT64_MAX;
    for (int i = 0; i < MB_LINES; i++) nearest = least(nearest, scan_line(db, &db->line[i], now));
    for (uint32_t i = 0; i < db->config.pool_max; i++)
        nearest = least(nearest, scan_link(&db->links[i], now));
    if (db->grace_ns != 0 && now < db->grace_ns)
        nearest = least(nearest, db->grace_ns);
    else if (db->grace_ns != 0)
        mb_pool__shed(db);
    if (db->closing && now >= db->close_ns)
        cut(db);
    else if (db->closing)
        nearest = least(nearest, db->close_ns);
    mb_pool__arm(db, nearest);
    mb_pool__leave(db);
}

void mb_pool__arm(struct mb_db *db, uint64_t at_ns)
{
    if (at_ns >= db->armed_ns || db->closed) return;
    uint64_t now = mb_mono_ns();
    db->armed_ns = at_ns;
    uv_timer_start(&db->deadline, on_deadline, at_ns > now ? (at_ns - now) / MS_NS + 1 : 1, 0);
}

static void on_upkeep(uv_timer_t *timer)
{
    struct mb_db *db = timer->data;
    mb_pool__enter(db);
    mb_pool__trim(db);
    mb_pool__grow(db, false);
    mb_pool__leave(db);
}

enum mb_rc mb_pool__start_timers(struct mb_db *db, struct mb_err *err)
{
    /* None of these can fail in the libuv releases in use; a later one may differ. */
    if (uv_timer_init(db->loop, &db->deadline) != 0 || uv_timer_init(db->loop, &db->retry) != 0 ||
        uv_timer_init(db->loop, &db->upkeep) != 0 || uv_idle_init(db->loop, &db->kick) != 0)
        return mb_fail(err, MB_E_IO, "could not start the timers of the database pool");
    db->deadline.data = db->retry.data = db->upkeep.data = db->kick.data = db;
    db->armed_ns = UINT64_MAX;
    db->nhandles = 4;
    uv_timer_start(&db->upkeep, on_upkeep, MB_DB_UPKEEP_MS, MB_DB_UPKEEP_MS);
    return MB_OK;
}

void mb_pool__handle_gone(struct mb_db *db)
{
    if (--db->nhandles == 0 && db->closed && db->done != NULL) db->done(db->done_ctx);
}

static void on_handle_closed(uv_handle_t *handle) { mb_pool__handle_gone(handle->data); }

static bool is_quiet(const struct mb_db *db)
{
    if (db->nqueued > 0 || !mb_list_is_empty(&db->ready) || !mb_list_is_empty(&db->delivering))
        return false;
    if (db->cut) return true;
    for (uint32_t i = 0; i < db->config.pool_max; i++)
        if (db->links[i].nflight > 0) return false;
    return db->npinned == 0;
}

void mb_pool__check_closed(struct mb_db *db)
{
    if (!db->closing || db->closed || db->in_loop || !is_quiet(db)) return;
    db->closed = true;
    for (uint32_t i = 0; i < db->config.pool_max; i++) mb_link__close(&db->links[i], NULL);
    uv_close((uv_handle_t *)&db->deadline, on_handle_closed);
    uv_close((uv_handle_t *)&db->retry, on_handle_closed);
    uv_close((uv_handle_t *)&db->upkeep, on_handle_closed);
    uv_close((uv_handle_t *)&db->kick, on_handle_closed);
}
