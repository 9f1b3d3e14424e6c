/*
 * One generation in a worker:
 *
 *   none --> building (thread) --> ready <--> serving, spare --> draining --> closing (thread)
 *                  `--> failed
 *
 * The thread makes or frees a state and touches nothing else; everything here runs on the loop.
 */
#include "app/generations.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "bind/background.h"
#include "bind/handler.h"

enum step { STEP_NONE, STEP_BUILDING, STEP_READY, STEP_DRAINING, STEP_CLOSING };

struct generation {
    struct mb_generations *owner;
    unsigned slot;
    enum step step;
    struct mb_scripts_place place;
    struct mb_states states;
    struct mb_handler *handler;
    struct mb_background *background; /* in the jobs process */
    uv_thread_t thread;               /* while building or closing */
    bool has_thread;
    _Atomic bool is_done; /* the thread has nothing more to do */
    bool is_empty;        /* draining: the last request has ended; works may go on */
    uint64_t cut_at;      /* draining: loop time at which requests are cut */
    enum mb_rc rc;
    struct mb_err err;
};

struct mb_generations {
    struct mb_generations_plan plan;
    struct mb_shm_worker *shm;
    struct mb_scripts scripts;
    struct generation slot[MB_SHELF_SLOTS];
    struct mb_background_room room; /* of all of them */
    uv_async_t wake;                /* a thread is done, or a generation is empty */
    uv_timer_t cut;
    bool is_stopping;
    unsigned threads; /* running */
};

static void set_step(struct generation *n, enum step step)
{
    static const enum mb_holds holds[] = {[STEP_NONE] = MB_HOLDS_NONE,
                                          [STEP_BUILDING] = MB_HOLDS_BUILDING,
                                          [STEP_READY] = MB_HOLDS_READY,
                                          [STEP_DRAINING] = MB_HOLDS_DRAINING,
                                          [STEP_CLOSING] = MB_HOLDS_DRAINING};
    n->step = step;
    atomic_store(&n->owner->shm->holds[n->slot], holds[step]);
    mb_shm_ring(n->owner->plan.shm);
}

/* ---- threads ---- */

static void finish_thread(struct generation *n)
{
    atomic_store(&n->is_done, true);
    uv_async_send(&n->owner->wake);
}

static enum mb_rc make_states(struct generation *n, struct mb_err *err)
{
    struct mb_generations *g = n->owner;
    return mb_scripts_build(&g->scripts, &g->plan.shm->shelf->slot[n->slot], &n->place, &n->states,
                            NULL, err);
}

static void build(void *arg)
{
    struct generation *n = arg;
    n->rc = make_states(n, &n->err);
    finish_thread(n);
}

static void discard(void *arg)
{
    struct generation *n = arg;
    mb_scripts_discard(&n->states);
    finish_thread(n);
}

/* Without a thread to be had, the loop does it: slower for a moment, but done. */
static void start_thread(struct generation *n, enum step step, void (*work)(void *arg))
{
    struct mb_generations *g = n->owner;
    atomic_store(&n->is_done, false);
    set_step(n, step);
    n->has_thread = uv_thread_create(&n->thread, work, n) == 0;
    if (n->has_thread)
        g->threads++;
    else
        work(n);
}

/* ---- steps ---- */

static void prepare(struct generation *n)
{
    struct mb_generations *g = n->owner;
    n->place = (struct mb_scripts_place){.loop = g->plan.loop,
                                         .db = g->plan.db,
                                         .client = g->plan.client,
                                         .tables = g->plan.tables,
                                         .rates = g->plan.shm->rates,
                                         .hashers = g->plan.shm->hashers,
                                         .mail_folder = g->plan.mail_folder,
                                         .smtp = g->plan.smtp,
                                         .secret = g->plan.secret,
                                         .board = &g->plan.shm->plugins,
                                         .place = g->plan.worker};
    n->is_empty = false;
}

static void on_idle(void *ctx)
{
    struct generation *n = ctx;
    uv_async_send(&n->owner->wake);
}

static enum mb_rc open_background(struct generation *n)
{
    struct mb_generations *g = n->owner;
    const struct mb_background_plan plan = {.vm = n->states.vm,
                                            .room = &g->room,
                                            .stats = &g->plan.shm->jobs,
                                            .on_idle = on_idle,
                                            .ctx = n};
    return g->plan.worker < g->plan.shm->nworkers ? MB_OK
                                                  : mb_background_new(&n->background, &plan);
}

static void close_handler(struct generation *n)
{
    mb_background_free(n->background);
    mb_handler_free(n->handler);
    mb_plugins_detach(n->states.plugins);
    n->background = NULL;
    n->handler = NULL;
}

static enum mb_rc open_handler(struct generation *n, struct mb_err *err)
{
    struct mb_generations *g = n->owner;
    const struct mb_handler_plan plan = {.vm = n->states.vm,
                                         .stats = &g->shm->scripts,
                                         .score = &g->shm->score[n->slot],
                                         .show_errors = g->plan.config->dev,
                                         .check_answers = g->plan.config->dev ||
                                                          g->plan.config->http_check_answers};
    atomic_store(&g->shm->score[n->slot].requests, 0);
    atomic_store(&g->shm->score[n->slot].failures, 0);
    if (mb_plugins_attach(n->states.plugins, g->plan.loop) == MB_OK &&
        mb_handler_new(&n->handler, &plan) == MB_OK && open_background(n) == MB_OK)
        return MB_OK;
    close_handler(n);
    return mb_fail(err, MB_E_NOMEM, "no memory for the request handler");
}

static void fail(struct generation *n)
{
    struct mb_shm_worker *shm = n->owner->shm;
    memcpy(shm->fault, n->err.text, sizeof n->err.text);
    n->step = STEP_NONE;
    atomic_store(&shm->holds[n->slot], MB_HOLDS_FAILED);
    mb_shm_ring(n->owner->plan.shm);
}

static void close_state(struct generation *n)
{
    close_handler(n);
    start_thread(n, STEP_CLOSING, discard);
}

static void on_built(struct generation *n)
{
    if (n->rc == MB_OK && !n->owner->is_stopping) n->rc = open_handler(n, &n->err);
    if (n->rc == MB_OK && n->handler != NULL) {
        set_step(n, STEP_READY);
        return;
    }
    if (n->rc != MB_OK && n->states.vm == NULL)
        fail(n);
    else
        start_thread(n, STEP_CLOSING, discard);
}

/* Called in the middle of the last request's end: what follows waits for the loop. */
static void on_empty(void *ctx)
{
    struct generation *n = ctx;
    n->is_empty = true;
    uv_async_send(&n->owner->wake);
}

static void retire(struct generation *n)
{
    struct mb_generations *g = n->owner;
    set_step(n, STEP_DRAINING);
    n->cut_at = uv_now(g->plan.loop) + (uint64_t)g->plan.config->reload_drain_timeout;
    if (n->background != NULL) mb_background_halt(n->background);
    mb_handler_retire(n->handler, on_empty, n);
}

/* ---- the line-up ---- */

static bool is_in(struct mb_line_up l, unsigned slot)
{
    return l.serving == slot || l.spare == slot || l.candidate == slot;
}

static struct mb_line_up line_up(const struct mb_generations *g)
{
    return atomic_load(&g->plan.shm->line_up);
}

static bool is_any_leaving(const struct mb_generations *g)
{
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++)
        if (g->slot[i].step == STEP_DRAINING || g->slot[i].step == STEP_CLOSING) return true;
    return false;
}

/* A fault was read by the supervisor once it took the candidate back. */
static void forget_faults(struct mb_generations *g, struct mb_line_up l)
{
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++)
        if (!is_in(l, i) && atomic_load(&g->shm->holds[i]) == MB_HOLDS_FAILED)
            set_step(&g->slot[i], STEP_NONE);
}

static void look(struct mb_generations *g)
{
    struct mb_line_up l = line_up(g);
    if (g->is_stopping) return;
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++)
        if (g->slot[i].step == STEP_READY && !is_in(l, i)) retire(&g->slot[i]);
    forget_faults(g, l);
    if (l.candidate == MB_SHELF_NONE || is_any_leaving(g)) return;
    struct generation *n = &g->slot[l.candidate];
    if (n->step != STEP_NONE || atomic_load(&g->shm->holds[n->slot]) == MB_HOLDS_FAILED) return;
    prepare(n);
    start_thread(n, STEP_BUILDING, build);
}

/* What was begun then kept the loop from its requests until now. */
static void note_pause(const struct mb_generations *g, uint64_t began_ns)
{
    uint64_t pause = mb_mono_ns() - began_ns;
    if (pause > atomic_load(&g->shm->pause_ns)) atomic_store(&g->shm->pause_ns, pause);
}

void mb_generations_look(struct mb_generations *g)
{
    uint64_t began = mb_mono_ns();
    look(g);
    note_pause(g, began);
}

static void join_threads(struct mb_generations *g)
{
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++) {
        struct generation *n = &g->slot[i];
        bool is_at_work = n->step == STEP_BUILDING || n->step == STEP_CLOSING;
        if (!is_at_work || !atomic_load(&n->is_done)) continue;
        if (n->has_thread) {
            uv_thread_join(&n->thread);
            g->threads--;
        }
        if (n->step == STEP_BUILDING)
            on_built(n);
        else
            set_step(n, STEP_NONE);
    }
}

static void close_wake(struct mb_generations *g)
{
    if (!uv_is_closing((uv_handle_t *)&g->wake)) uv_close((uv_handle_t *)&g->wake, NULL);
}

static bool is_at_rest(const struct generation *n)
{
    return n->is_empty && (n->background == NULL || mb_background_is_idle(n->background));
}

static void on_wake(uv_async_t *wake)
{
    struct mb_generations *g = wake->data;
    uint64_t began = mb_mono_ns();
    join_threads(g);
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++)
        if (g->slot[i].step == STEP_DRAINING && is_at_rest(&g->slot[i])) close_state(&g->slot[i]);
    look(g);
    note_pause(g, began);
    if (g->is_stopping && g->threads == 0) close_wake(g);
}

static void on_cut(uv_timer_t *timer)
{
    struct mb_generations *g = timer->data;
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++) {
        struct generation *n = &g->slot[i];
        if (n->step != STEP_DRAINING || is_at_rest(n) || uv_now(g->plan.loop) < n->cut_at) continue;
        mb_log(MB_LOG_WARN,
               "requests and jobs of replaced scripts are cut: reload.drain_timeout passed",
               "generation", g->plan.shm->shelf->slot[i].id, NULL);
        mb_handler_cut(n->handler);
        if (n->background != NULL) mb_background_stop(n->background, "its scripts were replaced");
    }
}

/* ---- requests ---- */

void mb_generations_take(struct mb_generations *g, struct mb_http_request *req)
{
    unsigned serving = line_up(g).serving;
    if (g->plan.config->dev) mb_http_set_generation(req, g->plan.shm->shelf->slot[serving].id);
    mb_handler_take(g->slot[serving].handler, req);
}

/* ---- jobs ---- */

void mb_generations_turn(struct mb_generations *g)
{
    unsigned serving = line_up(g).serving;
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++)
        if (g->slot[i].background != NULL) mb_background_cut_late(g->slot[i].background);
    if (g->slot[serving].background != NULL) mb_background_turn(g->slot[serving].background);
}

void mb_generations_halt(struct mb_generations *g)
{
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++)
        if (g->slot[i].background != NULL) mb_background_halt(g->slot[i].background);
}

void mb_generations_give_back(struct mb_generations *g)
{
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++)
        if (g->slot[i].background != NULL)
            mb_background_stop(g->slot[i].background, "the server stopped");
}

bool mb_generations_is_idle(const struct mb_generations *g)
{
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++)
        if (g->slot[i].background != NULL && !mb_background_is_idle(g->slot[i].background))
            return false;
    return true;
}

size_t mb_generations_bytes(const struct mb_generations *g)
{
    size_t sum = 0;
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++)
        if (g->slot[i].step == STEP_READY || g->slot[i].step == STEP_DRAINING)
            sum += mb_vm_bytes(g->slot[i].states.vm) + mb_plugins_bytes(g->slot[i].states.plugins);
    return sum;
}

/* ---- life ---- */

static enum mb_rc build_serving(struct mb_generations *g, struct mb_err *err)
{
    struct generation *n = &g->slot[line_up(g).serving];
    prepare(n);
    n->place.is_shown = true;
    enum mb_rc rc = make_states(n, err);
    if (rc == MB_OK) rc = open_handler(n, err);
    if (rc == MB_OK) set_step(n, STEP_READY);
    return rc;
}

enum mb_rc mb_generations_new(struct mb_generations **out, const struct mb_generations_plan *plan,
                              struct mb_err *err)
{
    enum { CUT_MS = 500 };
    struct mb_generations *g = calloc(1, sizeof *g);
    if (g == NULL) return mb_fail(err, MB_E_NOMEM, "no memory for the scripts");
    g->plan = *plan;
    g->shm = &plan->shm->worker[plan->worker];
    g->room.most = (unsigned)plan->config->jobs_concurrency;
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++) {
        g->slot[i].owner = g;
        g->slot[i].slot = i;
    }
    enum mb_rc rc = mb_scripts_open(&g->scripts, plan->config, err);
    if (rc != MB_OK) {
        free(g);
        return rc;
    }
    uv_async_init(plan->loop, &g->wake, on_wake);
    uv_timer_init(plan->loop, &g->cut);
    g->wake.data = g->cut.data = g;
    uv_timer_start(&g->cut, on_cut, CUT_MS, CUT_MS);
    *out = g;
    return build_serving(g, err);
}

void mb_generations_stop(struct mb_generations *g)
{
    if (g == NULL) return;
    g->is_stopping = true;
    uv_close((uv_handle_t *)&g->cut, NULL);
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++)
        if (g->slot[i].handler != NULL) close_handler(&g->slot[i]); /* else a thread may be at it */
    if (g->threads == 0) close_wake(g);
}

void mb_generations_free(struct mb_generations *g)
{
    if (g == NULL) return;
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++) mb_scripts_discard(&g->slot[i].states);
    mb_scripts_close(&g->scripts);
    free(g);
}
