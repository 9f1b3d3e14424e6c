#define _GNU_SOURCE
#include "spec/program.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/id.h"

enum { STOP_MS = 10000, STEP_MS = 10, FIRST_PORT = 20000, LAST_PORT = 32767, TRIES = 200 };

static _Noreturn void become(const char *const *argv, const char *log_file)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int log = open(log_file, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (null < 0 || log < 0 || setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) != 0 ||
        dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
        dup2(log, STDERR_FILENO) < 0)
        _exit(126);
    (void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
    _exit(127);
}

enum mb_rc mb_program_start(struct mb_programs *p, const char *const *argv, const char *log_file,
                            pid_t *pid, struct mb_err *err)
{
    int place = 0;
    while (place < MB_MAX_PROGRAMS && p->pid[place] != 0) place++;
    if (place == MB_MAX_PROGRAMS)
        return mb_fail(err, MB_E_LIMIT, "more than %d servers at once", MB_MAX_PROGRAMS);
    *pid = fork();
    if (*pid < 0)
        return mb_fail(err, MB_E_IO, "a server could not be started: %s", strerror(errno));
    if (*pid == 0) become(argv, log_file);
    p->pid[place] = *pid;
    return MB_OK;
}

static void forget(struct mb_programs *p, pid_t pid)
{
    for (int i = 0; i < MB_MAX_PROGRAMS; i++)
        if (p->pid[i] == pid) p->pid[i] = 0;
}

bool mb_program_is_running(struct mb_programs *p, pid_t pid)
{
    if (waitpid(pid, NULL, WNOHANG) == 0) return true;
    forget(p, pid);
    return false;
}

void mb_program_stop(struct mb_programs *p, pid_t pid, unsigned ms)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    if (!mb_program_is_running(p, pid)) return;
    (void)kill(pid, SIGTERM);
    for (unsigned waited = 0; mb_program_is_running(p, pid); waited += STEP_MS) {
        if (waited >= ms) (void)kill(pid, SIGKILL);
        (void)nanosleep(&step, NULL);
    }
}

void mb_programs_stop_all(struct mb_programs *p)
{
    for (int i = 0; i < MB_MAX_PROGRAMS; i++)
        if (p->pid[i] != 0) mb_program_stop(p, p->pid[i], STOP_MS);
}

static bool is_free(unsigned port)
{
    const struct sockaddr_in at = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is = fd >= 0 && bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
    if (fd >= 0) (void)close(fd);
    return is;
}

unsigned mb_program_free_port(void)
{
    for (int i = 0; i < TRIES; i++) {
        uint16_t n = 0;
        mb_random(&n, sizeof n);
        unsigned port = FIRST_PORT + n % (LAST_PORT - FIRST_PORT + 1);
        if (is_free(port)) return port;
    }
    return 0;
}
