/* Addresses of both kinds and listening on them. */
#define _GNU_SOURCE
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "kit/text.h"

static void read_path(struct address *a, const char *text)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&a->name;
    size_t len = strlen(text);
    if (len >= sizeof un->sun_path)
        die("socket path too long: %s", text);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, text, len + 1);
    a->len = sizeof *un;
}

void address_read(struct address *a, const char *text)
{
    char host[64];
    *a = (struct address){.len = 0};
    if (text[0] == '/') {
        read_path(a, text);
        return;
    }
    const char *colon = strrchr(text, ':');
    struct sockaddr_in *in = (struct sockaddr_in *)&a->name;
    if (!colon || (size_t)(colon - text) >= sizeof host)
        die("not an address: %s", text);
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    in->sin_family = AF_INET;
    in->sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, host, &in->sin_addr) != 1 || in->sin_port == 0)
        die("not an IPv4 address and port: %s", text);
    a->len = sizeof *in;
}

int address_listen(const struct address *a)
{
    int on = 1, family = a->name.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const char *path = ((const struct sockaddr_un *)&a->name)->sun_path;
    if (fd < 0)
        die("could not make a socket: errno %d", errno);
    if (family == AF_UNIX)
        unlink(path);
    else
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&a->name, a->len) != 0 || listen(fd, 1024) != 0)
        die("could not listen: errno %d", errno);
    if (family == AF_UNIX)
        chmod(path, 0777); /* the tested server may run as another user */
    return fd;
}
