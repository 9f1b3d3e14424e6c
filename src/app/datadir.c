/* Making and locking the data folder. */
#define _GNU_SOURCE
#include "app/datadir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/say.h"

static const char fallback_parent[] = "/var/lib/medbookd", lock_file[] = "medbookd.lock";

static enum mb_rc refuse(struct mb_err *err, const char *dir, const char *why, const char *advice)
{
    return mb_fail(err, MB_E_CONFIG, "data folder %.110s: %s; %s", dir, why, advice);
}

static enum mb_rc make_absolute(char out[MB_PATH_MAX], const char *dir, struct mb_err *err)
{
    char cwd[MB_PATH_MAX] = "";
    if (dir[0] != '/' && getcwd(cwd, sizeof cwd) == NULL)
        return refuse(err, dir, strerror(errno), "set data_dir to an absolute path");
    int n = snprintf(out, MB_PATH_MAX, "%s%s%s", cwd, dir[0] == '/' ? "" : "/", dir);
    if (n >= MB_PATH_MAX - 64)
        return refuse(err, dir, "the path is too long", "set a shorter data_dir");
    while (n > 1 && out[n - 1] == '/') out[--n] = '\0';
    return MB_OK;
}

/* The folder itself or the closest one above that exists. */
static void find_existing(const char *dir, char out[MB_PATH_MAX])
{
    struct stat st;
    (void)snprintf(out, MB_PATH_MAX, "%s", dir);
    for (char *slash = strrchr(out, '/'); slash != NULL && slash != out && stat(out, &st) != 0;
         slash = strrchr(out, '/'))
        *slash = '\0';
    if (stat(out, &st) != 0) (void)snprintf(out, MB_PATH_MAX, "/");
}

static enum mb_rc can_reach(bool *is_reachable, const char *dir, const struct mb_user *user,
                            struct mb_err *err)
{
    char above[MB_PATH_MAX];
    find_existing(dir, above);
    enum mb_rc rc = mb_user_borrow(user, err);
    if (rc != MB_OK) return rc;
    struct stat st;
    /* Effective ids: the real one is still root. A file in the way is reported later. */
    *is_reachable = stat(above, &st) == 0 &&
                    (!S_ISDIR(st.st_mode) || faccessat(AT_FDCWD, above, X_OK, AT_EACCESS) == 0);
    mb_user_return(user);
    return MB_OK;
}

/* /root/clinic/var -> /var/lib/medbookd/root-clinic-var */
static void move_to_fallback(char path[MB_PATH_MAX], const struct mb_user *user)
{
    char old[MB_PATH_MAX];
    memcpy(old, path, sizeof old);
    int n = snprintf(path, MB_PATH_MAX, "%s/", fallback_parent);
    for (const char *at = old + 1; *at != '\0' && n < MB_PATH_MAX - 1; at++)
        path[n++] = *at == '/' ? '-' : *at;
    path[n] = '\0';
    mb_say("data folder %s: user %s cannot reach it; using %s", old, user->name, path);
}

/* Parents that are missing are made readable for all; only the folder itself is closed. */
static enum mb_rc make_folders(char *path, struct mb_err *err)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int made = mkdir(path, 0755), why = errno;
        if (made == 0) (void)chmod(path, 0755);
        *slash = '/';
        if (made != 0 && why != EEXIST)
            return refuse(err, path, strerror(why),
                          "create it or set data_dir to a folder you may write");
    }
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return refuse(err, path, strerror(errno),
                      "create it or set data_dir to a folder you may write");
    return MB_OK;
}

static bool is_empty(int fd)
{
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (d == NULL) {
        if (copy >= 0) (void)close(copy);
        return false;
    }
    int entries = 0;
    while (readdir(d) != NULL) entries++;
    (void)closedir(d);
    return entries <= 2; /* . and .. */
}

static enum mb_rc own(int fd, const char *path, const struct mb_user *user, struct mb_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return refuse(err, path, strerror(errno), "set another data_dir");
    if (st.st_uid != user->uid) {
        const struct passwd *pw = getpwuid(st.st_uid);
        if (!user->is_switched || !is_empty(fd))
            return mb_fail(err, MB_E_CONFIG,
                           "data folder %.100s: it belongs to %.30s; give it away "
                           "with chown -R %s, or set another data_dir",
                           path, pw != NULL ? pw->pw_name : "a stranger", user->name);
        if (fchown(fd, user->uid, user->gid) != 0)
            return refuse(err, path, strerror(errno), "set another data_dir");
    }
    if (fchmod(fd, 0700) != 0 || faccessat(fd, ".", W_OK, AT_EACCESS) != 0)
        return refuse(err, path, strerror(errno), "set data_dir to a folder you may write");
    return MB_OK;
}

static enum mb_rc name(struct mb_datadir *out, struct mb_user *user,
                       const struct mb_config *config, struct mb_err *err)
{
    out->lock_fd = -1;
    enum mb_rc rc = make_absolute(out->path, config->data_dir, err);
    if (rc == MB_OK) rc = mb_user_choose(user, config->user, out->path, err);
    bool is_reachable = true;
    if (rc == MB_OK && user->is_switched) rc = can_reach(&is_reachable, out->path, user, err);
    if (rc != MB_OK) return rc;
    if (!is_reachable) move_to_fallback(out->path, user);
    return MB_OK;
}

static enum mb_rc close_to_others(const struct mb_datadir *out, const struct mb_user *user,
                                  struct mb_err *err)
{
    int fd = open(out->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return refuse(err, out->path, strerror(errno), "set another data_dir");
    enum mb_rc rc = own(fd, out->path, user, err);
    (void)close(fd);
    return rc;
}

enum mb_rc mb_datadir_open(struct mb_datadir *out, struct mb_user *user,
                           const struct mb_config *config, struct mb_err *err)
{
    enum mb_rc rc = name(out, user, config, err);
    if (rc == MB_OK) rc = make_folders(out->path, err);
    return rc == MB_OK ? close_to_others(out, user, err) : rc;
}

enum mb_rc mb_datadir_find(struct mb_datadir *out, struct mb_user *user,
                           const struct mb_config *config, bool *is_used, struct mb_err *err)
{
    char path[MB_PATH_MAX];
    struct stat st;
    *is_used = false;
    enum mb_rc rc = name(out, user, config, err);
    if (rc == MB_OK) rc = mb_datadir_file(out, lock_file, path, err);
    if (rc != MB_OK) return rc;
    *is_used = lstat(path, &st) == 0;
    if (*is_used) return close_to_others(out, user, err);
    if (errno == ENOENT || errno == ENOTDIR) return MB_OK;
    return refuse(err, out->path, strerror(errno), "run this as the user to whom it belongs");
}

enum mb_rc mb_datadir_file(const struct mb_datadir *d, const char *leaf, char out[MB_PATH_MAX],
                           struct mb_err *err)
{
    int n = snprintf(out, MB_PATH_MAX, "%s/%s", d->path, leaf);
    if (n < MB_PATH_MAX) return MB_OK;
    return refuse(err, d->path, "the path is too long", "set a shorter data_dir");
}

enum mb_rc mb_datadir_lock(struct mb_datadir *d, const struct mb_user *user, pid_t *holder,
                           struct mb_err *err)
{
    char path[MB_PATH_MAX], text[32];
    *holder = 0;
    enum mb_rc rc = mb_datadir_file(d, lock_file, path, err);
    if (rc == MB_OK) rc = mb_user_borrow(user, err);
    if (rc != MB_OK) return rc;
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600), why = errno;
    mb_user_return(user);
    if (fd < 0) return refuse(err, path, strerror(why), "correct its owner");

    /* A record lock, not flock: it belongs to this process alone and is not inherited, so workers
     * that outlive a killed supervisor by a moment do not hold it. */
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_SETLK, &lock) != 0) {
        lock.l_pid = -1;
        (void)fcntl(fd, F_GETLK, &lock);
        (void)close(fd);
        *holder = lock.l_pid;
        return MB_OK;
    }
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n) {
        (void)close(fd);
        return refuse(err, path, strerror(errno), "free some space");
    }
    d->lock_fd = fd;
    return MB_OK;
}

void mb_datadir_close(struct mb_datadir *d)
{
    if (d->lock_fd >= 0) (void)close(d->lock_fd);
    d->lock_fd = -1;
}
