/* The parts of a worker and of the jobs process on one loop, which the caller turns. */
#define _GNU_SOURCE
#include "spec/stage.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "bind/budget.h"
#include "bind/rates.h"
#include "bind/rows.h"
#include "spec/limit.h"

enum {
    PATIENCE_MS = 60000,
    CLOSE_MS = 2000,
    ROUNDS = 1000,
    IDLE_ROUNDS = 2,
    PIECE = 65536,
    ROUNDED_MS = 2
};
enum { COUNTERS = 1024 };

struct mb_stage {
    struct mb_stage_plan plan;
    uv_loop_t loop;
    struct mb_db *db;
    struct mb_client *client;
    struct mb_tables *tables;
    struct mb_plugins *plugins;
    struct mb_vm *vm;
    struct mb_handler *handler;
    struct mb_background *background;
    struct mb_http_server *http;
    struct mb_background_room room;
    struct mb_plugin_board board;
    struct mb_rates *rates;
    void *rates_memory;
    struct {
        struct mb_db_stats db;
        struct mb_http_stats http;
        struct mb_client_stats client;
        struct mb_handler_stats handler;
        struct mb_background_stats jobs;
    } stats;
};

/* ---- turning the loop ---- */

static void set_flag(uv_timer_t *timer) { *(bool *)timer->data = true; }

/* Turns the loop until is_over(ctx), for ms at most; whether it was over in time. */
static bool turn(struct mb_stage *s, bool (*is_over)(const void *ctx), const void *ctx, uint64_t ms)
{
    bool is_late = false;
    uv_timer_t timer;
    uv_timer_init(&s->loop, &timer);
    timer.data = &is_late;
    uv_update_time(&s->loop);
    uv_timer_start(&timer, set_flag, ms, 0);
    while (!is_over(ctx) && !is_late) (void)uv_run(&s->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    (void)uv_run(&s->loop, UV_RUN_NOWAIT);
    return is_over(ctx);
}

static bool is_set(const void *flag) { return *(const bool *)flag; }

static bool turn_until(struct mb_stage *s, const bool *is_over, uint64_t ms)
{
    return turn(s, is_set, is_over, ms);
}

void mb_stage_pause(struct mb_stage *s, uint64_t ms)
{
    const bool never = false;
    (void)turn_until(s, &never, ms);
}

/* ---- the database ---- */

struct statement {
    bool is_over;
    struct mb_err err;
    PGresult *res;
};

static void on_result(void *ctx, enum mb_rc rc, PGresult *res, const struct mb_err *err)
{
    struct statement *w = ctx;
    w->is_over = true;
    w->res = res;
    if (rc != MB_OK) w->err = *err;
}

static uint64_t patience(void) { return mb_mono_ns() + PATIENCE_MS * 1000000ull; }

/* Waits for a statement that was started with rc. */
static enum mb_rc await(struct mb_stage *s, struct statement *w, struct mb_op *op, enum mb_rc rc,
                        struct mb_err *err)
{
    if (rc != MB_OK) return rc;
    if (!turn_until(s, &w->is_over, mb_limit_left((uint64_t)2 * PATIENCE_MS))) {
        mb_op_cancel(op);
        return mb_fail(err, MB_E_REQUEST_TIMEOUT, "the statement did not end");
    }
    if (w->err.rc != MB_OK) *err = w->err;
    return w->err.rc;
}

static enum mb_rc query(struct mb_stage *s, struct mb_db *db, struct mb_str sql, int nparams,
                        const struct mb_str *values, struct mb_buf *rows, struct mb_err *err)
{
    struct statement w = {.err.rc = MB_OK};
    struct mb_stmt *stmt;
    struct mb_op *op = NULL;
    enum mb_rc rc = mb_stmt_intern(&stmt, MB_STR("the test"), sql, err);
    if (rc == MB_OK)
        rc = mb_db_query(db, &op, MB_DB_WRITE, stmt, nparams, values, patience(), on_result, &w,
                         err);
    rc = await(s, &w, op, rc, err);
    if (rc == MB_OK) rc = mb_rows_write(w.res, rows, err);
    PQclear(w.res);
    return rc;
}

enum mb_rc mb_stage_query(struct mb_stage *s, struct mb_str sql, int nparams,
                          const struct mb_str *values, struct mb_buf *rows, struct mb_err *err)
{
    return query(s, s->db, sql, nparams, values, rows, err);
}

enum mb_rc mb_stage_query_everywhere(struct mb_stage *s, struct mb_str sql, int nparams,
                                     const struct mb_str *values, struct mb_buf *rows,
                                     struct mb_err *err)
{
    enum mb_rc rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && i < s->plan.nplugins; i++) {
        struct mb_db *db;
        rc = mb_tables_of(s->tables, s->plan.plugins[i], &db, err);
        if (rc == MB_OK) rc = query(s, db, sql, nparams, values, rows, err);
        mb_buf_clear(rows);
    }
    return rc == MB_OK ? query(s, s->db, sql, nparams, values, rows, err) : rc;
}

static void on_closed(void *ctx) { *(bool *)ctx = true; }

enum mb_rc mb_stage_query_at(struct mb_stage *s, const char *url, struct mb_str sql,
                             struct mb_buf *rows, struct mb_err *err)
{
    struct mb_db_config config = s->plan.db;
    struct mb_db_stats stats;
    struct mb_db *db = NULL;
    bool is_closed = false;
    config.url = url;
    config.is_rehearsal = false;
    enum mb_rc rc = mb_db_new(&db, &s->loop, &config, &stats, err);
    if (rc != MB_OK) return rc;
    rc = query(s, db, sql, 0, NULL, rows, err);
    mb_db_close(db, CLOSE_MS, on_closed, &is_closed);
    (void)turn_until(s, &is_closed, 2 * CLOSE_MS);
    mb_db_free(db);
    return rc;
}

typedef enum mb_rc (*level_fn)(struct mb_db *db, struct mb_op **op, uint64_t deadline_ns,
                               mb_op_cb cb, void *ctx, struct mb_err *err);

static enum mb_rc change_level(struct mb_stage *s, struct mb_db *db, level_fn change,
                               struct mb_err *err)
{
    struct statement w = {.err.rc = MB_OK};
    struct mb_op *op = NULL;
    enum mb_rc rc = change(db, &op, patience(), on_result, &w, err);
    rc = await(s, &w, op, rc, err);
    PQclear(w.res);
    return rc;
}

/* In the server's database and in the plugins' own sessions alike. */
static enum mb_rc change_levels(struct mb_stage *s, level_fn change, struct mb_err *err)
{
    enum mb_rc rc = change_level(s, s->db, change, err);
    for (size_t i = 0; rc == MB_OK && i < s->plan.nplugins; i++) {
        struct mb_db *db;
        rc = mb_tables_of(s->tables, s->plan.plugins[i], &db, err);
        if (rc == MB_OK) rc = change_level(s, db, change, err);
    }
    return rc;
}

enum mb_rc mb_stage_mark(struct mb_stage *s, struct mb_err *err)
{
    return change_levels(s, mb_db_mark, err);
}

enum mb_rc mb_stage_take_back(struct mb_stage *s, struct mb_err *err)
{
    mb_rates_clear_all(s->rates);
    return change_levels(s, mb_db_take_back, err);
}

/* ---- requests ---- */

struct exchange {
    uv_poll_t poll;
    int fd;
    struct mb_str left; /* to be sent */
    struct mb_buf *answer;
    bool is_over;
    const char *why; /* it failed */
};

static void end_exchange(struct exchange *x, const char *why)
{
    x->is_over = true;
    x->why = why;
    uv_poll_stop(&x->poll);
}

static bool is_again(void) { return errno == EAGAIN || errno == EINTR; }

static void send_rest(struct exchange *x)
{
    ssize_t n = send(x->fd, x->left.ptr, x->left.len, MSG_NOSIGNAL);
    if (n > 0) {
        x->left.ptr += n;
        x->left.len -= (size_t)n;
    } else if (!is_again()) {
        x->left.len = 0; /* refused before it was read: the answer says why */
    }
}

static void receive(struct exchange *x)
{
    char piece[PIECE];
    ssize_t n = recv(x->fd, piece, sizeof piece, 0);
    if (n == 0)
        end_exchange(x, NULL);
    else if (n < 0 && !is_again())
        end_exchange(x, x->answer->len > 0 ? NULL : strerror(errno));
    else if (n > 0 && mb_buf_add(x->answer, piece, (size_t)n) != MB_OK)
        end_exchange(x, "the answer is too long");
}

static void on_event(uv_poll_t *poll, int status, int events);

static void poll_exchange(struct exchange *x)
{
    int events = UV_READABLE | (x->left.len > 0 ? UV_WRITABLE : 0);
    if (uv_poll_start(&x->poll, events, on_event) != 0) end_exchange(x, "it cannot be polled");
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    struct exchange *x = poll->data;
    if (status < 0) events = UV_READABLE;
    if (events & UV_WRITABLE) send_rest(x);
    if (events & UV_READABLE) receive(x);
    if (!x->is_over) poll_exchange(x);
}

/* A stream to this stage, or to the server at that port; -1 with errno set. */
static int open_stream(struct mb_stage *s, unsigned port)
{
    if (port == 0) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
            return -1;
        mb_http_adopt(s->http, pair[0], 0);
        return pair[1];
    }
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

enum mb_rc mb_stage_exchange(struct mb_stage *s, unsigned port, struct mb_str request,
                             struct mb_buf *answer, struct mb_err *err)
{
    struct exchange x = {.left = request, .answer = answer};
    x.fd = open_stream(s, port);
    if (x.fd < 0) return mb_fail(err, MB_E_IO, "no connection: %s", strerror(errno));
    if (uv_poll_init(&s->loop, &x.poll, x.fd) != 0) { /* also makes it non-blocking */
        (void)close(x.fd);
        return mb_fail(err, MB_E_IO, "no connection: it cannot be polled");
    }
    x.poll.data = &x;
    poll_exchange(&x);
    if (!turn_until(s, &x.is_over, mb_limit_left(PATIENCE_MS)))
        end_exchange(&x, "no answer within a minute");
    uv_close((uv_handle_t *)&x.poll, NULL);
    (void)uv_run(&s->loop, UV_RUN_NOWAIT);
    (void)close(x.fd);
    return x.why == NULL ? MB_OK : mb_fail(err, MB_E_IO, "the request failed: %s", x.why);
}

/* ---- jobs ---- */

static void on_idle(void *ctx) { (void)ctx; }

static bool is_idle(const void *background) { return mb_background_is_idle(background); }

/* Lets what is in work end. */
static bool come_to_rest(struct mb_stage *s)
{
    return turn(s, is_idle, s->background, mb_limit_left(PATIENCE_MS));
}

enum mb_rc mb_stage_run_jobs(struct mb_stage *s, struct mb_stage_jobs *ended, struct mb_err *err)
{
    const struct mb_background_stats *stats = &s->stats.jobs;
    const struct mb_stage_jobs before = {stats->done, stats->retried, stats->dead};
    int idle = 0; /* rounds in a row; columns keep milliseconds: what is due may be so in half a one */
    for (int i = 0; i < ROUNDS && idle < IDLE_ROUNDS; i++) {
        uint64_t sum = stats->done + stats->retried + stats->dead;
        mb_stage_pause(s, ROUNDED_MS);
        mb_background_turn(s->background);
        if (!come_to_rest(s)) return mb_fail(err, MB_E_REQUEST_TIMEOUT, "a job does not end");
        idle = stats->done + stats->retried + stats->dead > sum ? 0 : idle + 1;
    }
    *ended = (struct mb_stage_jobs){stats->done - before.done, stats->retried - before.retried,
                                    stats->dead - before.dead};
    if (idle == IDLE_ROUNDS) return MB_OK;
    return mb_fail(err, MB_E_LIMIT, "jobs are still due after %d rounds", ROUNDS);
}

/* ---- life ---- */

void mb_stage_stand_in(struct mb_stage *s, mb_client_stand_in stand_in, void *ctx)
{
    mb_client_rehearse(s->client, stand_in, ctx);
}

static void on_head(void *ctx, struct mb_http_request *req)
{
    const struct mb_stage *s = ctx;
    mb_handler_take(s->handler, req);
}

static enum mb_rc open_rates(struct mb_stage *s, struct mb_err *err)
{
    s->rates_memory = calloc(1, mb_rates_size(COUNTERS));
    return s->rates_memory != NULL
               ? mb_rates_init(&s->rates, s->rates_memory, COUNTERS, err)
               : mb_fail(err, MB_E_NOMEM, "no memory for the server under test");
}

static enum mb_rc open_parts(struct mb_stage *s, struct mb_buf *diagnostics, struct mb_err *err)
{
    enum mb_rc rc = mb_db_new(&s->db, &s->loop, &s->plan.db, &s->stats.db, err);
    if (rc == MB_OK)
        rc = mb_client_new(&s->client, &s->loop, &s->plan.client, &s->stats.client, err);
    const struct mb_tables_plan tables = {
        .loop = &s->loop, .db = s->plan.tables, .server = s->db, .secret = s->plan.secret};
    if (rc == MB_OK) rc = mb_tables_new(&s->tables, &tables, err);
    if (rc == MB_OK) rc = open_rates(s, err);
    if (rc != MB_OK) return rc;
    const struct mb_stage_place place = {&s->loop,  s->db,     s->client,
                                         s->tables, &s->board, s->rates};
    rc = s->plan.build(s->plan.ctx, &place, &s->plugins, &s->vm, diagnostics, err);
    if (rc == MB_OK) rc = mb_plugins_attach(s->plugins, &s->loop);
    return rc;
}

static enum mb_rc open_service(struct mb_stage *s, struct mb_err *err)
{
    const struct mb_handler_plan handler = {
        .vm = s->vm, .stats = &s->stats.handler, .show_errors = true, .check_answers = true};
    const struct mb_background_plan background = {
        .vm = s->vm, .room = &s->room, .stats = &s->stats.jobs, .on_idle = on_idle};
    struct mb_http_handler callbacks = mb_handler_callbacks();
    callbacks.ctx = s;
    callbacks.on_head = on_head;
    s->room.most = s->plan.jobs;
    if (mb_handler_new(&s->handler, &handler) != MB_OK ||
        mb_background_new(&s->background, &background) != MB_OK)
        return mb_fail(err, MB_E_NOMEM, "no memory for the scripts");
    return mb_http_server_new(&s->http, &s->loop, &s->plan.http, &callbacks, &s->stats.http, err);
}

enum mb_rc mb_stage_new(struct mb_stage **out, const struct mb_stage_plan *plan,
                        struct mb_buf *diagnostics, struct mb_err *err)
{
    struct mb_stage *s = calloc(1, sizeof *s);
    if (s == NULL || uv_loop_init(&s->loop) != 0) {
        free(s);
        return mb_fail(err, MB_E_NOMEM, "no memory for the server under test");
    }
    if (!mb_budget_start_ticks()) {
        mb_stage_free(s);
        return mb_fail(err, MB_E_IO, "no timer for the processor time of scripts");
    }
    s->plan = *plan;
    s->plan.http.limits.max_connections_per_address = 0; /* all of them come from one spec */
    s->plan.db.is_rehearsal = s->plan.tables.is_rehearsal = true;
    s->plan.db.pool_min = s->plan.db.pool_max = 1;
    s->plan.tables.pool_min = s->plan.tables.pool_max = 1;
    s->plan.db.max_lifetime = s->plan.tables.max_lifetime =
        UINT32_MAX; /* a new one knows nothing */
    enum mb_rc rc = open_parts(s, diagnostics, err);
    if (rc == MB_OK) rc = open_service(s, err);
    if (rc == MB_OK)
        *out = s;
    else
        mb_stage_free(s);
    return rc;
}

static void on_drained(void *ctx, bool clean)
{
    (void)clean;
    *(bool *)ctx = true;
}

void mb_stage_free(struct mb_stage *s)
{
    bool is_drained = s->http == NULL, is_closed = s->db == NULL, is_apart = s->tables == NULL;
    if (s->http != NULL) mb_http_drain(s->http, CLOSE_MS, on_drained, &is_drained);
    (void)turn_until(s, &is_drained, 2 * CLOSE_MS);
    mb_background_free(s->background);
    mb_handler_free(s->handler);
    if (s->plugins != NULL) mb_plugins_detach(s->plugins);
    if (s->client != NULL) mb_client_close(s->client);
    if (s->tables != NULL) mb_tables_close(s->tables, CLOSE_MS, on_closed, &is_apart);
    (void)turn_until(s, &is_apart, 2 * CLOSE_MS);
    if (s->db != NULL) mb_db_close(s->db, CLOSE_MS, on_closed, &is_closed);
    (void)turn_until(s, &is_closed, 2 * CLOSE_MS);
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    mb_http_server_free(s->http);
    mb_vm_free(s->vm);
    mb_plugins_free(s->plugins);
    mb_client_free(s->client);
    mb_tables_free(s->tables);
    mb_db_free(s->db);
    (void)uv_loop_close(&s->loop);
    free(s->rates_memory);
    free(s);
}
