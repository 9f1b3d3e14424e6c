/* Accepting. A listening descriptor is borrowed: other processes poll it too. */
#define _GNU_SOURCE
#include "net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "net/ceiling.h"
#include "net/output.h"
#include "net/reply.h"

enum {
    ACCEPTS_PER_EVENT = 64, /* then requests in work get their turn */
    PAUSE_MS = 200,         /* without descriptors */
    REFUSED_AT_ONCE = 256,  /* refused connections that are told why; more are just closed */
};

struct mb_listener {
    uv_poll_t poll;
    struct mb_http_server *server;
    struct mb_listener *next;
    int fd, tag, index;
    bool on;       /* what the owner wants; a pause does not change it */
    bool outlasts; /* the drain */
};

static void on_connection(uv_poll_t *poll, int status, int events);
static void accept_waiting(struct mb_listener *l);

static void start(struct mb_listener *l)
{
    int rc = uv_poll_start(&l->poll, UV_READABLE, on_connection);
    if (rc != 0)
        mb_log(MB_LOG_ERROR, "could not poll a listening socket", "error", uv_strerror(rc), NULL);
}

enum mb_rc mb_http_listen(struct mb_http_server *s, int fd, int tag, int *out_index,
                          struct mb_err *err)
{
    struct mb_listener *l = calloc(1, sizeof *l);
    int rc;
    if (!l)
        return mb_fail(err, MB_E_NOMEM, "out of memory for a listening socket");
    rc = uv_poll_init(s->loop, &l->poll, fd);
    if (rc != 0) {
        free(l);
        return mb_fail(err, MB_E_IO, "cannot poll a listening socket: %s", uv_strerror(rc));
    }
    l->server = s;
    l->fd = fd;
    l->tag = tag;
    l->index = s->listeners ? s->listeners->index + 1 : 0;
    l->next = s->listeners;
    s->listeners = l;
    *out_index = l->index;
    return MB_OK;
}

static struct mb_listener *find(const struct mb_http_server *s, int index)
{
    struct mb_listener *l = s->listeners;
    while (l && l->index != index)
        l = l->next;
    return l;
}

void mb_http_outlast(struct mb_http_server *s, int index)
{
    struct mb_listener *l = find(s, index);
    if (l)
        l->outlasts = true;
}

void mb_http_accept(struct mb_http_server *s, int index, bool on)
{
    struct mb_listener *l = find(s, index);
    if (!l || l->on == on || s->draining)
        return;
    l->on = on;
    if (!on)
        uv_poll_stop(&l->poll);
    else if (s->accept_again == 0)
        start(l);
}

void mb_listen__stop_all(struct mb_http_server *s)
{
    for (struct mb_listener *l = s->listeners; l; l = l->next) {
        if (l->outlasts && !s->ending)
            continue;
        if (l->on && s->accept_again == 0)
            accept_waiting(l); /* they have connected already: the socket may be closed next */
        l->on = false;
        uv_poll_stop(&l->poll);
    }
}

void mb_listen__resume(struct mb_http_server *s)
{
    if (s->accept_again == 0 || uv_now(s->loop) < s->accept_again)
        return;
    s->accept_again = 0;
    mb_listen__reserve(s);
    for (struct mb_listener *l = s->listeners; l; l = l->next) {
        if (l->on)
            start(l);
    }
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

void mb_listen__close_all(struct mb_http_server *s)
{
    while (s->listeners) {
        struct mb_listener *l = s->listeners;
        s->listeners = l->next;
        uv_close((uv_handle_t *)&l->poll, on_closed);
    }
    if (s->reserve_fd >= 0)
        close(s->reserve_fd);
    s->reserve_fd = -1;
}

void mb_listen__reserve(struct mb_http_server *s)
{
    if (s->reserve_fd < 0)
        s->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* No descriptors: one waiting client is accepted on the reserve and closed, so that it does not
 * wait in vain; then accepting pauses, as the socket would stay readable and spin the loop. */
static void pause_accepting(struct mb_listener *l)
{
    struct mb_http_server *s = l->server;
    mb_log(MB_LOG_WARN, "no file descriptors left, accepting pauses", NULL);
    if (s->reserve_fd >= 0) {
        int fd;
        close(s->reserve_fd);
        s->reserve_fd = -1;
        fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
        mb_listen__reserve(s);
    }
    mb_count(&s->stats->refused, 1);
    s->accept_again = uv_now(s->loop) + PAUSE_MS;
    mb_server__wake(s);
    for (struct mb_listener *each = s->listeners; each; each = each->next)
        uv_poll_stop(&each->poll);
}

static void refuse(struct mb_conn *c)
{
    struct mb_str answer = mb_reply__overload(c->server);
    if (c->server->refused > REFUSED_AT_ONCE ||
        mb_buf_add(mb_output__buf(c), answer.ptr, answer.len) != MB_OK)
        c->state = MB_CONN_CUT;
    else
        c->state = MB_CONN_LAST;
    mb_conn__settle(c);
}

/* The kernel asks a silent peer whether it is still there, and closes when nobody answers. */
static void probe_idle(int fd, uint32_t after_ms)
{
    static const int yes = 1;
    int seconds = after_ms < 1000 ? 1 : (int)(after_ms / 1000);
    if (after_ms > 0 && setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof seconds) == 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
}

static void welcome(struct mb_listener *l, int fd, const struct mb_addr *peer)
{
    static const int yes = 1;
    struct mb_conn *c = mb_conn__open(l->server, fd, peer, l->tag);
    if (!c)
        return;
    c->outlasts = l->outlasts;
    l->server->outlasting += l->outlasts;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes); /* worth no refusal */
    probe_idle(fd, l->server->config.limits.tcp_keepalive);
    if (!mb_ceiling__enter(c)) {
        refuse(c);
        return;
    }
    c->progress = true;
    mb_conn__settle(c);
}

void mb_http_adopt(struct mb_http_server *s, int fd, int tag)
{
    const struct sockaddr here = {.sa_family = AF_UNIX};
    struct mb_listener l = {.server = s, .fd = -1, .tag = tag};
    struct mb_addr peer;
    mb_addr_from_socket(&here, &peer);
    welcome(&l, fd, &peer);
}

static void accept_waiting(struct mb_listener *l)
{
    for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
        struct sockaddr_storage from;
        socklen_t size = sizeof from;
        struct mb_addr peer;
        int fd = accept4(l->fd, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            mb_addr_from_socket((const struct sockaddr *)&from, &peer);
            welcome(l, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accepting(l);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    accept_waiting((struct mb_listener *)(void *)poll);
}
