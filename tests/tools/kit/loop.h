#pragma once
/*
 * One epoll loop with coarse timers (a tick of 10 ms): enough for tools that
 * measure between their own writes and reads, and never need an exact time-out.
 */
#include <stdbool.h>
#include <stdint.h>

/* Embedded in whatever owns a descriptor. */
struct watch {
    int fd;
    void (*on_event)(struct watch *w, uint32_t events);
};

struct timer {
    uint64_t at_us; /* 0 = not armed */
    void (*on_time)(struct timer *t);
    struct timer *prev, *next;
};

struct loop {
    int epoll_fd, signal_fd;
    struct timer timers; /* ring of the armed ones, unordered */
    bool stopped;        /* loop_run returns */
    bool asked_to_end;   /* SIGTERM or SIGINT came: start nothing new */
};

uint64_t now_us(void); /* monotonic */

void loop_open(struct loop *l);
void loop_close(struct loop *l);
void loop_watch(struct loop *l, struct watch *w, uint32_t events);  /* new descriptor */
void loop_change(struct loop *l, struct watch *w, uint32_t events); /* known descriptor */
void loop_arm(struct loop *l, struct timer *t, uint64_t in_us);     /* again = later */
void loop_disarm(struct timer *t);
void loop_run(struct loop *l); /* until l->stopped */
