#pragma once
/* Addresses as the command line writes them: "127.0.0.1:5433" or "/run/x/.s.PGSQL.5433". */
#include <sys/socket.h>

struct address {
    struct sockaddr_storage name;
    socklen_t len;
};

void address_read(struct address *a, const char *text);
int address_listen(const struct address *a); /* the listening descriptor, non-blocking */
