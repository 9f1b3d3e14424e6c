/* One HTTP/1.1 connection on the loop. Knows nothing of bookings. */
#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char retry_header[] = "retry-after";

static struct client *of_watch(struct watch *w)
{
    return (struct client *)((char *)w - offsetof(struct client, watch));
}

static struct client *of_deadline(struct timer *t)
{
    return (struct client *)((char *)t - offsetof(struct client, deadline));
}

void client_close(struct client *c)
{
    loop_disarm(&c->deadline);
    if (c->watch.fd >= 0)
        close(c->watch.fd);
    c->watch.fd = -1;
    c->connected = c->waiting = c->writable_wanted = false;
    c->sent = 0;
}

static void lose(struct client *c, const char *why)
{
    client_close(c);
    c->events->on_lost(c, why);
}

static void on_deadline(struct timer *t)
{
    lose(of_deadline(t), "timeout");
}

/* ---- reading ---- */

static int on_header_field(llhttp_t *p, const char *at, size_t len)
{
    struct client *c = p->data;
    c->last_header_is_retry =
        len == sizeof retry_header - 1 && strncasecmp(at, retry_header, len) == 0;
    return 0;
}

static int on_header_value(llhttp_t *p, const char *at, size_t len)
{
    struct client *c = p->data;
    if (c->last_header_is_retry && len > 0)
        c->reply.retry_after = atoi(at);
    return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t len)
{
    struct client *c = p->data;
    text_add(&c->body, at, len);
    return 0;
}

static int on_message_complete(llhttp_t *p)
{
    struct client *c = p->data;
    c->complete = true;
    c->reply.status = (int)p->status_code;
    return HPE_PAUSED;
}

static const llhttp_settings_t *parser_settings(void)
{
    static llhttp_settings_t s;
    if (!s.on_message_complete) {
        llhttp_settings_init(&s);
        s.on_header_field = on_header_field;
        s.on_header_value = on_header_value;
        s.on_body = on_body;
        s.on_message_complete = on_message_complete;
    }
    return &s;
}

static void expect_reply(struct client *c)
{
    llhttp_init(&c->parser, HTTP_RESPONSE, parser_settings());
    c->parser.data = c;
    c->complete = false;
    c->reply = (struct reply){.retry_after = -1};
    text_clear(&c->body);
}

static void finish_reply(struct client *c)
{
    bool keep = llhttp_should_keep_alive(&c->parser) != 0;
    c->waiting = false;
    loop_disarm(&c->deadline);
    c->reply.took_us = now_us() - c->since_us;
    c->reply.body = c->body.ptr ? c->body.ptr : "";
    c->reply.body_len = c->body.len;
    if (!keep)
        client_close(c);
    c->events->on_reply(c, &c->reply);
}

/* A closed peer ends a reply that has no length; anything else is a loss. */
static void take_eof(struct client *c, bool reset)
{
    if (!reset && c->waiting)
        (void)llhttp_finish(&c->parser);
    if (!reset && c->waiting && c->complete)
        finish_reply(c);
    else
        lose(c, reset ? "reset" : "closed");
}

static void take_bytes(struct client *c)
{
    char chunk[16384];
    ssize_t n = read(c->watch.fd, chunk, sizeof chunk);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        take_eof(c, n < 0);
        return;
    }
    if (!c->waiting) {
        lose(c, "garbage"); /* an answer to nothing */
        return;
    }
    enum llhttp_errno rc = llhttp_execute(&c->parser, chunk, (size_t)n);
    if (rc != HPE_OK && rc != HPE_PAUSED)
        lose(c, "garbage");
    else if (c->complete)
        finish_reply(c);
}

/* ---- writing ---- */

static void want_writable(struct client *c, bool wanted)
{
    if (c->writable_wanted == wanted)
        return;
    c->writable_wanted = wanted;
    loop_change(c->loop, &c->watch,
                (c->deaf ? 0u : (uint32_t)EPOLLIN) | (wanted ? (uint32_t)EPOLLOUT : 0u));
}

static void flush(struct client *c)
{
    while (c->sent + c->held < c->out.len) {
        size_t left = c->out.len - c->held - c->sent;
        ssize_t n = send(c->watch.fd, c->out.ptr + c->sent, left, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            want_writable(c, true);
            return;
        }
        if (n < 0) {
            lose(c, "reset");
            return;
        }
        c->sent += (size_t)n;
    }
    want_writable(c, false);
}

static void finish_connect(struct client *c)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    /* Not SO_ERROR: connect() itself may already have reported, and thereby cleared, the refusal. */
    if (getpeername(c->watch.fd, (struct sockaddr *)&peer, &size) != 0) {
        lose(c, "refused");
        return;
    }
    c->connected = true;
    c->writable_wanted = true; /* as registered by client_open */
    want_writable(c, false);
    if (c->waiting) {
        flush(c);
        return;
    }
    loop_disarm(&c->deadline);
    if (c->events->on_open)
        c->events->on_open(c);
}

static void on_event(struct watch *w, uint32_t events)
{
    struct client *c = of_watch(w);
    if (!c->connected)
        finish_connect(c);
    else if (c->deaf && (events & (EPOLLHUP | EPOLLERR)))
        lose(c, "closed");
    else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        take_bytes(c);
    else if (events & EPOLLOUT)
        flush(c);
}

/* ---- the life of a connection ---- */

void client_init(struct client *c, struct loop *l, const struct sockaddr_in *server,
                 uint64_t timeout_us, const struct client_events *events)
{
    *c = (struct client){.watch = {.fd = -1, .on_event = on_event},
                         .deadline = {.on_time = on_deadline},
                         .loop = l,
                         .server = *server,
                         .source = {.sin_family = AF_INET},
                         .timeout_us = timeout_us,
                         .events = events};
}

void client_open(struct client *c)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("could not make a socket: errno %d (raise the limit of open files?)", errno);
    int on = 1, small = 4096;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (c->deaf)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    if (c->source.sin_addr.s_addr != 0) {
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&c->source, sizeof c->source) != 0)
            die("could not bind a source address: errno %d", errno);
    }
    c->watch.fd = fd;
    c->connected = false;
    c->sent = 0;
    int rc = connect(fd, (struct sockaddr *)&c->server, sizeof c->server);
    if (rc != 0 && errno != EINPROGRESS && errno != ECONNREFUSED)
        die("could not connect: errno %d", errno);
    /* Success and refusal are both reported by the loop, so that callers see one order. */
    loop_watch(c->loop, &c->watch, EPOLLIN | EPOLLOUT);
    loop_arm(c->loop, &c->deadline, c->timeout_us);
}

void client_free(struct client *c)
{
    client_close(c);
    text_free(&c->out);
    text_free(&c->body);
}

void client_request(struct client *c, const char *method, const char *target, const char *headers,
                    const struct text *body)
{
    text_addf(&c->out, "%s %s HTTP/1.1\r\nHost: hammer\r\n%s", method, target, headers);
    if (body)
        text_addf(&c->out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body->len);
    text_add(&c->out, "\r\n", 2);
    if (body)
        text_add(&c->out, body->ptr, body->len);
}

static void start_sending(struct client *c, size_t held)
{
    c->held = held;
    c->sent = 0;
    c->since_us = now_us();
    expect_reply(c);
    if (c->watch.fd < 0)
        client_open(c);
    c->waiting = true;
    loop_arm(c->loop, &c->deadline, c->timeout_us);
    if (c->connected)
        flush(c);
}

void client_send(struct client *c)
{
    start_sending(c, 0);
}

void client_send_held(struct client *c)
{
    start_sending(c, 1);
}

void client_release(struct client *c)
{
    c->held = 0;
    c->since_us = now_us();
    if (c->connected)
        flush(c);
}
