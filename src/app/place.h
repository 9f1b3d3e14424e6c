#pragma once
/* A place to listen at: a numeric address and a port. Asks no name server. */
#include <stdbool.h>
#include <sys/socket.h>

struct mb_place {
    struct sockaddr_storage addr;
    socklen_t len;
};

/* "127.0.0.1:80", "[::1]:80", "localhost:80", "*:80"; false when it is none of these. Two places
 * are the same when their bytes are. */
bool mb_place_parse(struct mb_place *out, const char *text);
