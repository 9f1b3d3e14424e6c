#pragma once
/* The workers and the jobs process: filled places, restarts with a pause, and the watch for hung ones. */
#include "app/child.h"
#include "app/worker.h"

struct mb_crew_place {
    pid_t pid;         /* 0 = empty */
    uint64_t beat;     /* last one seen */
    unsigned silent;   /* ticks since the beat last moved */
    unsigned age;      /* ticks since the start */
    unsigned failures; /* ends in a row, soon after the start */
    unsigned pause;    /* ticks until the place is filled again */
    unsigned kill_in;  /* ticks until a worker that was told that it hangs is killed; 0 = none */
};

struct mb_crew {
    struct mb_worker_plan plan; /* of every worker, except its index */
    const struct mb_user *user;
    struct mb_signals *signals;
    struct mb_crew_place places[MB_MAX_PLACES];
    bool was_ready; /* all workers were ready once */
    bool is_broken; /* one said, before that, that its scripts cannot work */
};

/* Reaps the ended ones; to be called after every wait. */
void mb_crew_reap(struct mb_crew *c);
/* Every 100 ms: fills empty places (all of them at the first call), ends hung workers. */
void mb_crew_tick(struct mb_crew *c);
bool mb_crew_is_ready(struct mb_crew *c);
/* Whether a worker accepts clients of the API. */
bool mb_crew_serves(const struct mb_crew *c);
bool mb_crew_is_empty(const struct mb_crew *c);
void mb_crew_signal(const struct mb_crew *c, int signal);
