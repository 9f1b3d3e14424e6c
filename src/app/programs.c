/*
 * Looks for postgres in PATH and where Debian and the PostgreSQL project install it, and asks
 * each one found for its version.
 */
#define _GNU_SOURCE
#include "app/programs.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { OLDEST_MAJOR = 15 };

struct search {
    struct mb_cluster *cluster;
    int wanted; /* exactly this version; 0 = the newest */
    int best;
};

/* "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)" -> 15; 0 when it says nothing. */
static int read_version(int fd)
{
    char text[128];
    ssize_t n = read(fd, text, sizeof text - 1);
    if (n <= 0) return 0;
    text[n] = '\0';
    const char *number = strstr(text, ") ");
    return number == NULL ? 0 : (int)strtol(number + 2, NULL, 10);
}

static int ask_version(const struct mb_cluster *c, const char *program)
{
    int ends[2], status = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) return 0;
    const struct mb_child_plan plan = {.user = c->user, .signals = c->signals};
    struct mb_err err = {0};
    pid_t pid = -1;
    int version = 0;
    if (mb_child_fork(&pid, &plan, &err) == MB_OK) {
        if (pid == 0) {
            char path[MB_PATH_MAX], option[] = "--version";
            (void)snprintf(path, sizeof path, "%s", program);
            if (dup2(ends[1], STDOUT_FILENO) < 0) _exit(EXIT_FAILURE);
            mb_child_exec((char *const[]){path, option, NULL});
        }
        (void)close(ends[1]);
        ends[1] = -1;
        version = read_version(ends[0]);
        if (mb_child_wait(pid, c->signals, &status, &err) != MB_OK) version = 0;
    }
    if (ends[1] >= 0) (void)close(ends[1]);
    (void)close(ends[0]);
    return version;
}

static void try_folder(struct search *s, const char *dir, size_t len)
{
    char program[MB_PATH_MAX], initdb[MB_PATH_MAX];
    int n = snprintf(program, sizeof program, "%.*s/postgres", (int)len, dir);
    int m = snprintf(initdb, sizeof initdb, "%.*s/initdb", (int)len, dir);
    if (dir[0] != '/' || n >= MB_PATH_MAX || m >= MB_PATH_MAX || access(program, X_OK) != 0 ||
        access(initdb, X_OK) != 0)
        return;
    int version = ask_version(s->cluster, program);
    if (version <= s->best || (s->wanted != 0 ? version != s->wanted : version < OLDEST_MAJOR))
        return;
    s->best = version;
    (void)snprintf(s->cluster->bin, sizeof s->cluster->bin, "%.*s", (int)len, dir);
}

static void try_path(struct search *s)
{
    const char *at = getenv("PATH");
    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ":");
        try_folder(s, at, len);
        at += len + (at[len] == ':');
    }
}

static void try_pattern(struct search *s, const char *pattern)
{
    glob_t found = {0};
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            try_folder(s, found.gl_pathv[i], strlen(found.gl_pathv[i]));
    globfree(&found);
}

enum mb_rc mb_programs_find(struct mb_cluster *c, int major, struct mb_err *err)
{
    struct search s = {.cluster = c, .wanted = major};
    try_path(&s);
    try_pattern(&s, "/usr/lib/postgresql/*/bin");
    try_pattern(&s, "/usr/pgsql-*/bin");
    if (s.best != 0) return MB_OK;
    if (major != 0)
        return mb_fail(err, MB_E_CONFIG,
                       "embedded PostgreSQL: %.100s was made by version %d, which is "
                       "not installed; install the package postgresql-%d",
                       c->data, major, major);
    return mb_fail(err, MB_E_CONFIG,
                   "embedded PostgreSQL: no version %d or newer found; install the "
                   "package postgresql or set database.url",
                   OLDEST_MAJOR);
}
