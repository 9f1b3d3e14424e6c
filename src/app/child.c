/* Fork, dress, wait. */
#define _GNU_SOURCE
#include "app/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/say.h"
#include "base/id.h"
#include "base/log.h"

enum { END_GRACE_MS = 5000, STEP_MS = 50 };

static enum mb_rc dress(const struct mb_child_plan *plan, pid_t parent, struct mb_err *err)
{
    mb_signals_leave(plan->signals);
    mb_random_after_fork();
    if (setsid() < 0) return mb_fail(err, MB_E_IO, "process: no session: %s", strerror(errno));
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        return mb_fail(err, MB_E_IO, "/dev/null: could not open it: %s", strerror(errno));
    (void)close(null);
    enum mb_rc rc = mb_user_become(plan->user, err);
    if (rc != MB_OK) return rc;
    /* Only now: changing the user clears both. */
    if (prctl(PR_SET_DUMPABLE, plan->is_debuggable ? 1 : 0, 0, 0, 0) != 0 ||
        (!plan->is_survivor && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0))
        return mb_fail(err, MB_E_IO, "process: could not be bound: %s", strerror(errno));
    if (!plan->is_survivor && getppid() != parent)
        return mb_fail(err, MB_E_CANCELLED, "process: the supervisor ended meanwhile");
    return MB_OK;
}

enum mb_rc mb_child_fork(pid_t *pid, const struct mb_child_plan *plan, struct mb_err *err)
{
    pid_t parent = getpid();
    *pid = fork();
    if (*pid < 0)
        return mb_fail(err, MB_E_IO, "process: could not be started: %s", strerror(errno));
    if (*pid > 0) return MB_OK;
    struct mb_err why = {0};
    if (dress(plan, parent, &why) != MB_OK) {
        mb_say_error(&why);
        mb_log_flush();
        _exit(EXIT_FAILURE);
    }
    return MB_OK;
}

bool mb_child_redirect(const char *file)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool is_done = dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0;
    (void)close(fd);
    return is_done;
}

_Noreturn void mb_child_exec(char *const *argv)
{
    /* Nothing of the caller's environment: locale, time zone and PG* variables would leak in. */
    char path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C", zone[] = "TZ=UTC";
    char *const env[] = {path, locale, zone, NULL};
    /* The user may have no way to where the supervisor was started. */
    if (chdir("/") == 0) (void)execve(argv[0], argv, env);
    mb_say("%s: could not be run: %s", argv[0], strerror(errno));
    mb_log_flush();
    _exit(127);
}

bool mb_child_has_ended(pid_t pid, int *status)
{
    pid_t got;
    do got = waitpid(pid, status, WNOHANG);
    while (got < 0 && errno == EINTR);
    return got == pid;
}

enum mb_rc mb_child_wait(pid_t pid, struct mb_signals *signals, int *status, struct mb_err *err)
{
    while (!mb_child_has_ended(pid, status)) {
        if (signals->stops == 0) {
            mb_signals_wait(signals, STEP_MS * 20);
            continue;
        }
        (void)kill(pid, SIGTERM);
        for (int waited = 0; !mb_child_has_ended(pid, status); waited += STEP_MS) {
            if (waited == END_GRACE_MS) (void)kill(pid, SIGKILL);
            mb_signals_wait(signals, STEP_MS);
        }
        return mb_fail(err, MB_E_CANCELLED, "stopped before it was done");
    }
    return MB_OK;
}

/* The error is small enough for a pipe to take at once. */
static _Noreturn void report(int to, enum mb_rc rc, struct mb_err *err)
{
    err->rc = rc;
    (void)fflush(NULL);
    if (rc != MB_OK && write(to, err, sizeof *err) != (ssize_t)sizeof *err) mb_say_error(err);
    mb_log_flush();
    _exit(rc == MB_OK ? EXIT_SUCCESS : EXIT_FAILURE);
}

static enum mb_rc read_report(int from, int status, struct mb_err *err)
{
    struct mb_err said = {0};
    char how[64];
    mb_child_describe(status, how, sizeof how);
    if (read(from, &said, sizeof said) != (ssize_t)sizeof said)
        return mb_fail(err, MB_E_IO, "a child process ended with %s", how);
    *err = said;
    return said.rc;
}

enum mb_rc mb_child_call(const struct mb_child_plan *plan,
                         enum mb_rc (*work)(void *ctx, struct mb_err *err), void *ctx,
                         struct mb_err *err)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return mb_fail(err, MB_E_IO, "process: no pipe: %s", strerror(errno));
    pid_t pid = -1;
    enum mb_rc rc = mb_child_fork(&pid, plan, err);
    if (rc == MB_OK && pid == 0) {
        struct mb_err why = {0};
        report(ends[1], work(ctx, &why), &why);
    }
    (void)close(ends[1]);
    if (rc == MB_OK) rc = mb_child_wait(pid, plan->signals, &status, err);
    if (rc == MB_OK && status != 0) rc = read_report(ends[0], status, err);
    (void)close(ends[0]);
    return rc;
}

unsigned mb_child_pause(unsigned failures, unsigned most)
{
    enum { DOUBLINGS = 16 };
    unsigned pause = (1u << (failures < DOUBLINGS ? failures : DOUBLINGS)) - 1;
    return pause < most ? pause : most;
}

void mb_child_describe(int status, char *out, size_t size)
{
    if (WIFSIGNALED(status))
        (void)snprintf(out, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        (void)snprintf(out, size, "exit code %d", WEXITSTATUS(status));
}
