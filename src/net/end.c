/*
 * The end of a request: the handler is told, counters count, the access log gets its line. The
 * line holds neither query, header nor body, and so no token and nothing about a patient but the
 * ids in a path.
 */
#include "base/clock.h"
#include "base/log.h"
#include "net/request.h"

enum { STATUS_GONE = 499 }; /* in the log: the client left before it had an answer */

static void count_duration(struct mb_http_stats *stats, uint64_t us)
{
    static const uint64_t most_us[] = {1000,   2500,   5000,   10000,   25000,  50000,
                                       100000, 250000, 500000, 1000000, 2500000};
    size_t i = 0;
    while (i < sizeof most_us / sizeof most_us[0] && us > most_us[i])
        i++;
    mb_count(&stats->duration_bucket[i], 1);
    mb_count(&stats->duration_us_sum, us);
}

static enum mb_rc write_line(struct mb_http_request *r, uint64_t us, struct mb_buf *b)
{
    struct mb_str trace = mb_http_traceparent(r);
    struct mb_str path = mb_http_path(r);
    enum mb_rc rc = mb_buf_addz(b, "msg=request method=");
    if (rc == MB_OK)
        rc = mb_buf_addz(b, r->has_method ? mb_method_name(mb_http_method(r)) : "-");
    if (rc == MB_OK)
        rc = mb_log_pair(b, "path", path);
    if (rc == MB_OK)
        rc = mb_log_pair(b, "route", mb_str_z(r->route ? r->route : "-"));
    if (rc == MB_OK)
        rc = mb_buf_addf(b, " status=%d bytes=%llu us=%llu id=%s client=%s", r->status,
                         (unsigned long long)r->sent, (unsigned long long)us, mb_http_id(r),
                         mb_http_client(r));
    if (rc == MB_OK && trace.len > 0)
        rc = mb_log_pair(b, "trace", (struct mb_str){trace.ptr + 3, 32});
    return rc;
}

static void account(struct mb_http_request *r)
{
    struct mb_http_server *s = r->conn->server;
    uint64_t us = (mb_mono_ns() - r->started_ns) / 1000;
    if (r->reply == MB_REPLY_DONE) {
        mb_count(&s->stats->requests, 1);
        mb_count(&s->stats->by_class[r->status / 100], 1);
        count_duration(s->stats, us);
    }
    if (!s->config.access_log || mb_log_threshold() > MB_LOG_INFO)
        return;
    mb_buf_clear(&s->scratch);
    if (write_line(r, us, &s->scratch) == MB_OK)
        mb_log_line(MB_LOG_INFO, mb_buf_str(&s->scratch));
}

void mb_request__end(struct mb_http_request *r)
{
    struct mb_http_server *s = r->conn->server;
    if (r->ended)
        return;
    r->ended = true;
    account(r); /* before on_end, which may free the route's name */
    if (!r->announced)
        return;
    mb_uncount(&s->stats->in_flight);
    s->handler.on_end(s->handler.ctx, r);
}

void mb_request__abort_handler(struct mb_http_request *r)
{
    const struct mb_http_handler *h = &r->conn->server->handler;
    if (!r->announced || r->ended || r->aborted || r->reply == MB_REPLY_DONE)
        return;
    r->aborted = true;
    h->on_abort(h->ctx, r);
}

void mb_request__abort(struct mb_http_request *r)
{
    mb_request__abort_handler(r);
    if (r->status == 0)
        r->status = STATUS_GONE;
    if (r->announced || r->reply == MB_REPLY_DONE)
        mb_request__end(r);
}
