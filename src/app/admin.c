#include "app/admin.h"

#include <stdio.h>

#include "app/admin_guard.h"
#include "app/admin_plugins.h"
#include "app/writes.h"
#include "base/clock.h"

/* The routes of the admin address, health and metrics. */

enum { METRICS_MAX = 1024 * 1024 };

static void plain(struct mb_http_request *req, int status, struct mb_str text)
{
    mb_http_reply(req, status, "text/plain; charset=utf-8", NULL, 0, text);
}

/* Whether the next request may go to that worker, and find no database there. Who is silent takes
 * none: its siblings serve them. The one that answers does speak, even when it is late. */
static bool is_cut_off(const struct mb_admin *a, uint32_t i)
{
    const struct mb_shm_worker *w = &a->shm->worker[i];
    return atomic_load(&w->ready) != 0 && atomic_load(&w->db.connections) == 0 &&
           (i == a->index || !mb_shm_is_silent(a->shm, i));
}

/* They are counted, and named by their numbers. */
static unsigned count_cut_off(const struct mb_admin *a, char *names, size_t size)
{
    unsigned n = 0;
    size_t at = 0;
    for (uint32_t i = 0; i < a->shm->nworkers; i++) {
        if (!is_cut_off(a, i)) continue;
        at += (size_t)snprintf(names + at, size - at, "%s%u", n > 0 ? ", " : "", i + 1);
        n++;
    }
    return n;
}

/* What a request may need, each part by itself. */
static struct mb_str write_parts(char *out, size_t size, bool has_database, bool has_writes)
{
    int n = snprintf(out, size, ",\"parts\":{\"database\":\"%s\",\"writes\":\"%s\"}",
                     has_database ? "up" : "down", has_writes ? "up" : "down");
    return (struct mb_str){out, (size_t)n};
}

/* Several machines that serve different scripts show it here. */
static void ready(const struct mb_admin *a, struct mb_http_request *req, struct mb_str parts)
{
    char text[192];
    int n = snprintf(text, sizeof text, "{\"status\":\"ready\",\"generation\":\"%s\"%.*s}\n",
                     mb_shm_generation(a->shm), (int)parts.len, parts.ptr);
    mb_http_reply(req, 200, "application/json", NULL, 0, (struct mb_str){text, (size_t)n});
}

static void livez(const struct mb_admin *a, struct mb_http_request *req, struct mb_str name)
{
    (void)a, (void)name;
    plain(req, 200, MB_STR("alive\n"));
}

static void readyz(const struct mb_admin *a, struct mb_http_request *req, struct mb_str name)
{
    (void)name;
    static const char no_writes[] =
        "the database refuses to write, as when its disk is full; reads go on";
    char names[MB_MAX_WORKERS * 4] = "", detail[sizeof names + 64], text[96];
    unsigned cut_off = count_cut_off(a, names, sizeof names);
    bool has_writes = cut_off == 0 && mb_writes_stand(a->shm);
    struct mb_str parts = write_parts(text, sizeof text, cut_off == 0, has_writes);
    (void)snprintf(detail, sizeof detail, "%u of %u workers cannot reach the database: %s", cut_off,
                   a->shm->nworkers, names);
    if (atomic_load(&a->shm->stopping))
        mb_http_problem(req, 503, "stopping", "this server is stopping", parts, 1, NULL, 0);
    else if (cut_off > 0)
        mb_http_problem(req, 503, "database_unavailable", detail, parts, mb_db_retry_after(a->db),
                        NULL, 0);
    else if (!has_writes)
        mb_http_problem(req, 503, "writes_unavailable", no_writes, parts, 1, NULL, 0);
    else
        ready(a, req, parts);
}

static void metrics(const struct mb_admin *a, struct mb_http_request *req, struct mb_str name)
{
    (void)name;
    struct mb_buf b;
    mb_buf_init(&b, METRICS_MAX);
    if (mb_metrics_write(a->shm, &b) == MB_OK)
        mb_http_reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, 0,
                      mb_buf_str(&b));
    else
        mb_http_problem(req, 503, "out_of_memory", NULL, MB_STR(""), 1, NULL, 0);
    mb_buf_reset(&b);
}

static void plugins(const struct mb_admin *a, struct mb_http_request *req, struct mb_str name)
{
    (void)name;
    mb_admin_plugins_list(a->shm, req);
}

static void release(const struct mb_admin *a, struct mb_http_request *req, struct mb_str name)
{
    mb_admin_plugins_release(a->shm, req, name);
}

static void reload(const struct mb_admin *a, struct mb_http_request *req, struct mb_str name)
{
    (void)name;
    mb_admin_reload_ask(a->reload, req, "reload\n");
}

static void rollback(const struct mb_admin *a, struct mb_http_request *req, struct mb_str name)
{
    (void)name;
    mb_admin_reload_ask(a->reload, req, "rollback\n");
}

/* ---- routes ---- */

typedef void answer_fn(const struct mb_admin *a, struct mb_http_request *req, struct mb_str name);

/* One segment of a path may be {name}: it is what the answer is given. */
static const struct route {
    enum mb_method method;
    const char *path;
    answer_fn *answer;
    bool is_public; /* the public address has it too */
} routes[] = {
    {MB_GET, "/livez", livez, true},
    {MB_GET, "/readyz", readyz, true},
    {MB_GET, "/metrics", metrics, false},
    {MB_GET, "/v1/admin/plugins", plugins, false},
    {MB_POST, "/v1/admin/plugins/{name}/release", release, false},
    {MB_POST, "/v1/admin/reload", reload, false},
    {MB_POST, "/v1/admin/rollback", rollback, false},
};
enum { NROUTES = sizeof routes / sizeof *routes };

static bool path_fits(const char *pattern, struct mb_str path, struct mb_str *name)
{
    const char *brace = strchr(pattern, '{');
    if (brace == NULL) return mb_str_eq(path, mb_str_z(pattern));
    struct mb_str before = {pattern, (size_t)(brace - pattern)};
    struct mb_str after = mb_str_z(strchr(brace, '}') + 1);
    if (path.len <= before.len + after.len) return false;
    *name = (struct mb_str){path.ptr + before.len, path.len - before.len - after.len};
    return memcmp(path.ptr, before.ptr, before.len) == 0 &&
           memcmp(name->ptr + name->len, after.ptr, after.len) == 0 &&
           memchr(name->ptr, '/', name->len) == NULL;
}

static bool method_fits(enum mb_method of_route, enum mb_method m)
{
    return m == of_route || (of_route == MB_GET && m == MB_HEAD);
}

static const struct route *find_route(const struct mb_http_request *req, struct mb_str *name)
{
    for (unsigned i = 0; i < NROUTES; i++)
        if (path_fits(routes[i].path, mb_http_path(req), name)) return &routes[i];
    return NULL;
}

/* Says which paths there are. */
static void refuse_path(struct mb_http_request *req)
{
    char detail[512] = "this address serves";
    size_t at = strlen(detail);
    for (unsigned i = 0; i < NROUTES; i++)
        at += (size_t)snprintf(detail + at, sizeof detail - at, "%s %s %s", i > 0 ? "," : "",
                               mb_method_name(routes[i].method), routes[i].path);
    mb_http_problem(req, 404, "not_found", detail, MB_STR(""), -1, NULL, 0);
}

static void refuse_method(struct mb_http_request *req, const struct route *r)
{
    struct mb_str methods = r->method == MB_GET ? MB_STR("GET, HEAD") : MB_STR("POST");
    const struct mb_http_header allow = {MB_STR("Allow"), methods};
    mb_http_problem(req, 405, "method_not_allowed", NULL, MB_STR(""), -1, &allow, 1);
}

void mb_admin_answer(const struct mb_admin *a, struct mb_http_request *req)
{
    struct mb_str name = {NULL, 0};
    if (!mb_admin_guard_pass(a->hosts, req)) return;
    const struct route *r = find_route(req, &name);
    if (r == NULL)
        refuse_path(req);
    else if (!method_fits(r->method, mb_http_method(req)))
        refuse_method(req, r);
    else
        r->answer(a, req, name);
}

bool mb_admin_answer_public(const struct mb_admin *a, struct mb_http_request *req)
{
    struct mb_str name;
    const struct route *r = find_route(req, &name);
    if (r == NULL || !r->is_public || !method_fits(r->method, mb_http_method(req))) return false;
    r->answer(a, req, name);
    return true;
}

/* ---- metrics ---- */

static const char *const bucket_le[] = {"0.001", "0.0025", "0.005", "0.01", "0.025", "0.05",
                                        "0.1",   "0.25",   "0.5",   "1",    "2.5",   "+Inf"};

static uint64_t get(const _Atomic uint64_t *v)
{
    return atomic_load_explicit(v, memory_order_relaxed);
}

/* X(metric, type, help, field of struct mb_shm_worker) */
#define WORKER_METRICS(X)                                                                          \
    X("medbookd_connections_accepted_total", "counter", "connections accepted", http.accepted)     \
    X("medbookd_connections_refused_total", "counter", "connections over a ceiling", http.refused) \
    X("medbookd_connections_open", "gauge", "connections open", http.open)                         \
    X("medbookd_requests_in_flight", "gauge", "requests in work", http.in_flight)                  \
    X("medbookd_bad_requests_total", "counter", "requests refused by the parser",                  \
      http.bad_requests)                                                                           \
    X("medbookd_http_timeouts_total", "counter", "connections or requests that ran out of time",   \
      http.timeouts)                                                                               \
    X("medbookd_received_bytes_total", "counter", "bytes received", http.bytes_in)                 \
    X("medbookd_sent_bytes_total", "counter", "bytes sent", http.bytes_out)                        \
    X("medbookd_db_connections", "gauge", "database connections", db.connections)                  \
    X("medbookd_db_connections_idle", "gauge", "database connections without work", db.idle)       \
    X("medbookd_db_waiting", "gauge", "statements waiting for a connection", db.waiting)           \
    X("medbookd_db_connects_total", "counter", "database connections made", db.connects)           \
    X("medbookd_db_connect_failures_total", "counter", "database connections that failed",         \
      db.connect_failures)                                                                         \
    X("medbookd_db_connections_lost_total", "counter", "database connections that broke", db.lost) \
    X("medbookd_db_queries_total", "counter", "statements finished", db.queries)                   \
    X("medbookd_db_errors_total", "counter", "statements that failed", db.errors)                  \
    X("medbookd_db_queue_full_total", "counter", "statements refused, queue full", db.queue_full)  \
    X("medbookd_db_queue_timeouts_total", "counter", "statements that waited too long",            \
      db.queue_timeouts)                                                                           \
    X("medbookd_db_cancels_total", "counter", "statements cancelled", db.cancels)                  \
    X("medbookd_db_prepares_total", "counter", "statements prepared", db.prepares)                 \
    X("medbookd_db_conflict_retries_total", "counter",                                             \
      "statements run again after a deadlock or a serialization conflict", db.conflict_retries)    \
    X("medbookd_db_writes_refused_total", "counter",                                               \
      "statements refused for want of disk, or by a read-only database", db.refused_writes)        \
    X("medbookd_db_rollbacks_total", "counter", "transactions rolled back", db.rollbacks)          \
    X("medbookd_client_requests_answered_total", "counter",                                        \
      "requests to other servers that were answered", client.answered)                             \
    X("medbookd_client_requests_failed_total", "counter", "requests to others that failed",        \
      client.failed)                                                                               \
    X("medbookd_client_requests_refused_total", "counter", "requests to others, never sent",       \
      client.refused)                                                                              \
    X("medbookd_client_requests_in_flight", "gauge", "requests to others in work or waiting",      \
      client.in_flight)                                                                            \
    X("medbookd_script_errors_total", "counter", "requests that ended in a script error",          \
      scripts.script_errors)                                                                       \
    X("medbookd_script_memory_bytes", "gauge", "memory of the scripts", scripts.script_bytes)      \
    X("medbookd_tasks_total", "counter", "requests run by scripts", scripts.tasks)

static enum mb_rc head(struct mb_buf *b, const char *name, const char *type, const char *help)
{
    return mb_buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static enum mb_rc box(struct mb_buf *b, const char *name, const char *type, const char *help,
                      double value)
{
    enum mb_rc rc = head(b, name, type, help);
    return rc == MB_OK ? mb_buf_addf(b, "%s %.3f\n", name, value) : rc;
}

static enum mb_rc requests(const struct mb_shm *shm, struct mb_buf *b)
{
    enum mb_rc rc =
        head(b, "medbookd_requests_total", "counter", "requests answered, by class of status");
    for (int class = 1; rc == MB_OK && class <= 5; class ++) {
        uint64_t sum = 0;
        for (uint32_t w = 0; w < shm->nworkers; w++)
            sum += get(&shm->worker[w].http.by_class[class]);
        rc = mb_buf_addf(b, "medbookd_requests_total{class=\"%dxx\"} %llu\n", class,
                         (unsigned long long)sum);
    }
    return rc;
}

static enum mb_rc durations(const struct mb_shm *shm, struct mb_buf *b)
{
    enum mb_rc rc =
        head(b, "medbookd_request_duration_seconds", "histogram", "head complete to reply sent");
    uint64_t sum = 0, count = 0, micros = 0;
    for (size_t i = 0; rc == MB_OK && i < sizeof bucket_le / sizeof *bucket_le; i++) {
        for (uint32_t w = 0; w < shm->nworkers; w++)
            sum += get(&shm->worker[w].http.duration_bucket[i]);
        rc = mb_buf_addf(b, "medbookd_request_duration_seconds_bucket{le=\"%s\"} %llu\n",
                         bucket_le[i], (unsigned long long)sum);
    }
    count = sum;
    for (uint32_t w = 0; w < shm->nworkers; w++)
        micros += get(&shm->worker[w].http.duration_us_sum);
    if (rc == MB_OK)
        rc = mb_buf_addf(b,
                         "medbookd_request_duration_seconds_sum %.6f\n"
                         "medbookd_request_duration_seconds_count %llu\n",
                         (double)micros / 1e6, (unsigned long long)count);
    return rc;
}

static enum mb_rc reload_pauses(const struct mb_shm *shm, struct mb_buf *b)
{
    enum mb_rc rc = head(b, "medbookd_reload_pause_seconds", "gauge",
                         "the longest that a step of a reload kept a worker from its requests");
    for (uint32_t w = 0; rc == MB_OK && w < shm->nplaces; w++) {
        char number[16];
        rc = mb_buf_addf(b, "medbookd_reload_pause_seconds{worker=\"%s\"} %.6f\n",
                         mb_shm_name(shm, w, number), (double)get(&shm->worker[w].pause_ns) / 1e9);
    }
    return rc;
}

/* Also of processes that serve nobody. */
static enum mb_rc dropped_lines(const struct mb_shm *shm, struct mb_buf *b)
{
    static const char metric[] = "medbookd_log_dropped_lines_total";
    enum mb_rc rc = head(b, metric, "counter", "lines of the log dropped, because nobody read it");
    for (uint32_t w = 0; rc == MB_OK && w < shm->nplaces; w++) {
        char number[16];
        rc = mb_buf_addf(b, "%s{worker=\"%s\"} %llu\n", metric, mb_shm_name(shm, w, number),
                         (unsigned long long)get(&shm->worker[w].log_dropped));
    }
    return rc == MB_OK ? mb_buf_addf(b, "%s{worker=\"supervisor\"} %llu\n", metric,
                                     (unsigned long long)get(&shm->log_dropped))
                       : rc;
}

static enum mb_rc generations(const struct mb_shm *shm, struct mb_buf *b)
{
    enum mb_rc rc = head(b, "medbookd_generation_info", "gauge", "the scripts that serve");
    if (rc == MB_OK)
        rc = mb_buf_addf(b, "medbookd_generation_info{generation=\"%s\"} 1\n",
                         mb_shm_generation(shm));
    if (rc == MB_OK)
        rc = head(b, "medbookd_generations", "gauge", "generations of scripts that a worker holds");
    for (uint32_t w = 0; rc == MB_OK && w < shm->nplaces; w++) {
        char number[16];
        unsigned n = 0;
        for (unsigned i = 0; i < MB_SHELF_SLOTS; i++) {
            uint32_t holds = atomic_load(&shm->worker[w].holds[i]);
            n += holds != MB_HOLDS_NONE && holds != MB_HOLDS_FAILED;
        }
        rc = mb_buf_addf(b, "medbookd_generations{worker=\"%s\"} %u\n", mb_shm_name(shm, w, number),
                         n);
    }
    if (rc == MB_OK)
        rc = box(b, "medbookd_reloads_total", "counter", "generations put into service",
                 (double)get(&shm->reloads));
    if (rc == MB_OK)
        rc = box(b, "medbookd_reload_failures_total", "counter", "reloads that changed nothing",
                 (double)get(&shm->reload_failures));
    if (rc == MB_OK)
        rc = box(b, "medbookd_rollbacks_total", "counter", "returns to the generation before",
                 (double)get(&shm->rollbacks));
    if (rc == MB_OK)
        rc = box(b, "medbookd_auto_rollbacks_total", "counter",
                 "those of them that nobody asked for (reload.auto_rollback)",
                 (double)get(&shm->auto_rollbacks));
    return rc == MB_OK ? reload_pauses(shm, b) : rc;
}

static enum mb_rc jobs(const struct mb_background_stats *s, struct mb_buf *b)
{
    const struct {
        const char *outcome;
        const _Atomic uint64_t *count;
    } rows[] = {
        {"done", &s->done}, {"retried", &s->retried}, {"dead", &s->dead}, {"lost", &s->lost}};
    enum mb_rc rc = head(b, "medbookd_jobs_total", "counter",
                         "runs of jobs here; lost = another process had taken the job over");
    for (size_t i = 0; rc == MB_OK && i < sizeof rows / sizeof *rows; i++)
        rc = mb_buf_addf(b, "medbookd_jobs_total{outcome=\"%s\"} %llu\n", rows[i].outcome,
                         (unsigned long long)get(rows[i].count));
    if (rc == MB_OK)
        rc = box(b, "medbookd_jobs_waiting", "gauge",
                 "jobs that are due and not taken, 10000 at most", (double)get(&s->waiting));
    if (rc == MB_OK)
        rc = box(b, "medbookd_jobs_oldest_seconds", "gauge", "since when the first of them is due",
                 (double)get(&s->oldest_ms) / 1e3);
    return rc;
}

enum mb_rc mb_metrics_write(const struct mb_shm *shm, struct mb_buf *b)
{
    char number[16];
    enum mb_rc rc = MB_OK;
#define X(metric, type, help, field)                                                               \
    if (rc == MB_OK) rc = head(b, metric, type, help);                                             \
    for (uint32_t w = 0; rc == MB_OK && w < shm->nplaces; w++)                                     \
        rc = mb_buf_addf(b, metric "{worker=\"%s\"} %llu\n", mb_shm_name(shm, w, number),          \
                         (unsigned long long)get(&shm->worker[w].field));
    WORKER_METRICS(X)
#undef X
    uint32_t ready = 0;
    for (uint32_t w = 0; w < shm->nworkers; w++) ready += atomic_load(&shm->worker[w].ready);
    if (rc == MB_OK) rc = requests(shm, b);
    if (rc == MB_OK) rc = durations(shm, b);
    if (rc == MB_OK)
        rc = box(b, "medbookd_workers_ready", "gauge", "workers that accept requests", ready);
    if (rc == MB_OK)
        rc = box(b, "medbookd_worker_restarts_total", "counter",
                 "workers started again after they ended", (double)get(&shm->worker_restarts));
    if (rc == MB_OK)
        rc = box(b, "medbookd_worker_hangs_total", "counter", "workers killed because they hung",
                 (double)get(&shm->worker_hangs));
    if (rc == MB_OK)
        rc = box(b, "medbookd_postgres_restarts_total", "counter",
                 "starts of the embedded PostgreSQL after a crash",
                 (double)get(&shm->postgres_restarts));
    if (rc == MB_OK)
        rc = box(b, "medbookd_writes_up", "gauge", "0 = the database refuses to write",
                 mb_writes_stand(shm) ? 1 : 0);
    if (rc == MB_OK) rc = dropped_lines(shm, b);
    if (rc == MB_OK) rc = jobs(&shm->jobs, b);
    if (rc == MB_OK) rc = generations(shm, b);
    if (rc == MB_OK)
        rc = box(b, "medbookd_uptime_seconds", "gauge", "since the supervisor started",
                 (double)(mb_wall_ms() - shm->started_wall_ms) / 1e3);
    return rc;
}
