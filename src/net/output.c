/* Gathering, sending, queueing. Knows bytes only. */
#define _GNU_SOURCE
#include "net/output.h"

#include <errno.h>
#include <sys/socket.h>

#include "net/server.h"

enum { KEPT_GATHER_BYTES = 1024 * 1024 };

static size_t queued(const struct mb_conn *c)
{
    return c->queue.len - c->queue_at;
}

struct mb_buf *mb_output__buf(struct mb_conn *c)
{
    struct mb_http_server *s = c->server;
    if (queued(c) > 0)
        return &c->queue;
    if (s->gather_owner && s->gather_owner != c)
        mb_output__flush(s->gather_owner);
    s->gather_owner = c;
    return &s->gather;
}

size_t mb_output__due(const struct mb_conn *c)
{
    return queued(c) + (c->server->gather_owner == c ? c->server->gather.len : 0);
}

bool mb_output__is_full(const struct mb_conn *c)
{
    return mb_output__due(c) > c->server->config.limits.max_output_bytes;
}

/* Returns how much the kernel took; cuts the connection when it is broken. */
static size_t push(struct mb_conn *c, const char *p, size_t n)
{
    size_t done = 0;
    while (done < n && c->state < MB_CONN_LINGER) {
        ssize_t sent = send(c->fd, p + done, n - done, MSG_NOSIGNAL);
        if (sent >= 0) {
            done += (size_t)sent;
        } else if (errno != EINTR) {
            if (errno != EAGAIN && errno != EWOULDBLOCK)
                mb_conn__cut(c);
            break;
        }
    }
    if (done > 0) {
        c->progress = true;
        mb_count(&c->server->stats->bytes_out, done);
    }
    return done;
}

static void flush_gather(struct mb_conn *c)
{
    struct mb_http_server *s = c->server;
    size_t done = push(c, s->gather.data, s->gather.len);
    s->gather_owner = NULL;
    if (done < s->gather.len && c->state < MB_CONN_LINGER &&
        mb_buf_add(&c->queue, s->gather.data + done, s->gather.len - done) != MB_OK)
        mb_conn__cut(c);
    if (s->gather.cap > KEPT_GATHER_BYTES)
        mb_buf_reset(&s->gather);
    mb_buf_clear(&s->gather);
}

static void flush_queue(struct mb_conn *c)
{
    c->queue_at += push(c, c->queue.data + c->queue_at, queued(c));
    if (queued(c) == 0) {
        mb_buf_reset(&c->queue);
        c->queue_at = 0;
    } else if (c->queue_at > c->queue.len / 2) { /* sent bytes must not pile up in front */
        memmove(c->queue.data, c->queue.data + c->queue_at, queued(c));
        c->queue.len = queued(c);
        c->queue_at = 0;
    }
}

void mb_output__flush(struct mb_conn *c)
{
    if (queued(c) > 0) {
        flush_queue(c);
    } else if (c->server->gather_owner == c) {
        flush_gather(c);
    }
}

void mb_output__drop(struct mb_conn *c)
{
    if (c->server->gather_owner == c) {
        c->server->gather_owner = NULL;
        mb_buf_clear(&c->server->gather);
    }
    mb_buf_reset(&c->queue);
    c->queue_at = 0;
}
