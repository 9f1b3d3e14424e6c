/*
 * The steps of a reload, none of which blocks the supervisor:
 *
 *   idle -> room (a slot that no worker holds) -> check (a child) -> tables (a child, when the SQL of
 *   plugins has changed) -> build (all workers) -> idle
 *
 * Time is the monotonic clock: a reload that a paused machine makes late fails and is asked again.
 */
#define _GNU_SOURCE
#include "app/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/parts.h"
#include "app/say.h"
#include "app/scripts.h"
#include "base/clock.h"
#include "base/log.h"

/* Loading is limited in processor time, which a busy machine gives slowly: SLOW times as long is
 * waited for it. */
enum { MAX_WAITERS = 16, MARGIN_MS = 2000, SLOW = 10, REPORT_MAX = 64 * 1024, APPLIED_MAX = 512 };

enum step { STEP_IDLE, STEP_ROOM, STEP_CHECK, STEP_TABLES, STEP_BUILD };

struct waiter {
    mb_reload_told told; /* NULL = free */
    void *ctx;
    bool is_next; /* asked while a reload was at work: the one after answers */
};

/* Shared with the process that checks. */
struct report {
    size_t nroutes;
    char applied[APPLIED_MAX]; /* "clinic.sms 0002_add_urgency, …": stays, whatever becomes of the scripts */
    char text[REPORT_MAX];
};

struct mb_reload {
    struct mb_site *site;
    struct mb_shm *shm;
    struct mb_crew *crew;
    struct report *report;
    enum step step;
    enum mb_reload_kind kind;
    struct mb_bundle tree; /* while there is no room for it yet */
    struct mb_bundle sql;  /* of plugins, until it is applied */
    char sql_hash[65];     /* of what is applied */
    unsigned slot;
    pid_t child; /* that checks the scripts, or makes the tables */
    uint64_t started_ns, deadline_ns;
    bool is_asked; /* once more */
    uint64_t
        judged_until_ns; /* what a reload put into service is judged till then; 0 = it is not */
    struct waiter waiters[MAX_WAITERS];
};

static struct mb_line_up line_up(const struct mb_reload *r)
{
    return atomic_load(&r->shm->line_up);
}

static const char *name(const struct mb_reload *r, unsigned slot)
{
    return r->shm->shelf->slot[slot].id;
}

static void set_deadline(struct mb_reload *r, int64_t ms)
{
    r->deadline_ns = mb_mono_ns() + (uint64_t)(ms + MARGIN_MS) * 1000000u;
}

static bool is_late(const struct mb_reload *r) { return mb_mono_ns() > r->deadline_ns; }

/* ---- what became of it ---- */

static void tell(struct mb_reload *r, bool is_done, const char *text)
{
    for (unsigned i = 0; i < MAX_WAITERS; i++) {
        struct waiter w = r->waiters[i];
        if (w.told == NULL || w.is_next) continue;
        r->waiters[i].told = NULL;
        w.told(w.ctx, is_done, text);
    }
    for (unsigned i = 0; i < MAX_WAITERS; i++) r->waiters[i].is_next = false;
}

/* In development it is for the person at the terminal, else for the log. */
static void end(struct mb_reload *r, bool is_done, const char *text)
{
    r->step = STEP_IDLE;
    mb_bundle_free(&r->tree);
    mb_bundle_free(&r->sql);
    if (!is_done) atomic_fetch_add(&r->shm->reload_failures, 1);
    if (r->site->config->dev)
        mb_say_lines(mb_str_z(text));
    else
        mb_log(is_done ? MB_LOG_INFO : MB_LOG_ERROR, is_done ? "scripts" : "scripts not changed",
               "detail", text, NULL);
    tell(r, is_done, text);
}

static void fail(struct mb_reload *r, const char *why)
{
    char text[REPORT_MAX + APPLIED_MAX + 256];
    const char *serving = name(r, line_up(r).serving), *applied = r->report->applied;
    bool has_line = *why != '\0' && why[strlen(why) - 1] == '\n';
    int n = snprintf(text, sizeof text, "%s%s", why, has_line ? "" : "\n");
    if (applied[0] == '\0')
        (void)snprintf(text + n, sizeof text - (size_t)n,
                       "nothing was changed; generation %s serves\n", serving);
    else
        (void)snprintf(text + n, sizeof text - (size_t)n,
                       "the scripts were not changed, generation %s serves; applied, and not taken "
                       "back: %s; medbookd migrate down --plugin NAME takes the last one back\n",
                       serving, applied);
    end(r, false, text);
}

/* ---- room ---- */

static bool is_free(const struct mb_reload *r, unsigned slot)
{
    struct mb_line_up l = line_up(r);
    if (slot == l.serving || slot == l.spare || slot == l.candidate) return false;
    for (uint32_t w = 0; w < r->shm->nplaces; w++)
        if (atomic_load(&r->shm->worker[w].holds[slot]) != MB_HOLDS_NONE) return false;
    return true;
}

static bool has_new_sql(const struct mb_reload *r) { return strcmp(r->sql.hash, r->sql_hash) != 0; }

static void read_tree(struct mb_reload *r)
{
    struct mb_err err = {0};
    r->started_ns = mb_mono_ns();
    r->kind = MB_RELOAD_TREE;
    r->report->applied[0] = '\0';
    if (mb_site_scripts(r->site, &r->tree, &err) != MB_OK ||
        mb_site_plugin_sql(r->site, &r->sql, &err) != MB_OK) {
        fail(r, err.text);
        return;
    }
    const char *serving = name(r, line_up(r).serving);
    if (strncmp(r->tree.hash, serving, strlen(serving)) == 0 && !has_new_sql(r)) {
        char text[128];
        (void)snprintf(text, sizeof text, "generation %s serves: the scripts have not changed\n",
                       serving);
        mb_bundle_free(&r->tree);
        mb_bundle_free(&r->sql);
        mb_log(MB_LOG_INFO, "scripts", "detail", text, NULL);
        tell(r, true, text);
        return;
    }
    set_deadline(r, r->site->config->reload_drain_timeout);
    r->step = STEP_ROOM;
}

static enum mb_rc count_routes(const struct mb_states *states, void *ctx, struct mb_err *err)
{
    (void)err;
    *(size_t *)ctx = mb_vm_route_count(states->vm);
    return MB_OK;
}

/* asks_database: what PostgreSQL refuses of plugins' statements is a fault too. */
static enum mb_rc check_scripts(const struct mb_reload *r, unsigned slot, bool asks_database,
                                struct mb_buf *text, struct mb_err *err)
{
    const struct mb_config *config = r->site->config;
    const struct mb_tables_plan plan = {.db = mb_parts_tables(config, r->site->app_url),
                                        .secret = r->site->secret};
    struct mb_tables *tables = NULL;
    enum mb_rc rc = asks_database ? mb_tables_new(&tables, &plan, err) : MB_OK;
    if (rc == MB_OK)
        rc = mb_scripts_check(config, tables, &r->shm->shelf->slot[slot], count_routes,
                              &r->report->nroutes, text, err);
    mb_tables_free(tables);
    return rc;
}

/* The tables that statements name are there unless new migrations make them: then it is asked after these. */
static _Noreturn void check(const struct mb_reload *r, bool asks_database)
{
    const struct mb_config *config = r->site->config;
    const rlim_t seconds = (rlim_t)(config->reload_load_timeout / 1000 + 2);
    const struct rlimit cpu = {seconds, seconds + 1};
    struct mb_buf text;
    struct mb_err err = {0};
    (void)setrlimit(RLIMIT_CPU, &cpu);
    mb_buf_init(&text, REPORT_MAX - 1);
    enum mb_rc rc = check_scripts(r, r->slot, asks_database, &text, &err);
    const char *said = text.len > 0 ? text.data : err.text;
    size_t n = text.len > 0 ? text.len : strlen(err.text);
    if (rc != MB_OK) memcpy(r->report->text, said, n);
    r->report->text[n] = '\0';
    mb_log_flush();
    _exit(rc == MB_OK ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void start_check(struct mb_reload *r)
{
    const struct mb_child_plan plan = {.user = &r->site->user, .signals = &r->site->signals};
    struct mb_err err = {0};
    enum mb_rc rc = mb_shelf_put(r->shm->shelf, r->slot, &r->tree, &err);
    mb_bundle_free(&r->tree);
    r->report->text[0] = '\0';
    if (rc == MB_OK) rc = mb_child_fork(&r->child, &plan, &err);
    if (rc == MB_OK && r->child == 0) check(r, !has_new_sql(r));
    if (rc != MB_OK) {
        fail(r, err.text);
        return;
    }
    set_deadline(r, r->site->config->reload_load_timeout * SLOW);
    r->step = STEP_CHECK;
}

static void find_room(struct mb_reload *r)
{
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++) {
        if (!is_free(r, i)) continue;
        r->slot = i;
        start_check(r);
        return;
    }
    if (is_late(r)) fail(r, "requests of earlier scripts did not end within reload.drain_timeout");
}

/* ---- check ---- */

static void line(struct mb_reload *r, unsigned serving, unsigned spare, unsigned candidate)
{
    mb_shm_line_up(r->shm, serving, spare, candidate);
    mb_crew_signal(r->crew, MB_SIGNAL_CHANGED);
}

static void start_build(struct mb_reload *r)
{
    const struct mb_config *config = r->site->config;
    struct mb_line_up l = line_up(r);
    set_deadline(r, config->reload_load_timeout * SLOW + config->reload_drain_timeout);
    r->step = STEP_BUILD;
    line(r, l.serving, l.spare, r->slot);
}

/* ---- tables of plugins ---- */

/* In the child. What does not fit is left out: the last of it says so. */
static void note_applied(void *ctx, const char *plugin, const char *migration)
{
    static const char more[] = ", and more";
    char *applied = ctx, one[APPLIED_MAX];
    size_t used = strlen(applied);
    int n = snprintf(one, sizeof one, "%s%s %s", used > 0 ? ", " : "", plugin, migration);
    if (used + (size_t)n + sizeof more <= APPLIED_MAX)
        memcpy(applied + used, one, (size_t)n + 1);
    else if (used < sizeof more || strcmp(applied + used - (sizeof more - 1), more) != 0)
        memcpy(applied + used, more, sizeof more);
}

/* A database of its own it migrates; one that has a URL must have been migrated. */
static _Noreturn void make_tables(const struct mb_reload *r)
{
    bool is_embedded = r->site->postgres != NULL;
    struct mb_schema_plan plan =
        mb_site_schema(r->site, NULL, &r->sql, is_embedded ? MB_SCHEMA_UP : MB_SCHEMA_VERIFY);
    plan.applied = note_applied;
    plan.applied_ctx = r->report->applied;
    struct mb_err err = {0};
    enum mb_rc rc = mb_schema_work(&plan, &err);
    if (rc == MB_OK) check(r, true);
    (void)snprintf(r->report->text, sizeof r->report->text, "%s", err.text);
    mb_log_flush();
    _exit(EXIT_FAILURE);
}

static void start_tables(struct mb_reload *r)
{
    const struct mb_child_plan plan = {.user = &r->site->user, .signals = &r->site->signals};
    struct mb_err err = {0};
    r->report->text[0] = '\0';
    enum mb_rc rc = mb_child_fork(&r->child, &plan, &err);
    if (rc == MB_OK && r->child == 0) make_tables(r);
    if (rc == MB_OK)
        r->step = STEP_TABLES;
    else
        fail(r, err.text);
}

static void end_check(struct mb_reload *r, int status)
{
    char how[64], text[192];
    if (status == 0) {
        if (has_new_sql(r))
            start_tables(r);
        else
            start_build(r);
        return;
    }
    if (r->report->text[0] != '\0') {
        fail(r, r->report->text);
        return;
    }
    mb_child_describe(status, how, sizeof how);
    (void)snprintf(text, sizeof text, "the process that checks the scripts ended with %s%s", how,
                   WIFSIGNALED(status) ? "; does loading take longer than reload.load_timeout?"
                                       : "");
    fail(r, text);
}

static void await_tables(struct mb_reload *r)
{
    int status = 0;
    if (!mb_child_has_ended(r->child, &status)) return;
    if (status != 0) {
        fail(r, r->report->text[0] != '\0' ? r->report->text
                                           : "the process that makes the tables of plugins ended");
        return;
    }
    memcpy(r->sql_hash, r->sql.hash, sizeof r->sql_hash);
    start_build(r);
}

static void await_check(struct mb_reload *r)
{
    int status = 0;
    if (mb_child_has_ended(r->child, &status))
        end_check(r, status);
    else if (is_late(r))
        (void)kill(r->child, SIGKILL);
}

/* ---- build and switch ---- */

static void withdraw(struct mb_reload *r, const char *why)
{
    struct mb_line_up l = line_up(r);
    line(r, l.serving, l.spare, MB_SHELF_NONE);
    fail(r, why);
}

static void commit(struct mb_reload *r)
{
    char text[256];
    const struct mb_config *config = r->site->config;
    const struct mb_shelf_slot *slot = &r->shm->shelf->slot[r->slot];
    unsigned before = line_up(r).serving;
    bool is_back = r->kind == MB_RELOAD_BACK;
    line(r, r->slot, before, MB_SHELF_NONE);
    atomic_fetch_add(is_back ? &r->shm->rollbacks : &r->shm->reloads, 1);
    int n = snprintf(text, sizeof text, "generation %s serves, %s %s", name(r, r->slot),
                     is_back ? "returned to from" : "after", name(r, before));
    if (!is_back)
        n += snprintf(text + n, sizeof text - (size_t)n, ": %zu scripts, %zu routes",
                      slot->nscripts + slot->nplugins, r->report->nroutes);
    (void)snprintf(text + n, sizeof text - (size_t)n, ", %.0f ms\n",
                   (double)(mb_mono_ns() - r->started_ns) / 1e6);
    r->judged_until_ns =
        is_back || config->reload_auto_rollback == 0
            ? 0
            : mb_mono_ns() + (uint64_t)config->reload_auto_rollback_window * 1000000u;
    end(r, true, text);
}

/* The quorum is whoever lives: one that is started later begins with what serves then. */
static void await_build(struct mb_reload *r)
{
    unsigned missing = 0, last = 0;
    for (uint32_t w = 0; w < r->shm->nplaces; w++) {
        const struct mb_shm_worker *worker = &r->shm->worker[w];
        if (r->crew->places[w].pid == 0) continue;
        uint32_t holds = atomic_load(&worker->holds[r->slot]);
        if (holds == MB_HOLDS_FAILED) {
            withdraw(r, worker->fault);
            return;
        }
        if (holds == MB_HOLDS_READY) continue;
        missing++;
        last = w;
    }
    char number[16], text[128];
    (void)snprintf(text, sizeof text, "worker %s did not build the scripts in time",
                   mb_shm_name(r->shm, last, number));
    if (missing == 0)
        commit(r);
    else if (is_late(r))
        withdraw(r, text);
}

/* ---- asking ---- */

static bool add_waiter(struct mb_reload *r, mb_reload_told told, void *ctx, bool is_next)
{
    if (told == NULL) return true;
    for (unsigned i = 0; i < MAX_WAITERS; i++) {
        if (r->waiters[i].told != NULL) continue;
        r->waiters[i] = (struct waiter){told, ctx, is_next};
        return true;
    }
    told(ctx, false, "too many wait for a reload already; repeat it\n");
    return false;
}

static void go_back(struct mb_reload *r, mb_reload_told told, void *ctx)
{
    const char *why = r->step != STEP_IDLE ? "a reload is at work; repeat it when that is done\n"
                      : line_up(r).spare == MB_SHELF_NONE
                          ? "there is no earlier generation: nothing was reloaded since the start\n"
                          : NULL;
    if (why != NULL) {
        if (told != NULL) told(ctx, false, why);
        return;
    }
    if (!add_waiter(r, told, ctx, false)) return;
    r->started_ns = mb_mono_ns();
    r->kind = MB_RELOAD_BACK;
    r->report->applied[0] = '\0';
    r->slot = line_up(r).spare;
    start_build(r);
}

/* ---- judging ---- */

/* New scripts that fail too often go back to where they came from, once: what serves then, and what somebody
 * goes back to, is not judged. */
static void judge(struct mb_reload *r)
{
    const struct mb_config *config = r->site->config;
    unsigned serving = line_up(r).serving;
    uint64_t requests = 0, failures = 0;
    char text[256];
    if (r->judged_until_ns == 0 || r->step != STEP_IDLE) return;
    for (uint32_t w = 0; w < r->shm->nworkers; w++) {
        requests += atomic_load(&r->shm->worker[w].score[serving].requests);
        failures += atomic_load(&r->shm->worker[w].score[serving].failures);
    }
    bool is_enough = requests >= (uint64_t)config->reload_auto_rollback_requests;
    if (is_enough && failures * 100 > requests * (uint64_t)config->reload_auto_rollback) {
        r->judged_until_ns = 0;
        (void)snprintf(text, sizeof text,
                       "%llu of %llu requests ended in an error of Lua or at a limit, more than "
                       "reload.auto_rollback (%d percent); the log tells each as a script error",
                       (unsigned long long)failures, (unsigned long long)requests,
                       (int)config->reload_auto_rollback);
        mb_log(MB_LOG_ERROR, "the new scripts fail: going back to the ones before", "generation",
               name(r, serving), "why", text, NULL);
        atomic_fetch_add(&r->shm->auto_rollbacks, 1);
        go_back(r, NULL, NULL);
    } else if (mb_mono_ns() > r->judged_until_ns) {
        r->judged_until_ns = 0;
    }
}

void mb_reload_ask(struct mb_reload *r, enum mb_reload_kind kind, mb_reload_told told, void *ctx)
{
    if (kind == MB_RELOAD_BACK)
        go_back(r, told, ctx);
    else if (add_waiter(r, told, ctx, r->step != STEP_IDLE))
        r->is_asked = true;
}

void mb_reload_forget(struct mb_reload *r, const void *ctx)
{
    for (unsigned i = 0; i < MAX_WAITERS; i++)
        if (r->waiters[i].ctx == ctx) r->waiters[i].told = NULL;
}

void mb_reload_step(struct mb_reload *r)
{
    enum step before;
    judge(r);
    do {
        before = r->step;
        switch (r->step) {
        case STEP_IDLE:
            if (!r->is_asked) return;
            r->is_asked = false;
            read_tree(r);
            break;
        case STEP_ROOM: find_room(r); break;
        case STEP_CHECK: await_check(r); break;
        case STEP_TABLES: await_tables(r); break;
        case STEP_BUILD: await_build(r); break;
        }
    } while (r->step != before || (r->step == STEP_IDLE && r->is_asked));
}

/* ---- life ---- */

enum mb_rc mb_reload_new(struct mb_reload **out, struct mb_site *site, struct mb_shm *shm,
                         struct mb_crew *crew, struct mb_err *err)
{
    struct mb_reload *r = calloc(1, sizeof *r);
    if (r == NULL) return mb_fail(err, MB_E_NOMEM, "no memory for the scripts");
    *r = (struct mb_reload){.site = site, .shm = shm, .crew = crew};
    *out = r;
    r->report =
        mmap(NULL, sizeof *r->report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r->report == MAP_FAILED) {
        r->report = NULL;
        return mb_fail(err, MB_E_NOMEM, "no memory for the scripts");
    }
    enum mb_rc rc = mb_site_scripts(site, &r->tree, err);
    if (rc == MB_OK) rc = mb_shelf_put(shm->shelf, 0, &r->tree, err);
    mb_bundle_free(&r->tree);
    if (rc == MB_OK) mb_shm_line_up(shm, 0, MB_SHELF_NONE, MB_SHELF_NONE);
    if (rc == MB_OK) rc = mb_site_plugin_sql(site, &r->sql, err);
    memcpy(r->sql_hash, r->sql.hash, sizeof r->sql_hash); /* the start applies it */
    mb_bundle_free(&r->sql);
    return rc;
}

static enum mb_rc judge_first(void *ctx, struct mb_err *err)
{
    const struct mb_reload *r = ctx;
    struct mb_buf text;
    mb_buf_init(&text, REPORT_MAX);
    enum mb_rc rc = check_scripts(r, 0, true, &text, err);
    if (rc != MB_OK && text.len > 0)
        mb_say_lines(mb_buf_str(&text));
    else if (rc != MB_OK)
        mb_say_error(err);
    mb_buf_reset(&text);
    return rc;
}

enum mb_rc mb_reload_judge_first(struct mb_reload *r, struct mb_err *err)
{
    const struct mb_child_plan child = {.user = &r->site->user, .signals = &r->site->signals};
    return mb_child_call(&child, judge_first, r, err);
}

void mb_reload_free(struct mb_reload *r)
{
    if (r == NULL) return;
    if (r->step == STEP_CHECK || r->step == STEP_TABLES) (void)kill(r->child, SIGKILL);
    if (r->step != STEP_IDLE) tell(r, false, "the server is stopping\n");
    mb_bundle_free(&r->tree);
    mb_bundle_free(&r->sql);
    if (r->report != NULL) (void)munmap(r->report, sizeof *r->report);
    free(r);
}
