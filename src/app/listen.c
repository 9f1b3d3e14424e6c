/* Opening sockets. */
#define _GNU_SOURCE
#include "app/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app/place.h"

enum { FIRST_HANDED_FD = 3, BACKLOG = 4096, BIND_TRIES = 20, BIND_PAUSE_MS = 50 };

/* Where the socket really is: port 0 has become a number. */
static void describe(int fd, struct mb_place *where, char *out, size_t size)
{
    char host[64] = "?", port[16] = "?";
    where->len = sizeof where->addr;
    if (getsockname(fd, (struct sockaddr *)&where->addr, &where->len) == 0)
        (void)getnameinfo((struct sockaddr *)&where->addr, where->len, host, sizeof host, port,
                          sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    bool is_v6 = where->addr.ss_family == AF_INET6;
    (void)snprintf(out, size, is_v6 ? "[%s]:%s" : "%s:%s", host, port);
}

static bool set_on(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

/* The first socket of an address is bound without SO_REUSEPORT and gets it afterwards: so a port
 * that another medbookd of the same user listens on is busy, not silently shared. */
static int bind_place(const struct mb_place *where, bool is_first)
{
    int family = where->addr.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    bool is_bound = set_on(fd, SOL_SOCKET, SO_REUSEADDR) &&
                    (family != AF_INET6 || set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY)) &&
                    (is_first || set_on(fd, SOL_SOCKET, SO_REUSEPORT)) &&
                    bind(fd, (const struct sockaddr *)&where->addr, where->len) == 0 &&
                    (!is_first || set_on(fd, SOL_SOCKET, SO_REUSEPORT)) && listen(fd, BACKLOG) == 0;
    if (is_bound) return fd;
    int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

/* The workers of a supervisor that was just killed hold its port for some milliseconds more. */
static int bind_first(const struct mb_place *where)
{
    const struct timespec pause = {.tv_nsec = BIND_PAUSE_MS * 1000000L};
    int fd = bind_place(where, true);
    for (int i = 0; fd < 0 && errno == EADDRINUSE && i < BIND_TRIES; i++) {
        (void)nanosleep(&pause, NULL);
        fd = bind_place(where, true);
    }
    return fd;
}

static enum mb_rc open_first(int *fd, struct mb_place *where, const char *text, const char *key,
                             struct mb_err *err)
{
    if (!mb_place_parse(where, text)) return mb_fail(err, MB_E_CONFIG, "%s: no address", key);
    *fd = bind_first(where);
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
    enum mb_rc rc = open_first(&l->fds[0], &where, config->listen, "listen", err);
    if (rc != MB_OK) return rc;
    describe(l->fds[0], &where, l->address, sizeof l->address);
    for (l->count = 1; l->count < workers; l->count++) {
        l->fds[l->count] = bind_place(&where, false);
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
    enum mb_rc rc = open_first(&l->admin_fd, &where, config->admin_listen, "admin_listen", err);
    if (rc == MB_OK) describe(l->admin_fd, &where, l->admin_address, sizeof l->admin_address);
    return rc;
}

/* ---- sockets handed in: the protocol of sd_listen_fds(3) ---- */

static unsigned count_handed(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != (long)getpid()) return 0;
    unsigned long n = strtoul(count, NULL, 10);
    return n > MB_MAX_WORKERS ? MB_MAX_WORKERS : (unsigned)n;
}

/* Name i of the colon-separated LISTEN_FDNAMES. */
static bool is_named_admin(unsigned i)
{
    const char *names = getenv("LISTEN_FDNAMES");
    for (; names != NULL && i > 0; i--) {
        names = strchr(names, ':');
        if (names != NULL) names++;
    }
    return names != NULL && strcspn(names, ":") == 5 && strncmp(names, "admin", 5) == 0;
}

static enum mb_rc take_handed(struct mb_listeners *l, unsigned n, struct mb_err *err)
{
    for (unsigned i = 0; i < n; i++) {
        int fd = FIRST_HANDED_FD + (int)i, is_listening = 0;
        socklen_t len = sizeof is_listening;
        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) != 0 || !is_listening ||
            fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
            return mb_fail(err, MB_E_CONFIG, "LISTEN_FDS: descriptor %d is not a listening socket",
                           fd);
        if (is_named_admin(i))
            l->admin_fd = fd;
        else
            l->fds[l->count++] = fd;
        l->are_handed = l->count > 0;
    }
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return MB_OK;
}

/* One handed-in socket may serve several workers, each through a descriptor number of its own. */
static enum mb_rc share_handed(struct mb_listeners *l, unsigned workers, struct mb_err *err)
{
    for (unsigned handed = l->count; handed > 0 && l->count < workers; l->count++) {
        l->fds[l->count] = fcntl(l->fds[l->count % handed], F_DUPFD_CLOEXEC, FIRST_HANDED_FD);
        if (l->fds[l->count] < 0)
            return mb_fail(err, MB_E_IO, "LISTEN_FDS: could not share a socket: %s",
                           strerror(errno));
    }
    struct mb_place where;
    if (l->count > 0) describe(l->fds[0], &where, l->address, sizeof l->address);
    if (l->admin_fd >= 0) describe(l->admin_fd, &where, l->admin_address, sizeof l->admin_address);
    return MB_OK;
}

enum mb_rc mb_listen_open(struct mb_listeners *out, const struct mb_config *config,
                          unsigned workers, struct mb_err *err)
{
    *out = (struct mb_listeners){.admin_fd = -1};
    unsigned handed = count_handed();
    enum mb_rc rc = take_handed(out, handed, err);
    if (rc == MB_OK) rc = share_handed(out, workers, err);
    if (rc == MB_OK && out->count == 0) rc = open_public(out, config, workers, err);
    if (rc == MB_OK && out->admin_fd < 0) rc = open_admin(out, config, err);
    if (rc != MB_OK) mb_listen_close(out);
    return rc;
}

void mb_listen_refuse(const struct mb_listeners *l)
{
    for (unsigned i = 0; i < l->count && !l->are_handed; i++) (void)shutdown(l->fds[i], SHUT_RD);
}

void mb_listen_close(struct mb_listeners *l)
{
    for (unsigned i = 0; i < l->count; i++) (void)close(l->fds[i]);
    if (l->admin_fd >= 0) (void)close(l->admin_fd);
    *l = (struct mb_listeners){.admin_fd = -1};
}
