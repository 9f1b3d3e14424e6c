/*
 * The serve loop. It takes one step at a time until the input is used up or somebody else has
 * to act: the handler (an answer, a choice about the body) or the client (more bytes, room for
 * output). Callbacks of the handler run in here with `busy` set; what they ask for takes effect
 * when they return, so no callback is entered from within another.
 */
#include "net/serve.h"

#include "net/cors.h"
#include "net/output.h"
#include "net/parse.h"
#include "net/reply.h"

struct input {
    const char *p;
    size_t n;
};

static void take(struct input *in, size_t n)
{
    in->p += n;
    in->n -= n;
}

/* The loop's time is the monotonic clock in milliseconds. */
static uint64_t deadline_from_now(const struct mb_http_server *s)
{
    return (uv_now(s->loop) + s->config.limits.request_timeout) * 1000000u;
}

static void announce(struct mb_http_request *r)
{
    struct mb_http_server *s = r->conn->server;
    r->stage = mb_http_has_body(r) ? MB_STAGE_WAIT : MB_STAGE_COMPLETE;
    r->deadline_ns = deadline_from_now(s);
    r->conn->progress = true;
    if (mb_reply__by_server(r))
        return;
    r->announced = true;
    mb_count(&s->stats->in_flight, 1);
    s->handler.on_head(s->handler.ctx, r);
}

static bool read_head(struct mb_http_request *r, struct input *in)
{
    size_t taken = 0;
    enum mb_parse result;
    if (in->n == 0)
        return false;
    result = mb_parse__head(r, in->p, in->n, &taken);
    take(in, taken);
    if (result == MB_PARSE_BAD)
        mb_request__refuse(r, (enum mb_fault)r->fault);
    else if (result == MB_PARSE_DONE)
        announce(r);
    return result != MB_PARSE_MORE;
}

static void body_complete(struct mb_http_request *r)
{
    struct mb_http_server *s = r->conn->server;
    r->stage = MB_STAGE_COMPLETE;
    r->conn->progress = true;
    if (r->discard)
        return;
    r->deadline_ns = deadline_from_now(s);
    if (r->mode == MB_BODY_BUFFER)
        r->ready_due = true;
    else
        r->end_due = true;
}

bool mb_serve__is_too_slow(const struct mb_http_request *r)
{
    const struct mb_http_limits *l = &r->conn->server->config.limits;
    uint64_t ms = uv_now(r->conn->server->loop) - r->body_started;
    return ms > l->body_timeout && r->body_seen * 1000 < l->body_min_rate * ms;
}

static bool read_body(struct mb_http_request *r, struct input *in)
{
    size_t taken = 0;
    enum mb_parse result;
    if (in->n == 0)
        return false;
    result = mb_parse__body(r, in->p, in->n, &taken);
    take(in, taken);
    if (result == MB_PARSE_DONE)
        body_complete(r);
    else if (result == MB_PARSE_BAD && r->too_large)
        mb_request__refuse_size(r);
    else if (result == MB_PARSE_BAD)
        mb_request__refuse(r, (enum mb_fault)r->fault);
    else if (mb_serve__is_too_slow(r))
        mb_request__refuse(r, MB_FAULT_BODY_RATE);
    return true;
}

static void call_ready(struct mb_http_request *r)
{
    struct mb_http_server *s = r->conn->server;
    r->ready_due = false;
    r->end_due = r->mode == MB_BODY_STREAM && !mb_http_has_body(r);
    s->handler.on_ready(s->handler.ctx, r);
}

static void call_body_end(struct mb_http_request *r)
{
    struct mb_http_server *s = r->conn->server;
    r->end_due = false;
    s->handler.on_body_end(s->handler.ctx, r);
}

/* The answer is complete. The connection goes on only if the body is, or soon will be. */
static bool after_reply(struct mb_conn *c, struct mb_http_request *r, struct input *in)
{
    if (!r->ended)
        mb_request__end(r);
    if (r->close || r->stage == MB_STAGE_COMPLETE) {
        if (r->close)
            c->state = MB_CONN_LAST;
        mb_request__recycle(r);
        c->progress = true;
        return c->state == MB_CONN_OPEN;
    }
    return read_body(r, in);
}

static bool step(struct mb_conn *c, struct input *in)
{
    struct mb_http_request *r = c->req;
    if (!r) {
        if (in->n == 0 || mb_output__is_full(c))
            return false;
        r = c->req = mb_request__new(c);
        if (!r) {
            mb_conn__cut(c);
            return false;
        }
    }
    if (r->reply == MB_REPLY_DONE)
        return after_reply(c, r, in);
    if (r->stage == MB_STAGE_HEAD)
        return read_head(r, in);
    if (r->ready_due) {
        call_ready(r);
        return true;
    }
    if (r->end_due && !r->paused) {
        call_body_end(r);
        return true;
    }
    if (r->stage == MB_STAGE_BODY && !r->paused)
        return read_body(r, in);
    return false;
}

static void serve(struct mb_conn *c, struct input *in)
{
    c->busy = true;
    while (c->state == MB_CONN_OPEN && step(c, in))
        ;
    c->busy = false;
}

void mb_serve__input(struct mb_conn *c, const char *p, size_t n)
{
    struct input in = {p, n};
    serve(c, &in);
    if (c->state == MB_CONN_OPEN && in.n > 0 && mb_buf_add(&c->pending, in.p, in.n) != MB_OK)
        mb_conn__cut(c);
}

void mb_serve__pending(struct mb_conn *c)
{
    struct input in = {c->pending.data, c->pending.len};
    serve(c, &in);
    if (in.n == 0) {
        mb_buf_reset(&c->pending);
    } else if (in.n < c->pending.len) {
        memmove(c->pending.data, in.p, in.n);
        c->pending.len = in.n;
    }
}

void mb_serve__writable(struct mb_conn *c)
{
    struct mb_http_request *r = c->req;
    const struct mb_http_handler *h = &c->server->handler;
    if (r && r->wants_writable && r->reply == MB_REPLY_STREAM) {
        r->wants_writable = false;
        c->busy = true;
        h->on_writable(h->ctx, r);
        c->busy = false;
    }
    mb_serve__pending(c);
}

/* ---- what a handler decides about the body ---- */

void mb_http_body_want(struct mb_http_request *r)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct mb_conn *c = r->conn;
    if (!r->expects_continue || r->stage != MB_STAGE_BODY || r->reply != MB_REPLY_NONE)
        return;
    r->expects_continue = false;
    if (r->body_seen > 0) /* it did not wait */
        return;
    r->body_started = uv_now(c->server->loop);
    c->progress = true;
    if (mb_buf_add(mb_output__buf(c), go_on, sizeof go_on - 1) != MB_OK)
        mb_conn__cut(c);
    mb_conn__schedule(c);
}

static void start_body(struct mb_http_request *r)
{
    if (r->body_left > r->body_max) {
        mb_request__refuse_size(r);
        return;
    }
    r->stage = MB_STAGE_BODY;
    r->body.max = (size_t)r->body_max;
    r->body_started = uv_now(r->conn->server->loop);
    if (r->mode == MB_BODY_BUFFER)
        mb_http_body_want(r);
}

/* A body that a NONE route gets stays unread; mb_http_reply decides what becomes of it. */
void mb_http_accept_body(struct mb_http_request *r, enum mb_body_mode mode, uint64_t max_bytes)
{
    uint64_t most = r->conn->server->config.limits.max_body;
    if (r->accepted || r->reply != MB_REPLY_NONE)
        return;
    r->accepted = true;
    r->mode = (uint8_t)mode;
    r->body_max = mode == MB_BODY_STREAM || max_bytes < most ? max_bytes : most;
    r->ready_due = mode != MB_BODY_BUFFER || r->stage == MB_STAGE_COMPLETE;
    if (r->stage == MB_STAGE_WAIT && mode != MB_BODY_NONE)
        start_body(r);
    mb_conn__schedule(r->conn);
}

void mb_http_body_resume(struct mb_http_request *r)
{
    if (!r->paused)
        return;
    r->paused = false;
    r->conn->progress = true;
    mb_conn__schedule(r->conn);
}
