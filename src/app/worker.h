#pragma once
/*
 * One worker process: a loop, the HTTP server, the database pool and the scripts. The jobs process is
 * the same without the HTTP server. Called by the supervisor in a freshly forked child that already
 * runs as the unprivileged user.
 */
#include <signal.h>

#include "app/config.h"
#include "app/listen.h"
#include "app/shm.h"

/* From the supervisor: the line-up in shared memory changed. Ignored where nobody listens, as in a
 * worker that is just starting and will look by itself. */
enum { MB_SIGNAL_CHANGED = SIGURG };

struct mb_worker_plan {
    const struct mb_config *config;
    struct mb_shm *shm;
    unsigned index;                  /* 0 .. shm->nworkers - 1; shm->nworkers = the jobs process */
    const struct mb_listeners *listeners; /* of its own ones, [index] is this worker's */
    const char *database_url;        /* the one in force (embedded or configured) */
    const char *folder;              /* the data folder, with the control socket */
    const char *smtp_password;       /* of smtp.password_file; "" = none */
    const unsigned char *secret;     /* 32 bytes: the key under the data folder */
};

/* Sent to a worker that hangs: it logs which script, line and request that is, and ends. Sent again
 * when it lives on: it is inside C code, and logs the line that called that. */
enum { MB_WORKER_HANGS = SIGUSR1 };

/* Runs until SIGTERM (drain, exit code 0) or a failure (1). Does not return before. */
int mb_worker_main(const struct mb_worker_plan *plan);
