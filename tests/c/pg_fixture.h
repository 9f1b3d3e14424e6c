#pragma once
/*
 * A throw-away PostgreSQL for one test program: its own folder, unix socket only, no fsync,
 * child of the test, gone when the test ends. Started as root it runs as user postgres.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct {
    char root[64], data[96], url[160], bin[128];
    pid_t pid, owner;
} pg;

static void pg_die(const char *what)
{
    printf("Bail out! %s\n", what);
    exit(1);
}

static inline void pg_nap(long ms)
{
    struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&t, NULL);
}

/* In the child: become postgres when root, write to the cluster's log, run. The path goes with the
 * name, as PostgreSQL's programs look for their siblings beside it, else along PATH. */
static void pg_exec(char *argv[])
{
    char path[300];
    int log;
    if (geteuid() == 0) {
        struct passwd *user = getpwnam("postgres");
        if (user == NULL || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) _exit(126);
    }
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    if (chdir(pg.root) != 0) _exit(126);
    snprintf(path, sizeof path, "%s/log", pg.root);
    log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log >= 0) {
        dup2(log, 1);
        dup2(log, 2);
    }
    if (argv[0][0] != '/') {
        snprintf(path, sizeof path, "%s/%s", pg.bin, argv[0]);
        argv[0] = path;
    }
    execv(argv[0], argv);
    _exit(127);
}

static pid_t pg_spawn(char *argv[])
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) pg_exec(argv);
    if (pid < 0) pg_die("could not fork");
    return pid;
}

/* Until it answers. One that finds the memory of a killed predecessor in use is started again. */
static inline void pg_start(void)
{
    char *argv[] = {"postgres", "-D", pg.data, "-F", "-k", pg.root, NULL};
    for (int i = 0; i < 600; i++) {
        if (pg.pid > 0 && waitpid(pg.pid, NULL, WNOHANG) != 0) pg.pid = 0;
        if (pg.pid == 0) pg.pid = pg_spawn(argv);
        if (PQping(pg.url) == PQPING_OK) return;
        pg_nap(50);
    }
    pg_die("PostgreSQL does not start");
}

/* SIGINT: fast, SIGQUIT: immediate, SIGKILL: crash. Returns when it has ended. */
static inline void pg_stop(int signal)
{
    if (pg.pid > 0 && kill(pg.pid, signal) == 0) waitpid(pg.pid, NULL, 0);
    pg.pid = 0;
}

static void pg_remove(void)
{
    if (getpid() != pg.owner) /* a fork of the test ends */
        return;
    pg_stop(SIGQUIT);
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", pg.root, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

static void pg_find_bin(void)
{
    glob_t found;
    if (glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) != 0)
        pg_die("PostgreSQL is not installed");
    snprintf(pg.bin, sizeof pg.bin, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
}

/* Runs a program as the cluster's user, in its folder; the exit status. */
static inline int pg_run(char *argv[])
{
    int status = 0;
    waitpid(pg_spawn(argv), &status, 0);
    return status;
}

static void pg_configure(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/postgresql.conf", pg.data);
    FILE *f = fopen(path, "a");
    if (f == NULL) pg_die("could not configure PostgreSQL");
    fputs("listen_addresses = ''\nmax_connections = 60\nshared_buffers = 16MB\n"
          "wal_level = minimal\nmax_wal_senders = 0\n", f);
    fclose(f);
}

static inline void pg_make(void)
{
    struct passwd *user = getpwnam("postgres");
    char *initdb[] = {"initdb", "-D", pg.data, "-U",         "postgres",  "-A",
                      "trust",  "-E", "UTF8",  "--locale=C", "--no-sync", NULL};
    pg_find_bin();
    const char *parent = getenv("TMPDIR");
    snprintf(pg.root, sizeof pg.root, "%.40s/mb-pg.XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(pg.root) == NULL) pg_die("could not make a folder");
    if (geteuid() == 0 && (user == NULL || chown(pg.root, user->pw_uid, user->pw_gid) != 0))
        pg_die("there is no user postgres");
    snprintf(pg.data, sizeof pg.data, "%s/data", pg.root);
    snprintf(pg.url, sizeof pg.url, "host=%s user=postgres dbname=postgres", pg.root);
    pg.owner = getpid();
    atexit(pg_remove);
    if (pg_run(initdb) != 0) pg_die("initdb failed");
    pg_configure();
    pg_start();
}

static void pg_ignore(void *ctx, const PGresult *res)
{
    (void)ctx;
    (void)res;
}

/* One statement on a connection of its own; the first value of the first row, or "". */
static inline const char *pg_sql(const char *sql)
{
    static char value[1024];
    PGconn *conn = PQconnectdb(pg.url);
    PQsetNoticeReceiver(conn, pg_ignore, NULL);
    PGresult *res = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(res);
    value[0] = '\0';
    if (status == PGRES_TUPLES_OK && PQntuples(res) > 0)
        snprintf(value, sizeof value, "%s", PQgetvalue(res, 0, 0));
    else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        printf("# %s: %s", sql, PQerrorMessage(conn));
    PQclear(res);
    PQfinish(conn);
    return value;
}
