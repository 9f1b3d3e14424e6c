/*
 * How many links there are: growth on demand, one attempt at a time, exponential back-off with
 * full jitter after failures, a short grace for reads when the last link went.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "db/pool.h"

#define MS_NS 1000000ull

static uint64_t random_below(uint64_t n)
{
    uint64_t r;
    mb_random(&r, sizeof r);
    return n > 0 ? r % n : 0;
}

static void on_retry(uv_timer_t *timer)
{
    struct mb_db *db = timer->data;
    mb_pool__enter(db);
    mb_pool__grow(db, db->nqueued > 0);
    mb_pool__leave(db);
}

static void back_off(struct mb_db *db)
{
    uint32_t steps = db->failures < MB_DB_BACKOFF_STEPS ? MB_DB_BACKOFF_STEPS - db->failures : 0;
    uint64_t ms = 5 + random_below(db->config.reconnect_backoff_max >> steps);
    db->next_try_ns = mb_mono_ns() + ms * MS_NS;
    uv_timer_start(&db->retry, on_retry, ms + 1, 0);
}

void mb_pool__grow(struct mb_db *db, bool is_wanted)
{
    uint32_t least = db->config.pool_min > 0 ? db->config.pool_min : 1;
    if (db->closing || db->nopening > 0 || db->nup >= db->config.pool_max ||
        (!is_wanted && db->nup >= least) || mb_mono_ns() < db->next_try_ns)
        return;
    struct mb_link *l = db->links;
    while (l->state != MB_LINK_EMPTY) l++;
    mb_link__open(l);
}

void mb_db_retry(struct mb_db *db)
{
    if (db->nup > 0 || db->nopening > 0 || db->closing) return;
    db->next_try_ns = 0;
    mb_pool__enter(db);
    mb_pool__grow(db, true);
    mb_pool__leave(db);
}

static void set_up(struct mb_db *db, uint32_t n)
{
    db->nup = n;
    atomic_store_explicit(&db->stats->connections, n, memory_order_relaxed);
}

void mb_pool__link_up(struct mb_link *l)
{
    struct mb_db *db = l->db;
    uint64_t lifetime = db->config.max_lifetime * MS_NS;
    uint64_t now = mb_mono_ns();
    if (db->failures > 0) mb_log(MB_LOG_INFO, "database is reachable again", NULL);
    l->state = MB_LINK_UP;
    l->cut_at = 0;
    l->used_ns = now;
    l->renew_ns = now + lifetime - random_below(lifetime / 4 + 1);
    db->nopening--;
    db->failures = 0;
    db->grace_ns = 0;
    db->last_error[0] = '\0';
    mb_db__count(&db->stats->connects, 1);
    if (db->nup == 0) mb_pool__forget_wait(db);
    set_up(db, db->nup + 1);
    mb_link__settle(l);
    mb_pool__grow(db, db->nqueued > 0);
}

static void note_loss(struct mb_db *db, const char *why)
{
    set_up(db, db->nup - 1);
    if (why != NULL) {
        mb_db__count(&db->stats->lost, 1);
        mb_log(MB_LOG_WARN, "database connection lost", "why", why, NULL);
    }
    if (db->nup == 0 && !db->closing) {
        db->grace_ns = mb_mono_ns() + db->config.reconnect_grace * MS_NS;
        mb_pool__arm(db, db->grace_ns);
    }
}

static void note_failure(struct mb_db *db, const char *why)
{
    db->nopening--;
    if (why == NULL) return;
    mb_db__count(&db->stats->connect_failures, 1);
    if (db->failures++ == 0)
        mb_log(MB_LOG_WARN, "could not connect to the database", "why", why, NULL);
    if (!db->closing) back_off(db);
}

void mb_pool__link_gone(struct mb_db *db, enum mb_link_state was, const char *why)
{
    if (why != NULL) snprintf(db->last_error, sizeof db->last_error, "%s", why);
    if (was == MB_LINK_UP)
        note_loss(db, why);
    else
        note_failure(db, why);
    mb_pool__grow(db, db->nqueued > 0);
    mb_pool__shed(db);
}

void mb_pool__trim(struct mb_db *db)
{
    uint64_t now = mb_mono_ns();
    for (uint32_t i = db->config.pool_max; i-- > 0;) {
        struct mb_link *l = &db->links[i];
        bool is_spare = db->nup > db->config.pool_min && db->nup > 1 &&
                        now - l->used_ns > db->config.idle_timeout * MS_NS;
        bool is_old = now >= l->renew_ns;
        if (l->idle && is_old && db->nup == 1 && db->config.pool_max > 1)
            mb_pool__grow(db, true); /* the last one goes when another is there */
        else if (l->idle && (is_spare || is_old))
            mb_link__close(l, NULL);
    }
}
