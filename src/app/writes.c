/* A count of refused statements, and a trial that must succeed after the last of them. */
#include "app/writes.h"

#include "base/clock.h"
#include "base/log.h"
#include "db/fault.h"

/* No keys: a trial is sooner than probes of /readyz ask, and few bytes where nothing can be written anyhow. */
enum { LOOK_MS = 1000, TRIAL_MS = 10000 };

static uint64_t count_refused(const struct mb_shm *shm)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < shm->nplaces; i++) n += atomic_load(&shm->worker[i].db.refused_writes);
    return n;
}

bool mb_writes_stand(const struct mb_shm *shm)
{
    return count_refused(shm) == atomic_load(&shm->refused_before_trial);
}

static void tell(struct mb_writes *w, bool is_refused, const char *why)
{
    if (is_refused == w->is_told) return;
    w->is_told = is_refused;
    if (is_refused)
        mb_log(MB_LOG_ERROR, "the database refuses to write; reads go on", "error", why, NULL);
    else
        mb_log(MB_LOG_INFO, "the database can be written to again", NULL);
}

static void on_trial(void *ctx, enum mb_rc rc, PGresult *res, const struct mb_err *err)
{
    struct mb_writes *w = ctx;
    w->op = NULL;
    PQclear(res);
    if (rc != MB_OK && rc != MB_E_DB) { /* again at the next look */
        if (mb_fault_refuses_writes(err)) tell(w, true, err->text);
        return;
    }
    /* Nothing can be said of a database in which we may not try. */
    if (rc == MB_E_DB)
        mb_log(MB_LOG_WARN, "no trial write can be made", "error", err->text, NULL);
    tell(w, false, NULL);
    atomic_store(&w->shm->refused_before_trial, w->refused);
}

static void on_look(uv_timer_t *timer)
{
    struct mb_writes *w = timer->data;
    struct mb_err err = {0};
    uint64_t refused = count_refused(w->shm);
    if (w->op != NULL || refused == atomic_load(&w->shm->refused_before_trial)) return;
    w->refused = refused;
    if (mb_db_try_write(w->db, &w->op, mb_mono_ns() + TRIAL_MS * 1000000ull, on_trial, w, &err) !=
        MB_OK)
        w->op = NULL; /* no database: /readyz says that */
}

void mb_writes_watch(struct mb_writes *w, uv_loop_t *loop, struct mb_db *db, struct mb_shm *shm)
{
    *w = (struct mb_writes){.shm = shm, .db = db};
    (void)uv_timer_init(loop, &w->timer);
    w->timer.data = w;
    (void)uv_timer_start(&w->timer, on_look, LOOK_MS, LOOK_MS);
}

void mb_writes_close(struct mb_writes *w)
{
    if (w->op != NULL) mb_op_cancel(w->op);
    w->op = NULL;
    if (w->timer.data != NULL && !uv_is_closing((uv_handle_t *)&w->timer))
        uv_close((uv_handle_t *)&w->timer, NULL);
}
