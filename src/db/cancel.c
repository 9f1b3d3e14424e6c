/*
 * Cancel requests. PQcancel blocks and opens a connection of its own, so it runs on the loop's
 * threads, few at a time. The link takes nothing new until the request has returned and the
 * statement has ended; when that takes too long the socket is closed.
 */
#include "db/link.h"

#include <stdlib.h>

#include "base/clock.h"
#include "db/pool.h"

struct mb_cancel {
    struct mb_node node; /* of db->cancels while it waits for a thread */
    uv_work_t work;
    struct mb_db *db;
    struct mb_link *link; /* NULL once the link was closed */
    PGcancel *request;
    bool is_running;
};

static void start_next(struct mb_db *db);

static void run(uv_work_t *work)
{
    struct mb_cancel *c = work->data;
    char why[256];
    /* Its failure shows as a statement that does not end; the link's time limit answers that. */
    (void)PQcancel(c->request, why, sizeof why);
}

static void drop(struct mb_cancel *c)
{
    if (c->link != NULL) c->link->cancel = NULL;
    mb_list_remove(&c->node);
    PQfreeCancel(c->request);
    free(c);
}

static void on_ran(uv_work_t *work, int status)
{
    (void)status;
    struct mb_cancel *c = work->data;
    struct mb_db *db = c->db;
    struct mb_link *l = c->link;
    mb_pool__enter(db);
    db->ncancels--;
    drop(c);
    start_next(db);
    if (l != NULL) mb_link__settle(l);
    mb_pool__leave(db);
    mb_pool__handle_gone(db);
}

static void start_next(struct mb_db *db)
{
    while (db->ncancels < MB_DB_CANCELS && !mb_list_is_empty(&db->cancels)) {
        struct mb_cancel *c = (struct mb_cancel *)db->cancels.next;
        mb_list_remove(&c->node);
        if (uv_queue_work(db->loop, &c->work, run, on_ran) != 0) {
            drop(c);
            continue;
        }
        c->is_running = true;
        db->ncancels++;
        db->nhandles++;
    }
}

void mb_link__cancel(struct mb_link *l)
{
    if (l->cancel != NULL || l->state != MB_LINK_UP) return;
    struct mb_db *db = l->db;
    l->cut_at = mb_mono_ns() + db->config.cancel_timeout * 1000000ull;
    mb_pool__arm(db, l->cut_at);
    struct mb_cancel *c = calloc(1, sizeof *c);
    PGcancel *request = PQgetCancel(l->conn);
    if (c == NULL || request == NULL) { /* cut_at closes the socket instead */
        free(c);
        PQfreeCancel(request);
        return;
    }
    c->work.data = c;
    c->db = db;
    c->link = l;
    c->request = request;
    l->cancel = c;
    mb_db__count(&db->stats->cancels, 1);
    mb_list_append(&db->cancels, &c->node);
    start_next(db);
}

void mb_link__recall_cancel(struct mb_link *l)
{
    if (l->cancel != NULL && !l->cancel->is_running) drop(l->cancel);
}

void mb_link__drop_cancel(struct mb_link *l)
{
    mb_link__recall_cancel(l);
    if (l->cancel != NULL) l->cancel->link = NULL;
    l->cancel = NULL;
}
