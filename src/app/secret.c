/* The secret key file. It is made under another name and linked, so it is whole or not there. */
#include "app/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/id.h"

static enum mb_rc refuse(struct mb_err *err, const char *file, const char *why)
{
    return mb_fail(err, MB_E_CONFIG, "secret key %.120s: %s", file, why);
}

static enum mb_rc make(const char *file, struct mb_err *err)
{
    char draft[1100];
    unsigned char key[MB_SECRET_BYTES];
    (void)snprintf(draft, sizeof draft, "%s.%ld", file, (long)getpid());
    mb_random(key, sizeof key);

    enum mb_rc rc = MB_OK;
    (void)unlink(draft);
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return refuse(err, file, strerror(errno));
    if (write(fd, key, sizeof key) != (ssize_t)sizeof key || fsync(fd) != 0)
        rc = refuse(err, file, strerror(errno));
    else if (link(draft, file) != 0 && errno != EEXIST)
        rc = refuse(err, file, strerror(errno));
    (void)close(fd);
    (void)unlink(draft);
    return rc;
}

enum mb_rc mb_secret_load(unsigned char out[MB_SECRET_BYTES], const char *file, bool makes,
                          struct mb_err *err)
{
    int fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && !makes)
        return refuse(err, file, "not found; set data_dir to that of the installation");
    if (fd < 0 && errno == ENOENT) {
        enum mb_rc rc = make(file, err);
        if (rc != MB_OK) return rc;
        fd = open(file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd < 0) return refuse(err, file, strerror(errno));

    struct stat st;
    unsigned char more;
    enum mb_rc rc = MB_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rc = refuse(err, file, "it is not a regular file");
    else if ((st.st_mode & 077) != 0)
        rc = refuse(err, file, "others may read it; run chmod 600 on it");
    else if (read(fd, out, MB_SECRET_BYTES) != MB_SECRET_BYTES || read(fd, &more, 1) != 0)
        rc = refuse(err, file, "it must hold exactly 32 bytes; restore it from a copy");
    (void)close(fd);
    return rc;
}

static enum mb_rc refuse_password(struct mb_err *err, const char *file, const char *why)
{
    return mb_fail(err, MB_E_CONFIG, "password file %.120s: %s", file, why);
}

enum mb_rc mb_password_read(char out[MB_PASSWORD_MAX], const char *file, struct mb_err *err)
{
    out[0] = '\0';
    if (file[0] == '\0') return MB_OK;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return refuse_password(err, file, strerror(errno));
    ssize_t n = read(fd, out, MB_PASSWORD_MAX - 1);
    int why = errno;
    (void)close(fd);
    if (n < 0) return refuse_password(err, file, strerror(why));
    out[n] = '\0';
    size_t length = strcspn(out, "\r\n");
    if (strlen(out) != (size_t)n || length == 0 || length == MB_PASSWORD_MAX - 1)
        return refuse_password(err, file, "its first line must be the password, and not be empty");
    out[length] = '\0';
    return MB_OK;
}
