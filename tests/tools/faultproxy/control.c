/* The control socket. */
#define _GNU_SOURCE
#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct visitor {
    struct watch watch;
    struct control *control;
    struct text in;
};

static void obey(struct control *c, const char *line, struct text *out)
{
    struct relay *r = c->relay;
    if (strncmp(line, "arm ", 4) == 0) {
        text_addf(out, fault_arm(&r->plan, line + 4) ? "ok\n" : "error\n");
    } else if (strcmp(line, "cut") == 0) {
        relay_cut_all(r);
        text_addf(out, "ok\n");
    } else if (strcmp(line, "report") == 0) {
        text_addf(out,
                  "{\"armed\":\"%s\",\"accepted\":%llu,\"open\":%llu,\"matched\":%llu,"
                  "\"fired\":%llu}\n",
                  fault_name(r->plan.kind), (unsigned long long)r->accepted,
                  (unsigned long long)r->open, (unsigned long long)r->plan.matched,
                  (unsigned long long)r->plan.fired);
    } else {
        text_addf(out, "error\n");
    }
}

static void on_visitor(struct watch *w, uint32_t events)
{
    struct visitor *v = (struct visitor *)w;
    char chunk[1024], *end;
    struct text out = {0};
    (void)events;
    ssize_t n = read(w->fd, chunk, sizeof chunk);
    if (n <= 0) {
        close(w->fd);
        text_free(&v->in);
        free(v);
        return;
    }
    text_add(&v->in, chunk, (size_t)n);
    while ((end = memchr(v->in.ptr, '\n', v->in.len))) {
        *end = '\0';
        obey(v->control, v->in.ptr, &out);
        text_drop(&v->in, (size_t)(end - v->in.ptr) + 1);
    }
    if (out.len > 0)
        (void)send(w->fd, out.ptr, out.len, MSG_NOSIGNAL);
    text_free(&out);
}

static void on_arrival(struct watch *w, uint32_t events)
{
    struct control *c = (struct control *)w;
    (void)events;
    int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct visitor *v = must(calloc(1, sizeof *v));
    v->control = c;
    v->watch = (struct watch){.fd = fd, .on_event = on_visitor};
    loop_watch(c->relay->loop, &v->watch, EPOLLIN);
}

void control_open(struct control *c, struct relay *r, const char *path)
{
    struct address at;
    address_read(&at, path);
    c->relay = r;
    c->listener = (struct watch){.fd = address_listen(&at), .on_event = on_arrival};
    loop_watch(r->loop, &c->listener, EPOLLIN);
}
