/* epoll, signals and timers. Knows nothing of sockets. */
#define _GNU_SOURCE
#include "kit/loop.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "kit/text.h"

enum { TICK_MS = 10, EVENTS_AT_ONCE = 512 };

uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

void loop_open(struct loop *l)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    *l = (struct loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
                       .signal_fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (l->epoll_fd < 0 || l->signal_fd < 0)
        die("could not make the loop's descriptors");
    l->timers.prev = l->timers.next = &l->timers;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->signal_fd, &e) != 0)
        die("could not watch for signals");
}

void loop_close(struct loop *l)
{
    close(l->signal_fd);
    close(l->epoll_fd);
}

static void control(struct loop *l, int how, struct watch *w, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = w};
    if (epoll_ctl(l->epoll_fd, how, w->fd, &e) != 0)
        die("could not watch descriptor %d: errno %d", w->fd, errno);
}

void loop_watch(struct loop *l, struct watch *w, uint32_t events)
{
    control(l, EPOLL_CTL_ADD, w, events);
}

void loop_change(struct loop *l, struct watch *w, uint32_t events)
{
    control(l, EPOLL_CTL_MOD, w, events);
}

void loop_arm(struct loop *l, struct timer *t, uint64_t in_us)
{
    loop_disarm(t);
    t->at_us = now_us() + in_us;
    t->prev = l->timers.prev;
    t->next = &l->timers;
    t->prev->next = t->next->prev = t;
}

void loop_disarm(struct timer *t)
{
    if (t->at_us == 0)
        return;
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->at_us = 0;
}

/* A timer's callback may arm and disarm any timer, so due ones are first moved to a ring of
 * their own, from which both are safe. */
static void fire_timers(struct loop *l)
{
    uint64_t now = now_us();
    struct timer due = {.prev = &due, .next = &due};
    for (struct timer *t = l->timers.next, *next; t != &l->timers; t = next) {
        next = t->next;
        if (t->at_us > now)
            continue;
        t->prev->next = t->next;
        t->next->prev = t->prev;
        t->prev = due.prev;
        t->next = &due;
        t->prev->next = t->next->prev = t;
    }
    while (due.next != &due) {
        struct timer *t = due.next;
        loop_disarm(t);
        t->on_time(t);
    }
}

static void take_signal(struct loop *l)
{
    struct signalfd_siginfo info;
    while (read(l->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        l->asked_to_end = true;
}

void loop_run(struct loop *l)
{
    static struct epoll_event events[EVENTS_AT_ONCE];
    uint64_t ticked = now_us();
    for (l->stopped = false; !l->stopped;) {
        int n = epoll_wait(l->epoll_fd, events, EVENTS_AT_ONCE, TICK_MS);
        if (n < 0 && errno != EINTR)
            die("epoll_wait failed: errno %d", errno);
        for (int i = 0; i < n && !l->stopped; i++) {
            struct watch *w = events[i].data.ptr;
            if (w)
                w->on_event(w, events[i].events);
            else
                take_signal(l);
        }
        if (now_us() - ticked >= TICK_MS * 1000u) {
            fire_timers(l);
            ticked = now_us();
        }
    }
}
