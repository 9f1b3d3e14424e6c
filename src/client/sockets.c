#include "client/sockets.h"

#include <stdlib.h>

/* libcurl says which sockets it wants to be told of and when it wants to be woken; both only note
 * it: libcurl is called again by the loop, never from inside its own callbacks. */

struct watched {
    uv_poll_t poll;
    struct mb_sockets *owner;
    curl_socket_t fd;
};

static void act(struct mb_sockets *s, curl_socket_t fd, int events)
{
    int running;
    (void)curl_multi_socket_action(s->multi, fd, events, &running);
    s->on_turn(s->ctx);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    const struct watched *w = poll->data;
    int flags = status < 0 ? CURL_CSELECT_ERR : 0;
    if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
    act(w->owner, w->fd, flags);
}

static void on_timer(uv_timer_t *timer) { act(timer->data, CURL_SOCKET_TIMEOUT, 0); }

static void free_handle(uv_handle_t *handle) { free(handle->data); }
static void free_timer(uv_handle_t *handle) { free(handle); }

static struct watched *watch(struct mb_sockets *s, curl_socket_t fd)
{
    struct watched *w = calloc(1, sizeof *w);
    if (!w) return NULL;
    w->owner = s;
    w->fd = fd;
    w->poll.data = w;
    if (uv_poll_init(s->loop, &w->poll, fd) != 0) {
        free(w);
        return NULL;
    }
    (void)curl_multi_assign(s->multi, fd, w);
    return w;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
    struct watched *w = of_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (!w) return 0;
        uv_poll_stop(&w->poll);
        uv_close((uv_handle_t *)&w->poll, free_handle);
        return 0;
    }
    if (!w) w = watch(ctx, fd);
    if (!w) return -1;
    int events =
        (what != CURL_POLL_OUT ? UV_READABLE : 0) | (what != CURL_POLL_IN ? UV_WRITABLE : 0);
    return uv_poll_start(&w->poll, events, on_poll) == 0 ? 0 : -1;
}

static int on_timeout(CURLM *multi, long ms, void *ctx)
{
    struct mb_sockets *s = ctx;
    (void)multi;
    if (ms < 0)
        uv_timer_stop(s->timer);
    else
        uv_timer_start(s->timer, on_timer, (uint64_t)ms, 0);
    return 0;
}

enum mb_rc mb_sockets_open(struct mb_sockets *s)
{
    s->timer = calloc(1, sizeof *s->timer);
    if (!s->timer) return MB_E_NOMEM;
    (void)uv_timer_init(s->loop, s->timer);
    s->timer->data = s;
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
    curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
    return MB_OK;
}

void mb_sockets_close(struct mb_sockets *s)
{
    uv_timer_stop(s->timer);
    uv_close((uv_handle_t *)s->timer, free_timer);
    s->timer = NULL;
}
