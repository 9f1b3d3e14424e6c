/*
 * Which link takes which op. Whoever comes first is served first, but for one rule: writes and
 * transactions, which hold a link alone and may wait on it for a row that somebody else has
 * locked, leave some links to reads. While they hold as many as they may, reads pass them; as
 * soon as they hold fewer, no read that came later keeps the oldest of them from the next idle
 * link. An op is refused at once when its line is full, when the wait to be expected is longer
 * than it may wait, or when no link is up and the last attempt to open one failed.
 */
#include "db/pool.h"

#include "base/clock.h"
#include "db/tx.h"

#define MS_NS 1000000ull

void mb_pool__mark(struct mb_link *l)
{
    struct mb_db *db = l->db;
    bool held = l->state == MB_LINK_UP && (l->alone || l->tx != NULL);
    bool idle = l->state == MB_LINK_UP && l->nflight == 0 && l->tx == NULL && l->cancel == NULL;
    if (held != l->held) db->nheld += held ? 1u : -1u;
    l->held = held;
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

/* Whether one more link may be held alone. Counted over the links that are up, so that reads find
 * one also where the server refuses further connections; the only link serves everybody. */
static bool may_hold(const struct mb_db *db)
{
    uint32_t kept = db->config.pool_reads;
    return db->nheld < (db->nup > kept + 1 ? db->nup - kept : 1);
}

struct mb_link *mb_pool__pick(struct mb_db *db, enum mb_op_kind kind)
{
    struct mb_link *best = NULL;
    if (kind != MB_OP_READ && !may_hold(db)) return NULL;
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
        return mb_fail(err, MB_E_REQUEST_TIMEOUT,
                       "the request's time was over before the statement was sent");
    return MB_OK;
}

static struct mb_line *line_of(const struct mb_op *op)
{
    return &op->db->line[op->kind == MB_OP_READ ? MB_LINE_SHARED : MB_LINE_ALONE];
}

static struct mb_op *first_of(const struct mb_line *line)
{
    return line->n > 0 ? (struct mb_op *)line->ops.next : NULL;
}

/* Whose turn it is: the first of those who may have a link at all; NULL = nobody's. */
static struct mb_op *next_in_line(struct mb_db *db)
{
    struct mb_op *shared = first_of(&db->line[MB_LINE_SHARED]);
    struct mb_op *alone = may_hold(db) ? first_of(&db->line[MB_LINE_ALONE]) : NULL;
    if (shared == NULL || alone == NULL) return shared != NULL ? shared : alone;
    return alone->ticket < shared->ticket ? alone : shared;
}

static void note_queued(struct mb_line *line, struct mb_db *db, uint32_t change)
{
    line->n += change;
    db->nqueued += change;
    atomic_store_explicit(&db->stats->waiting, db->nqueued, memory_order_relaxed);
}

void mb_pool__leave_queue(struct mb_op *op)
{
    mb_list_remove(&op->node);
    note_queued(line_of(op), op->db, -1u);
}

static void join_line(struct mb_op *op, uint64_t now)
{
    struct mb_db *db = op->db;
    struct mb_line *line = line_of(op);
    op->state = MB_OP_QUEUED;
    op->link = NULL;
    op->since_ns = now;
    op->leave_ns = now + db->config.queue_timeout * MS_NS;
    if (op->leave_ns > op->deadline_ns) op->leave_ns = op->deadline_ns;
    if (line->n == 0) line->taken_ns = now;
    note_queued(line, db, 1);
    mb_pool__arm(db, op->leave_ns);
}

void mb_pool__forget_wait(struct mb_db *db)
{
    uint64_t now = mb_mono_ns();
    for (struct mb_line *line = db->line; line < db->line + MB_LINES; line++) line->taken_ns = now;
}

uint64_t mb_pool__wait_ns(const struct mb_db *db)
{
    uint64_t longest = 0;
    for (const struct mb_line *line = db->line; line < db->line + MB_LINES; line++)
        if (line->n * line->pace_ns > longest) longest = line->n * line->pace_ns;
    return longest;
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
    struct mb_line *line = line_of(op);
    uint64_t now = mb_mono_ns();
    uint64_t limit = db->config.queue_timeout * MS_NS;
    if (limit > op->deadline_ns - now) limit = op->deadline_ns - now;
    if (line->n >= db->config.queue_max || line->n * line->pace_ns > limit) {
        mb_db__count(&db->stats->queue_full, 1);
        return mb_fail(err, MB_E_DB_QUEUE_FULL, "%u statements wait for a database connection",
                       line->n);
    }
    join_line(op, now);
    op->ticket = ++db->tickets;
    mb_list_append(&line->ops, &op->node);
    mb_pool__grow(db, true);
    return MB_OK;
}

enum mb_rc mb_pool__place(struct mb_op *op, struct mb_err *err)
{
    struct mb_db *db = op->db;
    struct mb_link *l = next_in_line(db) == NULL ? mb_pool__pick(db, op->kind) : NULL;
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
    join_line(op, mb_mono_ns());
    op->ticket = 0;
    mb_list_prepend(&line_of(op)->ops, &op->node);
    mb_pool__grow(op->db, true);
}

void mb_pool__pump(struct mb_db *db)
{
    struct mb_op *op;
    while ((op = next_in_line(db)) != NULL) {
        struct mb_link *l = mb_pool__pick(db, op->kind);
        if (l == NULL) return;
        struct mb_line *line = line_of(op);
        uint64_t now = mb_mono_ns();
        mb_pool__leave_queue(op);
        /* An eighth of the newest gap: smooth, yet honest within a dozen statements. */
        line->pace_ns = line->pace_ns - line->pace_ns / 8 + (now - line->taken_ns) / 8;
        line->taken_ns = now;
        mb_db__count(&db->stats->wait_us_sum, (now - op->since_ns) / 1000);
        board(op, l);
    }
}

static void shed_line(struct mb_db *db, struct mb_line *line)
{
    struct mb_node *n = line->ops.next, *next;
    for (; n != &line->ops; n = next) {
        struct mb_op *op = (struct mb_op *)n;
        next = n->next;
        if (!db->cut && !mb_pool__is_down(db, op->kind)) continue;
        mb_pool__leave_queue(op);
        mb_op__fail(op, MB_E_DB_UNAVAILABLE,
                    db->last_error[0] != '\0' ? db->last_error : "no database connection");
    }
}

void mb_pool__shed(struct mb_db *db)
{
    for (int i = 0; i < MB_LINES; i++) shed_line(db, &db->line[i]);
}
