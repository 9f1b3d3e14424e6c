/* The server as a whole: made, swept, drained, freed. */
#include "net/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "net/ceiling.h"
#include "net/cors.h"
#include "net/gzip.h"
#include "net/listen.h"
#include "net/request.h"

static void on_turn(uv_prepare_t *turn)
{
    struct mb_http_server *s = turn->data;
    while (!mb_list_is_empty(&s->turns)) {
        struct mb_conn *c = MB_CONN_OF(s->turns.next, by_turn);
        mb_list_remove(&c->by_turn);
        mb_conn__turn(c);
    }
}

static void finish_drain(struct mb_http_server *s, bool clean)
{
    s->drained = true;
    mb_listen__close_all(s);
    uv_close((uv_handle_t *)&s->turn, NULL);
    uv_close((uv_handle_t *)&s->sweep, NULL);
    if (s->drain_done)
        s->drain_done(s->drain_ctx, clean);
}

static void cut_all(struct mb_http_server *s)
{
    while (!mb_list_is_empty(&s->connections))
        mb_conn__close(MB_CONN_OF(s->connections.next, by_server));
}

static void on_sweep(uv_timer_t *timer)
{
    struct mb_http_server *s = timer->data;
    mb_phase__sweep(s);
    mb_listen__resume(s);
    if (s->draining && !s->drained && uv_now(s->loop) >= s->drain_deadline) {
        bool clean = s->closing_handles == s->outlasting;
        cut_all(s);
        finish_drain(s, clean);
    } else if (!s->draining && mb_list_is_empty(&s->connections) && s->accept_again == 0) {
        uv_timer_stop(timer);
    }
}

void mb_server__wake(struct mb_http_server *s)
{
    if (!uv_is_active((uv_handle_t *)&s->sweep))
        uv_timer_start(&s->sweep, on_sweep, MB_SWEEP_MS, MB_SWEEP_MS);
}

/* Only connections that outlast the drain are left, if any: nobody joins them, and those who have
 * just connected get the time of one sweep to be answered. */
static void end_drain(struct mb_http_server *s)
{
    s->ending = true;
    mb_listen__stop_all(s);
    s->drain_deadline = uv_now(s->loop) + (s->outlasting > 0 ? MB_SWEEP_MS : 0);
}

void mb_server__forget(struct mb_http_server *s)
{
    if (!s->draining || s->drained || s->closing_handles > s->outlasting)
        return;
    if (s->outlasting == 0)
        finish_drain(s, true);
    else if (!s->ending)
        end_drain(s);
}

static void start_handles(struct mb_http_server *s)
{
    uv_prepare_init(s->loop, &s->turn);
    s->turn.data = s;
    uv_prepare_start(&s->turn, on_turn);
    uv_unref((uv_handle_t *)&s->turn);
    uv_timer_init(s->loop, &s->sweep);
    s->sweep.data = s;
}

enum mb_rc mb_http_server_new(struct mb_http_server **out, uv_loop_t *loop,
                              const struct mb_http_config *config,
                              const struct mb_http_handler *handler, struct mb_http_stats *stats,
                              struct mb_err *err)
{
    struct mb_http_server *s = calloc(1, sizeof *s);
    enum mb_rc rc = MB_E_NOMEM;
    if (!s)
        return mb_fail(err, rc, "out of memory for the HTTP server");
    s->loop = loop;
    s->config = *config;
    s->handler = *handler;
    s->stats = stats;
    s->reserve_fd = -1;
    mb_buf_init(&s->gather, SIZE_MAX / 2);
    mb_buf_init(&s->scratch, SIZE_MAX / 2);
    mb_list_init(&s->connections);
    mb_list_init(&s->turns);
    for (int i = 0; i < MB_PHASE_COUNT; i++)
        mb_list_init(&s->phases[i]);
    s->read_buf = malloc(MB_READ_BYTES);
    const struct mb_http_limits *limits = &config->limits;
    if (!s->read_buf ||
        mb_gzip_new(&s->gzip, (int)limits->gzip_level, config->gzip_types) != MB_OK ||
        mb_cors_new(&s->cors, config->cors_origins) != MB_OK) {
        mb_fail(err, rc, "out of memory for the HTTP server");
        goto fail;
    }
    rc = mb_networks_new(&s->trusted, config->trusted_proxies, err);
    if (rc != MB_OK)
        goto fail;
    mb_listen__reserve(s);
    start_handles(s);
    *out = s;
    return MB_OK;

fail:
    mb_http_server_free(s);
    return rc;
}

void mb_http_server_free(struct mb_http_server *s)
{
    if (!s)
        return;
    mb_request__free_all(s);
    mb_networks_free(s->trusted);
    mb_cors_free(s->cors);
    mb_gzip_free(s->gzip);
    mb_buf_reset(&s->gather);
    mb_buf_reset(&s->scratch);
    free(s->read_buf);
    free(s);
}

void mb_http_drain(struct mb_http_server *s, uint32_t deadline_ms,
                   void (*done)(void *ctx, bool clean), void *ctx)
{
    struct mb_node *link, *next;
    if (s->draining)
        return;
    s->draining = true;
    s->drain_done = done;
    s->drain_ctx = ctx;
    s->drain_deadline = uv_now(s->loop) + deadline_ms;
    mb_listen__stop_all(s);
    mb_server__wake(s);
    for (link = s->connections.next; link != &s->connections; link = next) {
        struct mb_conn *c = MB_CONN_OF(link, by_server);
        next = link->next;
        if (c->phase == MB_PHASE_LINGER)
            mb_phase__set(c, MB_PHASE_LINGER, true); /* none waits longer than those to come */
        if (!c->outlasts)
            mb_conn__drain(c);
    }
    if (s->closing_handles == s->outlasting)
        end_drain(s); /* done, but never from inside this call */
}

bool mb_http_draining(const struct mb_http_server *s)
{
    return s->draining;
}

struct mb_str mb_server__date(struct mb_http_server *s)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uint64_t now = uv_now(s->loop);
    struct tm t;
    time_t seconds;
    int64_t wall;
    if (now < s->date_until)
        return (struct mb_str){s->date, sizeof s->date - 1};
    wall = mb_wall_ms();
    seconds = (time_t)(wall / 1000);
    s->date_until = now + 1000u - (uint64_t)(wall % 1000);
    if (gmtime_r(&seconds, &t))
        snprintf(s->date, sizeof s->date, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT",
                 days + 3 * t.tm_wday, (unsigned)t.tm_mday % 100, months + 3 * t.tm_mon,
                 (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100,
                 (unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100);
    return (struct mb_str){s->date, sizeof s->date - 1};
}
