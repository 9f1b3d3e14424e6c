/*
 * One connection's life: readable and writable events, end of input, time-outs, closing. What
 * the bytes mean is decided in serve.c.
 */
#define _GNU_SOURCE
#include "net/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/ceiling.h"
#include "net/output.h"
#include "net/request.h"
#include "net/serve.h"
#include "net/server.h"

static void on_poll(uv_poll_t *poll, int status, int events);

struct mb_conn *mb_conn__open(struct mb_http_server *s, int fd, const struct mb_addr *peer, int tag)
{
    struct mb_conn *c = calloc(1, sizeof *c);
    if (!c)
        goto fail;
    if (uv_poll_init(s->loop, &c->poll, fd) != 0)
        goto fail_conn;
    s->closing_handles++;
    c->server = s;
    c->fd = fd;
    c->tag = tag;
    c->opened = uv_now(s->loop);
    c->peer = *peer;
    c->trusted = mb_networks_have(s->trusted, peer);
    mb_addr_text(peer, c->peer_text);
    mb_buf_init(&c->pending, (size_t)s->config.limits.max_pipeline_bytes + MB_READ_BYTES);
    mb_buf_init(&c->queue, SIZE_MAX / 2);
    mb_list_init(&c->by_phase);
    mb_list_init(&c->by_turn);
    mb_list_init(&c->by_server);
    mb_list_append(&s->connections, &c->by_server);
    if (s->open + s->refused == 0)
        mb_server__wake(s);
    return c;

fail_conn:
    free(c);
fail:
    close(fd);
    return NULL;
}

static void on_closed(uv_handle_t *handle)
{
    struct mb_conn *c = (struct mb_conn *)(void *)handle;
    struct mb_http_server *s = c->server;
    s->closing_handles--;
    s->outlasting -= c->outlasts;
    free(c);
    mb_server__forget(s);
}

void mb_conn__close(struct mb_conn *c)
{
    if (c->state == MB_CONN_CLOSED)
        return;
    c->state = MB_CONN_CUT;
    if (c->req) {
        mb_request__abort(c->req);
        mb_request__recycle(c->req);
    }
    c->state = MB_CONN_CLOSED;
    mb_output__drop(c);
    mb_buf_reset(&c->pending);
    mb_list_remove(&c->by_phase);
    mb_list_remove(&c->by_turn);
    mb_list_remove(&c->by_server);
    mb_ceiling__leave(c);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    close(c->fd);
}

void mb_conn__schedule(struct mb_conn *c)
{
    if (!c->busy && !mb_list_is_linked(&c->by_turn))
        mb_list_append(&c->server->turns, &c->by_turn);
}

void mb_conn__cut(struct mb_conn *c)
{
    if (c->state == MB_CONN_CLOSED)
        return;
    c->state = MB_CONN_CUT;
    mb_conn__schedule(c);
}

/* While a request runs, input is read ahead up to a ceiling: that is how a client that leaves
 * is noticed. Past it, polling for urgent data stands in: no client of HTTP sends any, but a
 * reset is reported all the same. Once the last answer is made, what still comes is thrown away: a
 * client that writes on, such as the rest of a body, could not read the answer otherwise. */
static bool wants_input(const struct mb_conn *c)
{
    const struct mb_http_limits *limits = &c->server->config.limits;
    if (c->eof)
        return false;
    if (c->state == MB_CONN_OPEN)
        return c->pending.len < limits->max_pipeline_bytes;
    return c->state < MB_CONN_CUT && c->dropped <= limits->linger_bytes;
}

/* Output is due, or someone was told that there is no room for more and must hear of room. */
static bool wants_output(const struct mb_conn *c)
{
    if (c->state >= MB_CONN_LINGER)
        return false;
    return mb_output__due(c) > 0 || (c->req ? c->req->wants_writable : c->pending.len > 0);
}

static void watch(struct mb_conn *c)
{
    int events = wants_input(c) ? UV_READABLE : 0;
    if (wants_output(c))
        events |= UV_WRITABLE;
    if (events == 0)
        events = UV_PRIORITIZED;
    if (events == c->events)
        return;
    c->events = (uint8_t)events;
    if (uv_poll_start(&c->poll, events, on_poll) != 0)
        mb_conn__cut(c);
}

static enum mb_phase phase_of(const struct mb_conn *c)
{
    const struct mb_http_request *r = c->req;
    if (c->state == MB_CONN_LINGER)
        return MB_PHASE_LINGER;
    if (c->state == MB_CONN_LAST || (!r && mb_output__due(c) > 0))
        return MB_PHASE_WRITE;
    if (!r)
        return MB_PHASE_IDLE;
    if (r->stage == MB_STAGE_HEAD)
        return MB_PHASE_HEAD;
    if (r->stage == MB_STAGE_BODY && !r->paused)
        return MB_PHASE_BODY;
    if (r->reply == MB_REPLY_NONE)
        return MB_PHASE_REQUEST;
    return mb_output__due(c) > 0 ? MB_PHASE_WRITE : MB_PHASE_NONE;
}

/* The last answer is out: our side is shut, so that the client reads it to the end instead of
 * losing it to a reset caused by bytes we did not read. */
static void linger(struct mb_conn *c)
{
    c->state = MB_CONN_LINGER;
    mb_buf_reset(&c->pending);
    if (c->eof || shutdown(c->fd, SHUT_WR) != 0)
        c->state = MB_CONN_CUT;
}

/* The client sends no more. It may still want its answer, but who asked for something and left
 * nothing more to say is taken as gone when the method changes nothing. */
static void judge_eof(struct mb_conn *c)
{
    const struct mb_http_request *r = c->req;
    if (!r || r->stage == MB_STAGE_HEAD || r->reply == MB_REPLY_DONE) {
        if (mb_output__due(c) == 0 || r)
            c->state = MB_CONN_LAST;
    } else if (r->stage == MB_STAGE_BODY && !r->paused) {
        mb_conn__cut(c); /* half a body */
    } else if (c->pending.len == 0 &&
               (r->method == MB_GET || r->method == MB_HEAD || r->method == MB_OPTIONS)) {
        mb_conn__cut(c);
    }
}

void mb_conn__settle(struct mb_conn *c)
{
    if (c->state < MB_CONN_LINGER)
        mb_output__flush(c);
    if (c->state == MB_CONN_OPEN && c->eof)
        judge_eof(c);
    if (c->state == MB_CONN_LAST && mb_output__due(c) == 0)
        linger(c);
    if (c->state == MB_CONN_LINGER && (c->eof || c->dropped > c->server->config.limits.linger_bytes))
        c->state = MB_CONN_CUT;
    if (c->state < MB_CONN_CUT)
        watch(c);
    if (c->state >= MB_CONN_CUT) {
        mb_conn__close(c);
        return;
    }
    mb_phase__set(c, phase_of(c), c->progress);
    c->progress = false;
}

void mb_conn__turn(struct mb_conn *c)
{
    if (c->state == MB_CONN_OPEN)
        mb_serve__pending(c);
    mb_conn__settle(c);
}

static void on_input(struct mb_conn *c, const char *p, size_t n)
{
    mb_count(&c->server->stats->bytes_in, n);
    if (c->state != MB_CONN_OPEN) {
        c->dropped += n;
        return;
    }
    if (c->pending.len == 0) {
        mb_serve__input(c, p, n);
    } else if (mb_buf_add(&c->pending, p, n) != MB_OK) {
        mb_conn__cut(c);
    } else {
        mb_serve__pending(c);
    }
}

static void on_eof(struct mb_conn *c)
{
    c->eof = true;
    if (c->state == MB_CONN_OPEN)
        mb_serve__pending(c); /* what has come is used before the end is judged */
}

static void on_readable(struct mb_conn *c)
{
    struct mb_http_server *s = c->server;
    size_t room = MB_READ_BYTES;
    ssize_t n;
    if (c->state == MB_CONN_OPEN && room > s->config.limits.max_pipeline_bytes - c->pending.len)
        room = s->config.limits.max_pipeline_bytes - c->pending.len;
    do
        n = recv(c->fd, s->read_buf, room, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        on_input(c, s->read_buf, (size_t)n);
    else if (n == 0)
        on_eof(c);
    else if (errno != EAGAIN && errno != EWOULDBLOCK)
        mb_conn__cut(c);
}

static void on_writable(struct mb_conn *c)
{
    mb_output__flush(c);
    if (c->state == MB_CONN_OPEN && !mb_output__is_full(c))
        mb_serve__writable(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct mb_conn *c = (struct mb_conn *)(void *)poll;
    if (status != 0 || events == UV_PRIORITIZED) {
        mb_conn__cut(c);
    } else {
        if (events & UV_WRITABLE)
            on_writable(c);
        if ((events & UV_READABLE) && wants_input(c))
            on_readable(c);
    }
    mb_conn__settle(c);
}

/* A peer that does not read would let an orderly close linger in the kernel with all its bytes. */
static void reset(struct mb_conn *c)
{
    static const struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    mb_conn__cut(c);
}

void mb_conn__expire(struct mb_conn *c, enum mb_phase phase)
{
    struct mb_http_request *r = c->req;
    if (phase != MB_PHASE_IDLE && phase != MB_PHASE_LINGER)
        mb_count(&c->server->stats->timeouts, 1);
    switch (phase) {
    case MB_PHASE_HEAD: mb_request__refuse(r, MB_FAULT_HEAD_TIMEOUT); break;
    case MB_PHASE_BODY:
        mb_request__refuse(r, MB_FAULT_BODY_TIMEOUT);
        break;
    case MB_PHASE_REQUEST: mb_request__refuse(r, MB_FAULT_REQUEST_TIMEOUT); break;
    case MB_PHASE_WRITE: reset(c); break;
    default: mb_conn__cut(c); break;
    }
    mb_conn__turn(c);
}

void mb_conn__drain(struct mb_conn *c)
{
    if (!c->req && wants_input(c))
        on_readable(c); /* a request that crossed with the decision to stop is still served */
    if (c->state == MB_CONN_OPEN && !c->req && c->pending.len == 0)
        c->state = mb_output__due(c) > 0 ? MB_CONN_LAST : MB_CONN_CUT;
    mb_conn__settle(c);
}
