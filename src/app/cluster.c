/* Paths, initdb, settings, postmaster.pid and the log. Files are made as the unprivileged user. */
#define _GNU_SOURCE
#include "app/cluster.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/programs.h"
#include "app/say.h"

enum {
    MAX_SOCKET_PATH = 100,    /* sun_path has 108 bytes */
    TAIL_BYTES = 4096,
};

static enum mb_rc refuse(const struct mb_cluster *c, struct mb_err *err, const char *why)
{
    return mb_fail(err, MB_E_CONFIG, "embedded PostgreSQL: %.100s: %s", c->data, why);
}

/* ---- paths ---- */

static uint32_t hash_text(const char *s)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (; *s != '\0'; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

/* The socket lives beside the data unless its path would not fit a socket address. */
static void choose_socket_dir(struct mb_cluster *c, const struct mb_datadir *dir)
{
    int n = snprintf(c->socket_dir, sizeof c->socket_dir, "%s/run", dir->path);
    if (n + (int)sizeof "/.s.PGSQL.5432" <= MAX_SOCKET_PATH) return;
    const char *parent = c->user->is_switched ? "/run" : getenv("XDG_RUNTIME_DIR");
    if (parent == NULL || strlen(parent) > 60) parent = "/tmp";
    (void)snprintf(c->socket_dir, sizeof c->socket_dir, "%s/medbookd-%u-%08x", parent,
                   (unsigned)c->user->uid, hash_text(dir->path));
}

enum mb_rc mb_cluster_open(struct mb_cluster *c, const struct mb_datadir *dir, struct mb_err *err)
{
    enum mb_rc rc = mb_datadir_file(dir, "postgres", c->data, err);
    if (rc == MB_OK) rc = mb_datadir_file(dir, "postgres.log", c->log, err);
    if (rc == MB_OK) choose_socket_dir(c, dir);
    return rc;
}

static enum mb_rc join(const struct mb_cluster *c, char out[MB_PATH_MAX], const char *leaf)
{
    return snprintf(out, MB_PATH_MAX, "%s%s", c->data, leaf) < MB_PATH_MAX ? MB_OK : MB_E_LIMIT;
}

/* Another user could have made a folder of that name under /tmp or /run: it must be ours alone. */
static enum mb_rc make_socket_dir(const struct mb_cluster *c, struct mb_err *err)
{
    struct stat st;
    bool is_made = mkdir(c->socket_dir, 0700) == 0;
    if (is_made && c->user->is_switched && lchown(c->socket_dir, c->user->uid, c->user->gid) != 0)
        return mb_fail(err, MB_E_CONFIG, "socket folder %.120s: %s", c->socket_dir,
                       strerror(errno));
    if ((!is_made && errno != EEXIST) || lstat(c->socket_dir, &st) != 0)
        return mb_fail(err, MB_E_CONFIG, "socket folder %.120s: %s", c->socket_dir,
                       strerror(errno));
    if (S_ISDIR(st.st_mode) && st.st_uid == c->user->uid && (st.st_mode & 077) == 0) return MB_OK;
    return mb_fail(err, MB_E_CONFIG,
                   "socket folder %.100s: it must be a folder of %s alone; remove it",
                   c->socket_dir, c->user->name);
}

/* ---- the cluster ---- */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static enum mb_rc run_initdb(const struct mb_cluster *c, const char *draft, int *status,
                             struct mb_err *err)
{
    const struct mb_child_plan plan = {.user = c->user, .signals = c->signals};
    pid_t pid = -1;
    enum mb_rc rc = mb_child_fork(&pid, &plan, err);
    if (rc != MB_OK) return rc;
    if (pid == 0) {
        char program[MB_PATH_MAX + 8], folder[MB_PATH_MAX + 32];
        (void)snprintf(program, sizeof program, "%s/initdb", c->bin);
        (void)snprintf(folder, sizeof folder, "--pgdata=%s", draft);
        char user[] = "--username=medbookd", encoding[] = "--encoding=UTF8",
             locale[] = "--locale=C";
        char sums[] = "--data-checksums", local[] = "--auth-local=trust",
             host[] = "--auth-host=reject";
        char quiet[] = "--no-instructions", unsynced[] = "--no-sync";
        if (!mb_child_redirect(c->log)) _exit(EXIT_FAILURE);
        mb_child_exec((char *const[]){program, folder, user, encoding, locale, sums, local, host,
                                      quiet, c->is_throwaway ? unsynced : NULL, NULL});
    }
    return mb_child_wait(pid, c->signals, status, err);
}

static enum mb_rc include_settings(const struct mb_cluster *c, const char *draft,
                                   struct mb_err *err)
{
    char path[MB_PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/postgresql.conf", draft);
    FILE *f = fopen(path, "ae");
    if (f == NULL) return refuse(c, err, strerror(errno));
    bool is_written = fputs("\n# Written by medbookd at every start; ALTER SYSTEM is stronger.\n"
                            "include 'medbookd.conf'\n",
                            f) >= 0;
    if (fclose(f) != 0 || !is_written) return refuse(c, err, "could not write postgresql.conf");
    return MB_OK;
}

/* Made under another name and renamed when complete: an interrupted initdb leaves no half one. */
static enum mb_rc make_cluster(const struct mb_cluster *c, struct mb_err *err)
{
    char draft[MB_PATH_MAX + 8], why[160];
    int status = 0;
    (void)snprintf(draft, sizeof draft, "%s.new", c->data);
    if (!c->is_throwaway) mb_say("creating the embedded database in %s", c->data);
    off_t mark = mb_cluster_log_end(c);

    enum mb_rc rc = mb_user_borrow(c->user, err);
    if (rc != MB_OK) return rc;
    (void)nftw(draft, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    mb_user_return(c->user);
    rc = run_initdb(c, draft, &status, err);
    if (rc != MB_OK) return rc;
    if (status != 0) {
        mb_cluster_reason(c, mark, why, sizeof why);
        return refuse(c, err, why);
    }
    rc = mb_user_borrow(c->user, err);
    if (rc != MB_OK) return rc;
    rc = include_settings(c, draft, err);
    if (rc == MB_OK && rename(draft, c->data) != 0) rc = refuse(c, err, strerror(errno));
    mb_user_return(c->user);
    return rc;
}

/* 0: there is no cluster. */
static enum mb_rc read_major(const struct mb_cluster *c, int *major, struct mb_err *err)
{
    char path[MB_PATH_MAX], text[16] = "";
    struct stat st;
    *major = 0;
    if (join(c, path, "/PG_VERSION") != MB_OK) return refuse(c, err, "the path is too long");
    FILE *f = fopen(path, "re");
    if (f == NULL && errno == ENOENT && lstat(c->data, &st) != 0 && errno == ENOENT) return MB_OK;
    if (f != NULL) {
        if (fgets(text, sizeof text, f) != NULL) *major = (int)strtol(text, NULL, 10);
        (void)fclose(f);
    }
    if (*major > 0) return MB_OK;
    return refuse(c, err,
                  "the cluster is damaged (no readable PG_VERSION); restore a backup of this "
                  "folder, or move it away to start empty");
}

/* ---- settings ---- */

/* The first line of a file; "" when there is none. */
static void read_line(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "re");
    bool is_read = f != NULL && fgets(out, (int)size, f) != NULL;
    if (f != NULL) (void)fclose(f);
    out[is_read ? strcspn(out, "\n") : 0] = '\0';
}

/* Memory of the machine, or of the control group (a container's, a unit's) if that has less; in MB. */
static long memory_mb(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    long mb = pages > 0 && page > 0 ? pages / ((1 << 20) / page) : 1024;
    char own[MB_PATH_MAX], file[MB_PATH_MAX + 64];
    read_line("/proc/self/cgroup", own, sizeof own); /* "0::/system.slice/medbookd.service" */
    (void)snprintf(file, sizeof file, "/sys/fs/cgroup%s/memory.max",
                   strncmp(own, "0::/", 4) == 0 ? own + 3 : "");
    char text[32];
    read_line(file, text, sizeof text);
    if (text[0] == '\0') read_line("/sys/fs/cgroup/memory.max", text, sizeof text);
    long long limit = strtoll(text, NULL, 10); /* "max" is 0 */
    return limit > 0 && limit >> 20 < mb ? (long)(limit >> 20) : mb;
}

static long between(long v, long least, long most)
{
    return v < least ? least : v > most ? most : v;
}

static bool print_settings(const struct mb_cluster *c, FILE *f)
{
    long mb = memory_mb();
    return fprintf(f,
                   "# Written by medbookd at every start: do not edit. ALTER SYSTEM is stronger.\n"
                   "max_connections = %u\n"
                   "shared_buffers = %ldMB\n"
                   "effective_cache_size = %ldMB\n"
                   "maintenance_work_mem = %ldMB\n"
                   "work_mem = 8MB\n"
                   "wal_compression = on\n"
                   "max_wal_size = 2GB\n"
                   "min_wal_size = 256MB\n"
                   "random_page_cost = 1.1\n"
                   "jit = off\n" /* statements here are short: compiling them costs more */
                   "timezone = 'UTC'\n"
                   "log_timezone = 'UTC'\n"
                   "log_line_prefix = '%%m [%%p] %%a '\n"
                   "log_lock_waits = on\n"
                   "log_min_duration_statement = 1s\n"
                   "log_parameter_max_length = 0\n" /* parameters hold patients' data */
                   "log_parameter_max_length_on_error = 0\n"
                   "idle_session_timeout = 0\n"
                   "fsync = %s\n"
                   "full_page_writes = %s\n",
                   c->connections, between(mb / 8, 32, 4096), between(mb / 2, 64, 1 << 20),
                   between(mb / 32, 32, 512), c->is_throwaway ? "off" : "on",
                   c->is_throwaway ? "off" : "on") > 0;
}

static enum mb_rc write_settings(const struct mb_cluster *c, struct mb_err *err)
{
    char path[MB_PATH_MAX], draft[MB_PATH_MAX];
    if (join(c, path, "/medbookd.conf") != MB_OK || join(c, draft, "/medbookd.conf.new") != MB_OK)
        return refuse(c, err, "the path is too long");
    (void)unlink(draft);
    FILE *f = fopen(draft, "wxe");
    if (f == NULL) return refuse(c, err, strerror(errno));
    bool is_written = print_settings(c, f);
    if (fclose(f) != 0 || !is_written || rename(draft, path) != 0)
        return refuse(c, err, "could not write medbookd.conf; free some space");
    return MB_OK;
}

enum mb_rc mb_cluster_prepare(struct mb_cluster *c, struct mb_err *err)
{
    int major = 0;
    enum mb_rc rc = read_major(c, &major, err);
    if (rc == MB_OK && major == 0 && c->is_visited)
        rc = refuse(c, err, "there is no database yet; medbookd run makes it");
    if (rc == MB_OK) rc = mb_programs_find(c, major, err);
    if (rc == MB_OK && major == 0) rc = make_cluster(c, err);
    if (rc == MB_OK) rc = make_socket_dir(c, err);
    if (rc != MB_OK) return rc;
    (void)mb_cluster_trim_log(c);
    rc = mb_user_borrow(c->user, err);
    if (rc != MB_OK) return rc;
    rc = write_settings(c, err);
    mb_user_return(c->user);
    return rc;
}

/* ---- postmaster.pid ---- */

static void cut_line(char *line) { line[strcspn(line, "\r\n")] = '\0'; }

bool mb_cluster_postmaster(const struct mb_cluster *c, struct mb_postmaster *out)
{
    char path[MB_PATH_MAX], line[MB_PATH_MAX];
    memset(out, 0, sizeof *out);
    FILE *f = join(c, path, "/postmaster.pid") == MB_OK ? fopen(path, "re") : NULL;
    if (f == NULL) return false;
    /* Lines: 1 process, 2 data folder, 3 start, 4 port, 5 socket folder, 6 address, 7 shared
     * memory, 8 status. */
    for (int number = 1; fgets(line, sizeof line, f) != NULL; number++) {
        cut_line(line);
        if (number == 1) out->pid = (pid_t)strtol(line, NULL, 10);
        if (number == 5) memcpy(out->socket_dir, line, sizeof line);
        if (number == 8) out->is_ready = strncmp(line, "ready", 5) == 0;
    }
    (void)fclose(f);
    return out->pid > 1;
}

bool mb_cluster_is_postmaster(const struct mb_cluster *c, pid_t pid)
{
    char link[64];
    struct stat there, here;
    (void)snprintf(link, sizeof link, "/proc/%ld/cwd", (long)pid);
    return stat(link, &there) == 0 && stat(c->data, &here) == 0 && there.st_dev == here.st_dev &&
           there.st_ino == here.st_ino;
}

/* ---- log ---- */

off_t mb_cluster_log_end(const struct mb_cluster *c)
{
    struct stat st;
    return stat(c->log, &st) == 0 ? st.st_size : 0;
}

/* From there on to the end, which may move on meanwhile, or to the other place. */
static void copy(int from, off_t at, off_t stop, int to)
{
    char piece[32 * 1024];
    ssize_t n;
    while (at < stop && (n = pread(from, piece, sizeof piece, at)) > 0 &&
           write(to, piece, (size_t)n) == n)
        at += n;
}

/* PostgreSQL and all its sessions hold the file open, so it is copied and emptied; they append. A
 * disk without room for the copy needs that of the log all the more. */
bool mb_cluster_trim_log(const struct mb_cluster *c)
{
    char old[MB_PATH_MAX + 8];
    struct mb_err err = {0};
    off_t most = (off_t)c->config->database_log_size, end = mb_cluster_log_end(c);
    if (end <= most || mb_user_borrow(c->user, &err) != MB_OK) return false;
    (void)snprintf(old, sizeof old, "%s.1", c->log);
    int from = open(c->log, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    int to = open(old, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (from >= 0 && to >= 0) copy(from, end - most, end + most, to);
    bool is_trimmed = from >= 0 && ftruncate(from, 0) == 0;
    if (from >= 0) (void)close(from);
    if (to >= 0) (void)close(to);
    mb_user_return(c->user);
    return is_trimmed;
}

/* The first line that says why: FATAL, PANIC or initdb's error; else the last one that is no
 * ordinary message of the server. */
static const char *find_reason(char *text)
{
    static const char *const marks[] = {"FATAL:  ", "PANIC:  ", "error: "};
    const char *last = NULL;
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
            const char *at = strstr(line, marks[i]);
            if (at != NULL) return at + strlen(marks[i]);
        }
        if (strstr(line, "LOG:  ") == NULL) last = line;
    }
    return last;
}

void mb_cluster_reason(const struct mb_cluster *c, off_t since, char *out, size_t size)
{
    char text[TAIL_BYTES + 1];
    off_t end = mb_cluster_log_end(c);
    bool is_cut = end - since > TAIL_BYTES;
    if (end < since) since = 0;
    if (is_cut) since = end - TAIL_BYTES;
    int fd = open(c->log, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, text, TAIL_BYTES, since);
    if (fd >= 0) (void)close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *reason = find_reason(is_cut ? text + strcspn(text, "\n") : text);
    (void)snprintf(out, size, "%s", reason != NULL ? reason : "it left no reason");
}
