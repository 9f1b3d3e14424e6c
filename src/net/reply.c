/* Whole and streamed answers: compression, the end of the connection, chunks. */
#include "net/reply.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/log.h"
#include "net/cors.h"
#include "net/gzip.h"
#include "net/output.h"

bool mb_reply__is_bodiless(int status)
{
    return status == 204 || status == 304;
}

/* Whether no further request is wanted on this connection: by the client, or by us. */
static bool is_last(const struct mb_http_request *r)
{
    const struct mb_http_server *s = r->conn->server;
    const struct mb_http_limits *l = &s->config.limits;
    uint32_t most = l->max_connection_requests, age = l->max_connection_age;
    return r->close || !r->keep_alive || s->draining || (most > 0 && r->conn->requests >= most) ||
           (age > 0 && uv_now(s->loop) - r->conn->opened >= age);
}

/* A body that was not read stands between this request and the next. A short one is skipped;
 * for a long or endless one, or one that the client may now not send, the connection ends. */
static void decide_close(struct mb_http_request *r)
{
    const struct mb_http_server *s = r->conn->server;
    r->close = is_last(r);
    if (r->close || !mb_request__body_due(r))
        return;
    if (r->chunked || r->expects_continue || r->body_left > s->config.limits.max_pipeline_bytes) {
        r->close = true;
        return;
    }
    r->discard = true;
    r->body_max = r->body_seen + r->body_left;
    r->stage = MB_STAGE_BODY;
    r->paused = false;
    r->body_started = uv_now(s->loop);
}

static void finish(struct mb_http_request *r)
{
    r->reply = MB_REPLY_DONE;
    r->conn->progress = true;
    mb_conn__schedule(r->conn);
}

static bool may_begin(const struct mb_http_request *r)
{
    if (r->reply == MB_REPLY_NONE && !r->ended)
        return true;
    mb_log(MB_LOG_WARN, "a request was answered twice", "route", r->route, NULL);
    return false;
}

static bool may_compress(const struct mb_http_server *s, const struct mb_reply_plan *plan, size_t len)
{
    uint32_t least = s->config.limits.gzip_min_bytes;
    if (least == 0 || len < least || !mb_gzip_is_compressible(s->gzip, plan->type))
        return false;
    for (size_t i = 0; i < plan->nextra; i++) {
        if (mb_str_ieq(plan->extra[i].name, MB_STR("content-encoding")))
            return false;
    }
    return true;
}

static void compress(struct mb_http_request *r, struct mb_reply_plan *plan, struct mb_str *body)
{
    struct mb_str packed;
    if (!mb_negotiate__wants_gzip(r))
        return;
    if (mb_gzip_pack(r->conn->server->gzip, *body, &packed) != MB_OK)
        return;
    *body = packed;
    plan->gzip = true;
    mb_conditional__compressed(plan);
}

void mb_reply__whole(struct mb_http_request *r, struct mb_reply_plan *plan, struct mb_str body)
{
    struct mb_conn *c = r->conn;
    struct mb_buf *out = mb_output__buf(c);
    decide_close(r);
    if (!mb_reply__is_bodiless(plan->status))
        plan->vary_encoding = may_compress(c->server, plan, body.len);
    mb_conditional__apply(r, plan); /* after that: a 304 varies as what it stands for */
    if (mb_reply__is_bodiless(plan->status))
        body.len = 0;
    else if (plan->vary_encoding)
        compress(r, plan, &body);
    plan->length = body.len;
    r->status = plan->status;
    if (r->method == MB_HEAD)
        body.len = 0;
    enum mb_rc rc = mb_head__write(r, plan, body.len, out);
    if (rc == MB_OK)
        rc = mb_buf_add(out, body.ptr, body.len);
    if (rc != MB_OK)
        mb_conn__cut(c);
    r->sent = body.len;
    finish(r);
}

void mb_http_reply(struct mb_http_request *r, int status, const char *content_type,
                   const struct mb_http_header *extra, size_t nextra, struct mb_str body)
{
    struct mb_reply_plan plan = {.status = status, .type = content_type, .extra = extra,
                                 .nextra = nextra, .retry_after_s = -1};
    if (!may_begin(r))
        return;
    if (!mb_head__is_fine(&plan)) {
        mb_http_problem(r, 500, "bad_reply_header", NULL, (struct mb_str){NULL, 0}, -1, NULL, 0);
        return;
    }
    mb_reply__whole(r, &plan, body);
}

bool mb_reply__by_server(struct mb_http_request *r)
{
    static const struct mb_http_header allow = {
        {"Allow", 5}, {"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS", 44}};
    struct mb_reply_plan plan = {.status = 204, .retry_after_s = -1};
    if (r->method != MB_OPTIONS)
        return false;
    if (mb_cors__is_preflight(r->conn->server->cors, r))
        plan.preflight = true;
    else if (mb_str_eq(mb_http_path(r), MB_STR("*")))
        plan.extra = &allow, plan.nextra = 1;
    else
        return false;
    mb_reply__whole(r, &plan, (struct mb_str){NULL, 0});
    return true;
}

/* ---- streamed ---- */

void mb_http_begin(struct mb_http_request *r, int status, const char *content_type,
                   const struct mb_http_header *extra, size_t nextra)
{
    struct mb_reply_plan plan = {.status = status, .type = content_type, .extra = extra,
                                 .nextra = nextra, .retry_after_s = -1, .streamed = true};
    if (!may_begin(r))
        return;
    if (!mb_head__is_fine(&plan)) {
        mb_http_problem(r, 500, "bad_reply_header", NULL, (struct mb_str){NULL, 0}, -1, NULL, 0);
        return;
    }
    mb_conditional__apply(r, &plan);
    if (r->minor == 0)
        r->close = true; /* HTTP/1.0 knows no chunks: the end of the connection ends the body */
    r->status = plan.status;
    if (mb_request__body_due(r) && r->mode == MB_BODY_STREAM)
        r->close = is_last(r); /* both ways at once */
    else
        decide_close(r);
    r->reply = MB_REPLY_STREAM;
    if (mb_head__write(r, &plan, 0, mb_output__buf(r->conn)) != MB_OK)
        mb_conn__cut(r->conn);
    mb_conn__schedule(r->conn);
}

static enum mb_rc add_chunk(struct mb_http_request *r, struct mb_str piece)
{
    char line[24];
    struct mb_buf *out = mb_output__buf(r->conn);
    int n = r->chunked_out ? snprintf(line, sizeof line, "%zx\r\n", piece.len) : 0;
    enum mb_rc rc = mb_buf_add(out, line, (size_t)n);
    if (rc == MB_OK)
        rc = mb_buf_add(out, piece.ptr, piece.len);
    if (rc == MB_OK && r->chunked_out)
        rc = mb_buf_add(out, "\r\n", 2);
    return rc;
}

bool mb_http_write(struct mb_http_request *r, struct mb_str piece)
{
    struct mb_conn *c = r->conn;
    if (r->reply != MB_REPLY_STREAM || c->state != MB_CONN_OPEN)
        return false;
    if (r->method == MB_HEAD || mb_reply__is_bodiless(r->status) || piece.len == 0)
        return true;
    r->sent += piece.len;
    if (add_chunk(r, piece) != MB_OK)
        mb_conn__cut(c);
    if (mb_output__is_full(c))
        mb_output__flush(c);
    mb_conn__schedule(c);
    r->wants_writable = mb_output__is_full(c);
    return !r->wants_writable;
}

void mb_http_end(struct mb_http_request *r)
{
    if (r->reply != MB_REPLY_STREAM)
        return;
    if (r->chunked_out && r->method != MB_HEAD &&
        mb_buf_add(mb_output__buf(r->conn), "0\r\n\r\n", 5) != MB_OK)
        mb_conn__cut(r->conn);
    if (mb_request__body_due(r))
        r->close = true;
    finish(r);
}

void mb_http_abort(struct mb_http_request *r)
{
    /* Without chunks an orderly close would pass for the end of the body: it must be a reset. */
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    mb_output__flush(r->conn); /* what was written before the failure may help the client */
    if (r->reply == MB_REPLY_STREAM && !r->chunked_out)
        (void)setsockopt(r->conn->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    mb_conn__cut(r->conn);
}
