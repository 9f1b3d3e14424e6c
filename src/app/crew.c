/*
 * Places and who sits in them. Time is counted in ticks of the supervisor, so a machine that
 * was paused finds everybody as silent as before and kills nobody.
 */
#define _GNU_SOURCE
#include "app/crew.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"

enum {
    TICK_MS = 100,
    KILL_TICKS = 10, /* between the first MB_WORKER_HANGS and SIGKILL */
    AGAIN_TICKS = 5, /* between the second one and SIGKILL */
    CALM_TICKS = 20, /* one that lived this long is started again at once */
};

static void log_worker(const struct mb_crew *c, enum mb_log_level level, const char *msg,
                       unsigned index, const char *detail)
{
    char number[16];
    mb_log(level, msg, "worker", mb_shm_name(c->plan.shm, index, number), "detail", detail, NULL);
}

/* Gauges of a process that is gone would stand for ever. */
static void clear_gauges(struct mb_shm_worker *w)
{
    atomic_store(&w->ready, 0);
    atomic_store(&w->beat_ns, 0);
    atomic_store(&w->beat, 0);
    atomic_store(&w->pid, 0);
    atomic_store(&w->http.open, 0);
    atomic_store(&w->http.in_flight, 0);
    atomic_store(&w->db.connections, 0);
    atomic_store(&w->db.idle, 0);
    atomic_store(&w->db.waiting, 0);
    atomic_store(&w->client.in_flight, 0);
    atomic_store(&w->scripts.script_bytes, 0);
    atomic_store(&w->scripts.tasks, 0);
    for (unsigned i = 0; i < MB_SHELF_SLOTS; i++) atomic_store(&w->holds[i], MB_HOLDS_NONE);
}

static _Noreturn void work(const struct mb_crew *c, unsigned index)
{
    static char name[32]; /* the log keeps the pointer */
    char number[16];
    struct mb_worker_plan plan = c->plan;
    plan.index = index;
    (void)snprintf(name, sizeof name, "%s%s", index < plan.shm->nworkers ? "worker-" : "",
                   mb_shm_name(plan.shm, index, number));
    mb_log_init(STDERR_FILENO, mb_log_threshold(), name);
    mb_log_count(&plan.shm->worker[index].log_dropped);
    (void)prctl(PR_SET_NAME, index < plan.shm->nworkers ? "medbookd" : "medbookd-jobs");
    exit(mb_worker_main(&plan));
}

static unsigned longest_pause(const struct mb_crew *c)
{
    return (unsigned)(c->plan.config->worker_restart_pause_max / TICK_MS);
}

static void fill(struct mb_crew *c, unsigned index)
{
    struct mb_crew_place *place = &c->places[index];
    struct mb_shm_worker *w = &c->plan.shm->worker[index];
    const struct mb_child_plan child = {
        .user = c->user, .signals = c->signals, .is_debuggable = c->plan.config->dev};
    struct mb_err err = {0};
    clear_gauges(w);
    pid_t pid = 0;
    if (mb_child_fork(&pid, &child, &err) != MB_OK) {
        log_worker(c, MB_LOG_ERROR, "worker could not be started", index, err.text);
        place->pause = longest_pause(c);
        return;
    }
    if (pid == 0) work(c, index);
    *place = (struct mb_crew_place){.pid = pid, .failures = place->failures};
    atomic_store(&w->pid, pid);
    if (atomic_fetch_add(&w->starts, 1) > 0) atomic_fetch_add(&c->plan.shm->worker_restarts, 1);
}

/* ---- ends ---- */

static void note_end(struct mb_crew *c, unsigned index, int status)
{
    struct mb_crew_place *place = &c->places[index];
    char how[64], detail[128];
    clear_gauges(&c->plan.shm->worker[index]);
    if (c->plan.shm->tally != NULL && index < c->plan.shm->nworkers)
        mb_tally_clear(c->plan.shm->tally, index);
    mb_tally_clear(c->plan.shm->hashers, index);
    place->pid = 0;
    place->kill_in = 0;
    if (atomic_load(&c->plan.shm->stopping) != 0) return;
    if (!c->was_ready && WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG) {
        c->is_broken = true;
        return;
    }
    if (place->age >= CALM_TICKS) place->failures = 0;
    place->pause = mb_child_pause(place->failures, longest_pause(c));
    place->failures++;
    mb_child_describe(status, how, sizeof how);
    (void)snprintf(detail, sizeof detail, "%s; next start in %u ms", how, place->pause * TICK_MS);
    log_worker(c, MB_LOG_ERROR, "worker ended", index, detail);
}

void mb_crew_reap(struct mb_crew *c)
{
    int status = 0;
    for (unsigned i = 0; i < c->plan.shm->nplaces; i++)
        if (c->places[i].pid > 0 && mb_child_has_ended(c->places[i].pid, &status))
            note_end(c, i, status);
}

/* ---- hung ones ---- */

/* Somebody is looking at it (debugger) or holds it (SIGSTOP): silent, but not hung. */
static bool is_held(pid_t pid)
{
    char path[64], line[256], state = 0;
    long tracer = 0;
    (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *f = fopen(path, "re");
    if (f == NULL) return true; /* just ended; the next reap takes it */
    while (fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "State:", 6) == 0) state = line[6 + strspn(line + 6, " \t")];
        if (strncmp(line, "TracerPid:", 10) == 0) tracer = strtol(line + 10, NULL, 10);
    }
    (void)fclose(f);
    return state == 'T' || state == 't' || tracer != 0;
}

static void end_hung(struct mb_crew *c, unsigned index)
{
    struct mb_crew_place *place = &c->places[index];
    char detail[128];
    (void)snprintf(detail, sizeof detail, "no heartbeat for %u ms (%s)", place->silent * TICK_MS,
                   place->beat == 0 ? "worker.start_timeout" : "worker.hang_timeout");
    log_worker(c, MB_LOG_ERROR, "worker hangs; ending it", index, detail);
    atomic_fetch_add(&c->plan.shm->worker_hangs, 1);
    (void)kill(place->pid, MB_WORKER_HANGS);
    place->kill_in = KILL_TICKS;
}

/* Ticks that a worker may be silent; 0 = for ever. */
static unsigned patience(const struct mb_config *config, uint64_t beat)
{
    int64_t ms = beat == 0 ? config->worker_start_timeout : config->worker_hang_timeout;
    return (unsigned)((ms + TICK_MS - 1) / TICK_MS);
}

static void watch(struct mb_crew *c, unsigned index)
{
    struct mb_crew_place *place = &c->places[index];
    place->age++;
    if (place->kill_in > 0) {
        place->kill_in--;
        if (place->kill_in == AGAIN_TICKS) (void)kill(place->pid, MB_WORKER_HANGS);
        if (place->kill_in == 0) (void)kill(place->pid, SIGKILL);
        return;
    }
    uint64_t beat = atomic_load(&c->plan.shm->worker[index].beat);
    place->silent = beat == place->beat ? place->silent + 1 : 0;
    place->beat = beat;
    unsigned limit = patience(c->plan.config, beat);
    if (limit == 0 || place->silent < limit) return;
    if (is_held(place->pid))
        place->silent = 0;
    else
        end_hung(c, index);
}

void mb_crew_tick(struct mb_crew *c)
{
    for (unsigned i = 0; i < c->plan.shm->nplaces; i++) {
        struct mb_crew_place *place = &c->places[i];
        if (place->pid > 0)
            watch(c, i);
        else if (place->pause > 0)
            place->pause--;
        else
            fill(c, i);
    }
}

/* ---- the whole crew ---- */

bool mb_crew_is_ready(struct mb_crew *c)
{
    for (unsigned i = 0; i < c->plan.shm->nplaces && !c->was_ready; i++)
        if (atomic_load(&c->plan.shm->worker[i].ready) == 0) return false;
    c->was_ready = true;
    return true;
}

bool mb_crew_serves(const struct mb_crew *c)
{
    for (unsigned i = 0; i < c->plan.shm->nworkers; i++)
        if (atomic_load(&c->plan.shm->worker[i].ready) != 0) return true;
    return false;
}

bool mb_crew_is_empty(const struct mb_crew *c)
{
    for (unsigned i = 0; i < c->plan.shm->nplaces; i++)
        if (c->places[i].pid > 0) return false;
    return true;
}

void mb_crew_signal(const struct mb_crew *c, int signal)
{
    for (unsigned i = 0; i < c->plan.shm->nplaces; i++)
        if (c->places[i].pid > 0) (void)kill(c->places[i].pid, signal);
}
