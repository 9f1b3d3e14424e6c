/* Opening sockets. */
#define _GNU_SOURCE
#include "app/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "app/handed.h"
#include "app/place.h"

enum { BIND_TRIES = 20, BIND_PAUSE_MS = 50 };

static void add(char *out, const char *text)
{
    size_t n = strlen(out);
    (void)snprintf(out + n, MB_LISTEN_TEXT - n, "%s%s", n > 0 ? ", " : "", text);
}

static void describe_path(const struct mb_place *where, char *out)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)&where->addr;
    size_t n = where->len > offsetof(struct sockaddr_un, sun_path)
                   ? where->len - offsetof(struct sockaddr_un, sun_path)
                   : 0;
    bool is_abstract = n > 0 && un->sun_path[0] == '\0';
    char text[sizeof un->sun_path + sizeof "unix:"];
    (void)snprintf(text, sizeof text, "unix:%s%.*s", is_abstract ? "@" : "", (int)n - is_abstract,
                   un->sun_path + is_abstract);
    add(out, text);
}

/* Where the socket really is: port 0 has become a number. */
static void describe(int fd, struct mb_place *where, char *out)
{
    char host[64] = "?", port[16] = "?", text[sizeof host + sizeof port + sizeof "http://[]:"];
    where->len = sizeof where->addr;
    int rc = getsockname(fd, (struct sockaddr *)&where->addr, &where->len);
    if (rc == 0 && where->addr.ss_family == AF_UNIX) {
        describe_path(where, out);
        return;
    }
    if (rc == 0)
        (void)getnameinfo((struct sockaddr *)&where->addr, where->len, host, sizeof host, port,
                          sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    bool is_v6 = where->addr.ss_family == AF_INET6;
    (void)snprintf(text, sizeof text, is_v6 ? "http://[%s]:%s" : "http://%s:%s", host, port);
    add(out, text);
}

static bool set_on(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

/* The first socket of an address is bound without SO_REUSEPORT and gets it afterwards: so a port
 * that another medbookd of the same user listens on is busy, not silently shared. */
static int bind_place(const struct mb_place *where, bool is_first, int backlog)
{
    int family = where->addr.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    bool is_bound = set_on(fd, SOL_SOCKET, SO_REUSEADDR) &&
                    (family != AF_INET6 || set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY)) &&
                    (is_first || set_on(fd, SOL_SOCKET, SO_REUSEPORT)) &&
                    bind(fd, (const struct sockaddr *)&where->addr, where->len) == 0 &&
                    (!is_first || set_on(fd, SOL_SOCKET, SO_REUSEPORT)) && listen(fd, backlog) == 0;
    if (is_bound) return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

/* The workers of a supervisor that was just killed hold its port for some milliseconds more. */
static int bind_first(const struct mb_place *where, int backlog)
{
    const struct timespec pause = {.tv_nsec = BIND_PAUSE_MS * 1000000L};
    int fd = bind_place(where, true, backlog);
    for (int i = 0; fd < 0 && errno == EADDRINUSE && i < BIND_TRIES; i++) {
        (void)nanosleep(&pause, NULL);
        fd = bind_place(where, true, backlog);
    }
    return fd;
}

static enum mb_rc open_first(int *fd, struct mb_place *where, const char *text, const char *key,
                             int backlog, struct mb_err *err)
{
    if (!mb_place_parse(where, text)) return mb_fail(err, MB_E_CONFIG, "%s: no address", key);
    *fd = bind_first(where, backlog);
    if (*fd >= 0) return MB_OK;
    if (errno == EADDRINUSE)
        return mb_fail(err, MB_E_CONFIG,
                       "%s %.80s: another program listens there; stop it or set "
                       "%s to a free port",
                       key, text, key);
    return mb_fail(err, MB_E_CONFIG, "%s %.80s: could not listen: %s", key, text, strerror(errno));
}

static enum mb_rc open_public(struct mb_listeners *l, const struct mb_config *config,
                              unsigned workers, struct mb_err *err)
{
    struct mb_place where;
    int backlog = (int)config->http_backlog;
    enum mb_rc rc = open_first(&l->fds[0], &where, config->listen, "listen", backlog, err);
    if (rc != MB_OK) return rc;
    describe(l->fds[0], &where, l->address);
    for (l->count = 1; l->count < workers; l->count++) {
        l->fds[l->count] = bind_place(&where, false, backlog);
        if (l->fds[l->count] < 0)
            return mb_fail(err, MB_E_IO, "listen %s: could not listen: %s", l->address,
                           strerror(errno));
    }
    return MB_OK;
}

static enum mb_rc open_admin(struct mb_listeners *l, const struct mb_config *config,
                             struct mb_err *err)
{
    if (strcmp(config->admin_listen, "off") == 0) return MB_OK;
    struct mb_place where;
    enum mb_rc rc = open_first(&l->admin_fd, &where, config->admin_listen, "admin_listen",
                               (int)config->http_backlog, err);
    if (rc == MB_OK) describe(l->admin_fd, &where, l->admin_address);
    return rc;
}

enum mb_rc mb_listen_open(struct mb_listeners *out, const struct mb_config *config,
                          unsigned workers, struct mb_err *err)
{
    *out = (struct mb_listeners){.admin_fd = -1};
    struct mb_place where;
    enum mb_rc rc = mb_handed_take(out, err);
    for (unsigned i = 0; rc == MB_OK && i < out->nhanded; i++)
        describe(out->handed[i], &where, out->address);
    if (rc == MB_OK && out->admin_fd >= 0) describe(out->admin_fd, &where, out->admin_address);
    if (rc == MB_OK && out->nhanded == 0) rc = open_public(out, config, workers, err);
    if (rc == MB_OK && out->admin_fd < 0) rc = open_admin(out, config, err);
    if (rc != MB_OK) mb_listen_close(out);
    return rc;
}

void mb_listen_refuse(const struct mb_listeners *l)
{
    for (unsigned i = 0; i < l->count; i++) (void)shutdown(l->fds[i], SHUT_RD);
}

void mb_listen_close(struct mb_listeners *l)
{
    for (unsigned i = 0; i < l->count; i++) (void)close(l->fds[i]);
    for (unsigned i = 0; i < l->nhanded; i++) (void)close(l->handed[i]);
    if (l->admin_fd >= 0) (void)close(l->admin_fd);
    *l = (struct mb_listeners){.admin_fd = -1};
}
