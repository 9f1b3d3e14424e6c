#include "app/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/admin.h"
#include "app/admin_reload.h"
#include "app/generations.h"
#include "app/home.h"
#include "app/parts.h"
#include "app/writes.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/log.h"
#include "bind/budget.h"
#include "bind/running.h"

/*
 * Puts the parts together in one worker process and takes them down in order. It also shows the
 * heartbeat, and serves the sockets of siblings whose heartbeat is missing.
 */

enum { BEAT_MS = 100, SIBLING_MS = 100, DB_CLOSE_MS = 2000, EX_CONFIG = 78 };
enum { FIRST_MEASURE_MS = 1000, MEASURE_MARGIN_MS = 5000 };
/* While the jobs process ends: between two looks whether it is idle, and for giving jobs back. */
enum { REST_MS = 20, GIVE_BACK_MS = 500 };

struct worker {
    const struct mb_worker_plan *plan;
    struct mb_shm_worker *shm;
    uv_loop_t loop;
    struct mb_db *db;
    struct mb_client *client;
    struct mb_smtp *smtp;              /* of the jobs process, with smtp.host */
    char smtp_name[MB_SMTP_NAME];
    char mail_folder[MB_PATH_MAX + 8]; /* of the jobs process */
    struct mb_tables *tables;
    struct mb_admin_reload *reload;
    struct mb_http_handler of_scripts;
    struct mb_generations *scripts;
    struct mb_admin admin;
    struct mb_http_server *http;
    int listener[MB_MAX_WORKERS]; /* index in the server of each worker's socket */
    bool taken[MB_MAX_WORKERS];   /* whether we accept from it */
    uv_timer_t beat, siblings;
    struct mb_writes writes; /* of the jobs process */
    uv_timer_t jobs;    /* the jobs process: turns, and when it ends, looks whether it is idle */
    uv_timer_t measure; /* the jobs process */
    uint64_t rest_at;   /* loop time at which jobs are given back */
    bool has_given_back;
    bool is_up; /* the start succeeded */
    uv_signal_t term, changed;
    bool stopping; /* accepts no more; the beat only says that the loop turns */
};

static bool is_jobs(const struct worker *w) { return w->plan->index >= w->plan->shm->nworkers; }

static void on_beat(uv_timer_t *t)
{
    struct worker *w = t->data;
    atomic_fetch_add(&w->shm->beat, 1);
    atomic_store(&w->shm->scripts.script_bytes, mb_generations_bytes(w->scripts));
    if (!w->stopping) atomic_store(&w->shm->beat_ns, mb_mono_ns());
}

/* Accepts from the sockets of siblings that are dead, hung or starting, until they beat again. A
 * sibling that reaches the database ends this worker's back-off: the box heals as one. */
static void on_siblings(uv_timer_t *t)
{
    struct worker *w = t->data;
    const struct mb_shm *shm = w->plan->shm;
    bool is_reached = false;
    for (uint32_t i = 0; i < shm->nworkers; i++) {
        if (i == w->plan->index || w->stopping) continue;
        bool is_silent = mb_shm_is_silent(shm, i);
        is_reached = is_reached || (!is_silent && atomic_load(&shm->worker[i].db.connections) > 0);
        if (is_silent != w->taken[i]) {
            w->taken[i] = is_silent;
            if (i < w->plan->listeners->count) mb_http_accept(w->http, w->listener[i], is_silent);
        }
    }
    if (is_reached && !w->stopping) mb_db_retry(w->db);
}

static void close_timer(uv_timer_t *t)
{
    if (!uv_is_closing((uv_handle_t *)t)) uv_close((uv_handle_t *)t, NULL);
}

static void on_db_closed(void *ctx) { (void)ctx; } /* the loop ends when nothing is left open */

static void on_tables_closed(void *ctx)
{
    struct worker *w = ctx;
    if (w->db) mb_db_close(w->db, DB_CLOSE_MS, on_db_closed, w);
}

static void on_drained(void *ctx, bool clean)
{
    struct worker *w = ctx;
    if (!clean) mb_log(MB_LOG_WARN, "requests were cut: shutdown_timeout passed", NULL);
    close_timer(&w->beat);
    mb_generations_stop(w->scripts);
    mb_writes_close(&w->writes);
    if (w->client) mb_client_close(w->client);
    if (w->smtp) mb_smtp_close(w->smtp);
    if (w->reload) mb_admin_reload_close(w->reload);
    if (w->tables)
        mb_tables_close(w->tables, DB_CLOSE_MS, on_tables_closed, w);
    else
        on_tables_closed(w);
}

/* ---- jobs ---- */

/* One process of the machine looks after the schemas of plugins. */
static void on_measure(uv_timer_t *t)
{
    const struct worker *w = t->data;
    const struct mb_config *c = w->plan->config;
    int64_t patience =
        c->plugins_statement_timeout + 2 * c->database_cancel_timeout + MEASURE_MARGIN_MS;
    mb_tables_watch(w->tables, (uint64_t)c->plugins_schema_size, (uint32_t)patience);
}

static void on_turn(uv_timer_t *t) { mb_generations_turn(((struct worker *)t->data)->scripts); }

/* Jobs are finished within shutdown_timeout; then given back, for others or the next start. */
static void on_rest(uv_timer_t *t)
{
    struct worker *w = t->data;
    bool is_late = uv_now(&w->loop) >= w->rest_at;
    if (is_late && !w->has_given_back) {
        w->has_given_back = true;
        w->rest_at += GIVE_BACK_MS;
        mb_log(MB_LOG_WARN, "jobs are given back: shutdown_timeout passed", NULL);
        mb_generations_give_back(w->scripts);
    } else if (is_late || mb_generations_is_idle(w->scripts)) {
        close_timer(&w->jobs);
        on_drained(w, true);
    }
}

static void rest(struct worker *w)
{
    uv_update_time(&w->loop);
    w->rest_at = uv_now(&w->loop) + (uint64_t)w->plan->config->shutdown_timeout;
    mb_generations_halt(w->scripts);
    uv_timer_start(&w->jobs, on_rest, 0, REST_MS);
}

static void stop(struct worker *w)
{
    if (w->stopping) return;
    w->stopping = true;
    atomic_store(&w->shm->beat_ns, 0); /* siblings accept from our socket from now on */
    close_timer(&w->siblings);
    close_timer(&w->measure);
    uv_close((uv_handle_t *)&w->term, NULL);
    uv_close((uv_handle_t *)&w->changed, NULL);
    if (w->http)
        mb_http_drain(w->http, (uint32_t)w->plan->config->shutdown_timeout, on_drained, w);
    else if (w->is_up && is_jobs(w))
        rest(w);
    else
        on_drained(w, true);
    if (!w->is_up || !is_jobs(w)) close_timer(&w->jobs);
    atomic_store(&w->shm->ready, 0); /* last: the supervisor takes it as "accepts no more" */
}

static void on_term(uv_signal_t *s, int signum)
{
    (void)signum;
    stop(s->data);
}

static void on_changed(uv_signal_t *s, int signum)
{
    (void)signum;
    mb_generations_look(((struct worker *)s->data)->scripts);
}

/* ---- building ---- */

static enum mb_rc build_scripts(struct worker *w, struct mb_err *err)
{
    const struct mb_generations_plan plan = {.loop = &w->loop,
                                             .shm = w->plan->shm,
                                             .worker = w->plan->index,
                                             .config = w->plan->config,
                                             .db = w->db,
                                             .client = w->client,
                                             .tables = w->tables,
                                             .mail_folder = is_jobs(w) ? w->mail_folder : NULL,
                                             .smtp = w->smtp,
                                             .secret = w->plan->secret};
    (void)snprintf(w->mail_folder, sizeof w->mail_folder, "%s/mail", w->plan->folder);
    return mb_generations_new(&w->scripts, &plan, err);
}

/* Health and metrics are answered whatever the scripts are; everything else is theirs. */
static void on_head(void *ctx, struct mb_http_request *req)
{
    const struct worker *w = ctx;
    if (mb_http_tag(req) == MB_TAG_ADMIN)
        mb_admin_answer(&w->admin, req);
    else if (!mb_admin_answer_public(&w->admin, req))
        mb_generations_take(w->scripts, req);
}

/* What waits for the supervisor has no data of the scripts'. */
static void on_ready(void *ctx, struct mb_http_request *req)
{
    const struct worker *w = ctx;
    if (mb_http_data(req) != NULL) w->of_scripts.on_ready(ctx, req);
}

static void on_end(void *ctx, struct mb_http_request *req)
{
    const struct worker *w = ctx;
    mb_admin_reload_forget(w->reload, req);
    w->of_scripts.on_end(ctx, req);
}

/* Its own socket and, until they are needed, those of its siblings; or all that were handed in. */
static enum mb_rc listen_all(struct worker *w, struct mb_err *err)
{
    const struct mb_listeners *l = w->plan->listeners;
    enum mb_rc rc = MB_OK;
    int index;
    for (unsigned i = 0; rc == MB_OK && i < l->count; i++)
        rc = mb_http_listen(w->http, l->fds[i], MB_TAG_PUBLIC, &w->listener[i], err);
    if (rc == MB_OK && l->count > 0) mb_http_accept(w->http, w->listener[w->plan->index], true);
    w->taken[w->plan->index] = true;
    for (unsigned i = 0; rc == MB_OK && i < l->nhanded; i++) {
        rc = mb_http_listen(w->http, l->handed[i], MB_TAG_PUBLIC, &index, err);
        if (rc == MB_OK) mb_http_accept(w->http, index, true);
    }
    if (rc != MB_OK || l->admin_fd < 0) return rc;
    rc = mb_http_listen(w->http, l->admin_fd, MB_TAG_ADMIN, &index, err);
    if (rc != MB_OK) return rc;
    mb_http_outlast(w->http, index); /* /readyz must be seen to be red */
    mb_http_accept(w->http, index, true);
    return MB_OK;
}

static enum mb_rc build_http(struct worker *w, struct mb_err *err)
{
    struct mb_http_config config = mb_parts_http(w->plan->config);
    config.tally = w->plan->shm->tally;
    config.tally_index = w->plan->index;
    struct mb_http_handler callbacks = w->of_scripts = mb_handler_callbacks();
    callbacks.ctx = w;
    callbacks.on_head = on_head;
    callbacks.on_ready = on_ready;
    callbacks.on_end = on_end;
    enum mb_rc rc = mb_admin_reload_new(&w->reload, &w->loop, w->plan->folder, w->plan->shm, err);
    w->admin = (struct mb_admin){.shm = w->plan->shm,
                                 .index = w->plan->index,
                                 .db = w->db,
                                 .reload = w->reload,
                                 .hosts = w->plan->config->admin_hosts};
    if (rc == MB_OK)
        rc = mb_http_server_new(&w->http, &w->loop, &config, &callbacks, &w->shm->http, err);
    return rc == MB_OK ? listen_all(w, err) : rc;
}

static void init_handles(struct worker *w)
{
    uv_timer_t *timers[] = {&w->beat, &w->siblings, &w->jobs, &w->measure};
    for (size_t i = 0; i < sizeof timers / sizeof *timers; i++) {
        uv_timer_init(&w->loop, timers[i]);
        timers[i]->data = w;
    }
    uv_signal_init(&w->loop, &w->term);
    uv_signal_init(&w->loop, &w->changed);
    w->term.data = w->changed.data = w;
}

static void start_handles(struct worker *w)
{
    uv_timer_start(&w->beat, on_beat, 0, BEAT_MS);
    uint64_t turn_ms = (uint64_t)w->plan->config->jobs_poll_interval;
    if (is_jobs(w) && w->plan->config->jobs_concurrency > 0)
        uv_timer_start(&w->jobs, on_turn, 0, turn_ms);
    uint64_t measure_ms = (uint64_t)w->plan->config->plugins_measure_interval;
    if (is_jobs(w))
        uv_timer_start(&w->measure, on_measure,
                       measure_ms < FIRST_MEASURE_MS ? measure_ms : FIRST_MEASURE_MS, measure_ms);
    if (!is_jobs(w)) uv_timer_start(&w->siblings, on_siblings, SIBLING_MS, SIBLING_MS);
    uv_signal_start(&w->term, on_term, SIGTERM);
    mb_running_limit("worker.hang_timeout", w->plan->config->worker_hang_timeout);
    uv_signal_start(&w->changed, on_changed, MB_SIGNAL_CHANGED);
    mb_generations_look(w->scripts); /* a reload may be open since before */
}

static enum mb_rc open_tables(struct worker *w, struct mb_err *err)
{
    const struct mb_config *c = w->plan->config;
    const struct mb_tables_plan plan = {.loop = &w->loop,
                                        .db = mb_parts_tables(c, w->plan->database_url),
                                        .server = w->db,
                                        .secret = w->plan->secret,
                                        .board = &w->plan->shm->plugins,
                                        .max_kills = (uint32_t)c->plugins_max_kills,
                                        .kill_window_ns =
                                            (uint64_t)c->plugins_kill_window * 1000000u};
    return mb_tables_new(&w->tables, &plan, err);
}

/* Only jobs send mails. */
static enum mb_rc open_smtp(struct worker *w, struct mb_err *err)
{
    const struct mb_smtp_limits limits =
        mb_parts_smtp(w->plan->config, w->plan->smtp_password, w->smtp_name);
    if (!is_jobs(w) || limits.host[0] == '\0') return MB_OK;
    return mb_smtp_new(&w->smtp, &w->loop, &limits, err);
}

int mb_worker_main(const struct mb_worker_plan *plan)
{
    struct worker *w = calloc(1, sizeof *w);
    struct mb_err err = {.rc = MB_OK};
    if (!w || uv_loop_init(&w->loop) != 0) return EXIT_FAILURE;
    w->plan = plan;
    w->shm = &plan->shm->worker[plan->index];
    mb_random_after_fork();
    mb_running_limit("worker.start_timeout", plan->config->worker_start_timeout);
    mb_running_watch(MB_WORKER_HANGS);
    if (!mb_budget_start_ticks())
        mb_log(MB_LOG_WARN, "no timer for processor time: worker.script_cpu is not held", NULL);
    init_handles(w);
    struct mb_db_config db = mb_parts_db(plan->config, plan->database_url);
    if (is_jobs(w)) db.application_name = "medbookd jobs";
    enum mb_rc rc = mb_db_new(&w->db, &w->loop, &db, &w->shm->db, &err);
    const struct mb_client_limits client = mb_parts_client(plan->config);
    if (rc == MB_OK) rc = mb_client_new(&w->client, &w->loop, &client, &w->shm->client, &err);
    if (rc == MB_OK) rc = open_smtp(w, &err);
    if (rc == MB_OK) rc = open_tables(w, &err);
    if (rc == MB_OK) rc = build_scripts(w, &err);
    if (rc == MB_OK && !is_jobs(w)) rc = build_http(w, &err);
    if (rc == MB_OK && is_jobs(w)) mb_writes_watch(&w->writes, &w->loop, w->db, plan->shm);
    if (rc == MB_OK) {
        start_handles(w);
        w->is_up = true;
        atomic_store(&w->shm->ready, 1);
    } else {
        mb_log(MB_LOG_ERROR, "a worker cannot start", "error", err.text, NULL);
        stop(w);
    }
    uv_run(&w->loop, UV_RUN_DEFAULT);
    mb_http_server_free(w->http); /* its handles are closed now */
    mb_generations_free(w->scripts);
    mb_client_free(w->client);
    mb_smtp_free(w->smtp);
    mb_admin_reload_free(w->reload);
    mb_tables_free(w->tables);
    mb_db_free(w->db);
    uv_loop_close(&w->loop);
    free(w);
    mb_log_flush();
    bool is_of_scripts = rc == MB_E_SCRIPT || rc == MB_E_CONFIG;
    return rc == MB_OK ? EXIT_SUCCESS : is_of_scripts ? EX_CONFIG : EXIT_FAILURE;
}
