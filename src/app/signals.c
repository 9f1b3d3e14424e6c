/* signalfd of the supervisor. SIGCHLD only wakes: who ended is asked by process id. */
#define _GNU_SOURCE
#include "app/signals.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum mb_rc mb_signals_open(struct mb_signals *s, struct mb_err *err)
{
    memset(s, 0, sizeof *s);
    sigset_t mask;
    (void)sigemptyset(&mask);
    (void)sigaddset(&mask, SIGTERM);
    (void)sigaddset(&mask, SIGINT);
    (void)sigaddset(&mask, SIGHUP);
    (void)sigaddset(&mask, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &mask, &s->before) != 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR ||
        signal(SIGCHLD, SIG_DFL) == SIG_ERR)
        return mb_fail(err, MB_E_IO, "signals: could not block them: %s", strerror(errno));
    s->fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->fd < 0)
        return mb_fail(err, MB_E_IO, "signals: could not open them: %s", strerror(errno));
    return MB_OK;
}

void mb_signals_leave(struct mb_signals *s)
{
    (void)close(s->fd);
    s->fd = -1;
    (void)signal(SIGPIPE, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &s->before, NULL);
}

void mb_signals_wait(struct mb_signals *s, int timeout_ms)
{
    struct pollfd p[1 + MB_SIGNALS_ALSO] = {{.fd = s->fd, .events = POLLIN}};
    for (unsigned i = 0; i < s->nalso; i++)
        p[1 + i] = (struct pollfd){.fd = s->also[i], .events = POLLIN};
    if (poll(p, 1 + s->nalso, timeout_ms) <= 0) return;
    struct signalfd_siginfo info;
    while (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT) s->stops++;
        if (info.ssi_signo == SIGHUP) s->hangups++;
    }
}
