#pragma once
/*
 * The listening sockets, opened once by the supervisor and kept: one SO_REUSEPORT socket per
 * worker for the API, one shared socket for the admin address. Sockets handed in by
 * LISTEN_FDS (systemd) take their place.
 */
#include "app/config.h"
#include "app/shm.h"

struct mb_listeners {
    int fds[MB_MAX_WORKERS];
    unsigned count;
    bool are_handed;        /* fds came from outside and go on without us */
    int admin_fd;           /* -1 = none */
    char address[80];       /* as bound, e.g. "127.0.0.1:8080" */
    char admin_address[80]; /* "" = none */
};

/* Opens `workers` sockets; all descriptors are non-blocking and close-on-exec. */
MB_MUST_CHECK enum mb_rc mb_listen_open(struct mb_listeners *out, const struct mb_config *config,
                                        unsigned workers, struct mb_err *err);
/* From now on clients of the API are refused, whoever holds copies of the sockets; handed-in ones
 * keep them waiting for the next start. */
void mb_listen_refuse(const struct mb_listeners *l);
void mb_listen_close(struct mb_listeners *l);
