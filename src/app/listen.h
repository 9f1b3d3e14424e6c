#pragma once
/*
 * The listening sockets, opened once by the supervisor and kept: one SO_REUSEPORT socket per
 * worker for the API, one shared socket for the admin address. Sockets handed in from outside
 * (handed.h) take their place.
 */
#include "app/config.h"
#include "app/shm.h"

enum { MB_MAX_HANDED = 16, MB_LISTEN_TEXT = 256 };

struct mb_listeners {
    int fds[MB_MAX_WORKERS]; /* each worker's own */
    unsigned count;          /* as many as workers; 0 when some were handed in */
    int handed[MB_MAX_HANDED]; /* every worker accepts from all of them; they go on without us */
    unsigned nhanded;
    int admin_fd; /* -1 = none */
    /* As bound, "http://127.0.0.1:8080", "unix:/run/medbookd.sock"; several are joined by ", ". */
    char address[MB_LISTEN_TEXT];
    char admin_address[MB_LISTEN_TEXT]; /* "" = none */
};

/* Opens `workers` sockets; all descriptors are non-blocking and close-on-exec. */
MB_MUST_CHECK enum mb_rc mb_listen_open(struct mb_listeners *out, const struct mb_config *config,
                                        unsigned workers, struct mb_err *err);
/* From now on clients of the API are refused, whoever holds copies of the sockets; handed-in ones
 * keep them waiting for the next start. */
void mb_listen_refuse(const struct mb_listeners *l);
void mb_listen_close(struct mb_listeners *l);
