#pragma once
/*
 * One worker process: a loop, the HTTP server, the database pool and the scripts. Called by the
 * supervisor in a freshly forked child that already runs as the unprivileged user.
 */
#include <signal.h>

#include "app/bundle.h"
#include "app/config.h"
#include "app/shm.h"

struct mb_worker_plan {
    const struct mb_config *config;
    struct mb_shm *shm;
    unsigned index;                  /* 0 .. shm->nworkers - 1 */
    const int *listen_fds;           /* one SO_REUSEPORT socket per worker; [index] is its own */
    int admin_fd;                    /* shared by all workers; -1 = none */
    const char *database_url;        /* the one in force (embedded or configured) */
    const struct mb_bundle *scripts; /* the folder lua/ */
    const unsigned char *secret;     /* 32 bytes: the key under the data folder */
};

/* Sent to a worker that hangs: it logs which script, line and request that is, and ends. Sent again
 * when it lives on: it is inside C code, and logs the line that called that. */
enum { MB_WORKER_HANGS = SIGUSR1 };

/* Runs until SIGTERM (drain, exit code 0) or a failure (1). Does not return before. */
int mb_worker_main(const struct mb_worker_plan *plan);

/* `medbookd check`: builds the scripts as a worker would, prints every diagnostic with file:line
 * to stderr, returns the exit code. */
int mb_scripts_check(const struct mb_config *config, const struct mb_bundle *scripts);
