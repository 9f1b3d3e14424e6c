#define _GNU_SOURCE
#include "app/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_FD = 3 };

/* Name i of the colon-separated LISTEN_FDNAMES. */
static struct mb_str name_of(unsigned i)
{
    const char *names = getenv("LISTEN_FDNAMES");
    for (; names != NULL && i > 0; i--) {
        names = strchr(names, ':');
        if (names != NULL) names++;
    }
    return names != NULL ? (struct mb_str){names, strcspn(names, ":")} : MB_STR("unknown");
}

static int option_of(int fd, int option)
{
    int value = -1;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) == 0 ? value : -1;
}

/* What keeps the descriptor from being served, and what to do about it; NULL when nothing does. */
static const char *find_fault(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return "is not open; LISTEN_FDS counts more than were handed in";
    if (!S_ISSOCK(st.st_mode)) return "is no socket; hand in what ListenStream= opens";
    switch (option_of(fd, SO_TYPE)) {
    case SOCK_STREAM: break;
    case SOCK_DGRAM: return "is a datagram socket; use ListenStream= in place of ListenDatagram=";
    case SOCK_SEQPACKET:
        return "is a sequential-packet socket; use ListenStream= in place of "
               "ListenSequentialPacket=";
    default: return "is no stream socket; use ListenStream=";
    }
    int family = option_of(fd, SO_DOMAIN);
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return "is of no address family that HTTP is served on here; use IPv4, IPv6 or a unix path";
    if (option_of(fd, SO_ACCEPTCONN) != 1)
        return "is a connection, not a listening socket; set Accept=no";
    return NULL;
}

static enum mb_rc take(struct mb_listeners *l, int fd, struct mb_str name, struct mb_err *err)
{
    const char *fault = find_fault(fd);
    bool is_admin = mb_str_eq(name, MB_STR("admin"));
    if (fault == NULL && is_admin && l->admin_fd >= 0)
        fault = "is the second one named admin; there is one admin address";
    if (fault == NULL && !is_admin && l->nhanded == MB_MAX_HANDED)
        fault = "is one too many; at most 16 may be handed in for the API";
    if (fault == NULL &&
        (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0))
        fault = strerror(errno);
    if (fault != NULL)
        return mb_fail(err, MB_E_CONFIG, "LISTEN_FDS: descriptor %d (%.*s) %s", fd,
                       name.len > 64 ? 64 : (int)name.len, name.ptr, fault);
    if (is_admin)
        l->admin_fd = fd;
    else
        l->handed[l->nhanded++] = fd;
    return MB_OK;
}

enum mb_rc mb_handed_take(struct mb_listeners *l, struct mb_err *err)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    enum mb_rc rc = MB_OK;
    if (pid != NULL && count != NULL && strtol(pid, NULL, 10) == (long)getpid()) {
        char *end;
        long n = strtol(count, &end, 10);
        if (end == count || *end != '\0' || n < 0)
            return mb_fail(err, MB_E_CONFIG, "LISTEN_FDS is no number of descriptors: %.64s", count);
        for (int i = 0; rc == MB_OK && i < n; i++)
            rc = take(l, FIRST_FD + i, name_of((unsigned)i), err);
    }
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return rc;
}
