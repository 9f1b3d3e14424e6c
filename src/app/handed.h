#pragma once
/*
 * Sockets handed in by whoever started the program, by the protocol of sd_listen_fds(3): LISTEN_PID,
 * LISTEN_FDS and LISTEN_FDNAMES.
 */
#include "app/listen.h"

/* Takes each for what it is, a socket of IPv4, IPv6 or a unix path that listens for streams: the one
 * named "admin" for the admin address, every other for the API. Anything else is refused by its
 * number, name and kind. Takes the variables out of the environment. */
MB_MUST_CHECK enum mb_rc mb_handed_take(struct mb_listeners *l, struct mb_err *err);
