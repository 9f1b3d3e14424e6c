/*
 * The life of a link: opened, settled after each flight, closed. Settling is the one place that
 * decides whether a connection may be used again (the release rule).
 */
#include "db/link.h"

#include <stdio.h>

#include "base/clock.h"
#include "db/frame.h"
#include "db/pool.h"
#include "db/tx.h"

#define MS_NS 1000000ull

void mb_link__open(struct mb_link *l)
{
    struct mb_db *db = l->db;
    db->nopening++;
    l->cut_at = mb_mono_ns() + db->config.connect_timeout * MS_NS;
    mb_pool__arm(db, l->cut_at);
    mb_link__resolve(l);
}

/* Whether op failed for a reason of its own before the connection went. */
static bool has_own_error(const struct mb_op *op)
{
    return op->err.rc != MB_OK && op->err.rc != MB_E_DB_LOST;
}

/* Nothing of it was committed for certain: it may run again elsewhere. */
static bool is_movable(const struct mb_op *op)
{
    bool harmless = op->kind == MB_OP_READ || (op->kind == MB_OP_WRITE && !op->synced);
    return harmless && !op->moved && !op->db->cut && mb_mono_ns() < op->deadline_ns;
}

static void end_lost(struct mb_op *op, const char *why)
{
    if (op->kind == MB_OP_HOUSE || op->orphan) {
        mb_op__drop(op);
    } else if (has_own_error(op)) {
        mb_op__finish(op);
    } else if (is_movable(op)) {
        op->moved = true;
        mb_pool__requeue(op);
    } else {
        bool is_unknown = op->synced && (op->kind == MB_OP_WRITE || op->commits);
        mb_op__fail(op, is_unknown ? MB_E_DB_LOST : MB_E_DB_UNAVAILABLE, why);
    }
}

/* libpq's messages have several lines; the first says what happened. */
static const char *first_line(const char *why, char *room, size_t size)
{
    if (why == NULL) return NULL;
    snprintf(room, size, "%.*s", (int)strcspn(why, "\r\n"), why);
    return room;
}

void mb_link__close(struct mb_link *l, const char *why)
{
    if (l->state == MB_LINK_EMPTY) return;
    char room[256];
    struct mb_db *db = l->db;
    enum mb_link_state was = l->state;
    struct mb_node ops;
    mb_list_init(&ops);
    mb_list_splice(&ops, &l->flight);
    why = first_line(why, room, sizeof room); /* it may live in the connection */

    l->state = MB_LINK_EMPTY;
    mb_link__unwatch(l);
    mb_link__drop_resolve(l);
    mb_link__drop_cancel(l);
    if (l->tx != NULL) mb_tx__lost(l->tx);
    PQfinish(l->conn);
    mb_relay__close(l);
    l->conn = NULL;
    l->tx = NULL;
    l->nflight = l->norphans = l->surplus = 0;
    l->cut_at = 0;
    l->alone = false;
    l->savepoint = MB_SAVEPOINT_NONE;
    mb_cache_clear(&l->cache);
    mb_pool__mark(l);
    while (!mb_list_is_empty(&ops)) /* from the last, because those that move go to the head */
        end_lost((struct mb_op *)ops.prev, why != NULL ? why : "the connection was closed");
    mb_pool__link_gone(db, was, why);
}

static void on_rolled_back(struct mb_link *l, struct mb_op *op)
{
    /* Did it not help, settling would try for ever. */
    if (!mb_frame__is_at_rest(l))
        mb_link__close(l, op->err.rc != MB_OK ? op->err.text : "could not roll back");
    mb_op__drop(op);
}

static void roll_back(struct mb_link *l)
{
    struct mb_op *op = mb_op__new(l->db, MB_OP_HOUSE);
    if (op == NULL) {
        mb_link__close(l, "out of memory");
        return;
    }
    mb_db__count(&l->db->stats->rollbacks, 1);
    op->sql = mb_frame__undo_sql(l);
    op->house = on_rolled_back;
    l->cut_at = mb_mono_ns() + l->db->config.statement_timeout * MS_NS;
    mb_pool__arm(l->db, l->cut_at);
    mb_link__send(l, op);
}

void mb_link__settle(struct mb_link *l)
{
    if (l->state != MB_LINK_UP || l->nflight > 0) return;
    mb_link__recall_cancel(l);
    if (l->cancel != NULL) /* it could still hit the next statement */
        return;
    l->cut_at = 0;
    l->alone = false;
    if (l->tx != NULL) return;
    if (l->renew_ns ==
        0) { /* not even rolled back: a pooler gives a session in a transaction to nobody else */
        mb_link__close(l, NULL);
    } else if (mb_frame__is_open(l)) {
        roll_back(l);
    } else if (!mb_frame__is_at_rest(l)) {
        mb_link__close(l, "the connection is out of step");
    } else if (mb_mono_ns() >= l->renew_ns) {
        mb_link__close(l, NULL);
    } else {
        mb_pool__mark(l);
        mb_pool__pump(l->db);
    }
}

void mb_link__flush(struct mb_link *l)
{
    int left = PQflush(l->conn);
    if (l->relay != NULL) {
        bool is_taken = mb_relay__push(l);
        while (left > 0 && is_taken) {
            left = PQflush(l->conn);
            is_taken = mb_relay__push(l);
        }
        if (left == 0 && !is_taken) left = 1;
    }
    if (left < 0)
        mb_link__close(l, PQerrorMessage(l->conn));
    else if (!mb_link__watch(l, left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE))
        mb_link__close(l, "could not watch the socket");
}
