#include "client/maildrop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"

enum { MAX_KIND = 48, MAX_SAME = 1000 };

bool mb_maildrop_is_kind(struct mb_str kind)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    for (size_t i = 0; i < kind.len; i++)
        if (kind.ptr[i] == '\0' || strchr(allowed, kind.ptr[i]) == NULL) return false;
    return kind.len > 0 && kind.len <= MAX_KIND;
}

static enum mb_rc refuse(struct mb_err *err, const char *folder)
{
    return mb_fail(err, MB_E_IO, "%.150s: no mail can be kept there: %s", folder, strerror(errno));
}

static bool write_all(int fd, struct mb_str text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.ptr, text.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        text.ptr += n;
        text.len -= (size_t)n;
    }
    return true;
}

/* "20261122T080000.000Z": no colons, which not every file system takes. */
static void write_stamp(char out[25])
{
    char text[25], *to = out;
    mb_rfc3339_ms(mb_wall_ms(), text);
    for (const char *c = text; *c != '\0'; c++)
        if (*c != '-' && *c != ':') *to++ = *c;
    *to = '\0';
}

/* A link replaces nothing, as a rename would: two mails of one moment are two files. */
static bool publish(int folder, const char *draft, const char *kind, char name[MB_MAILDROP_NAME])
{
    char stamp[25];
    write_stamp(stamp);
    for (int i = 1; i < MAX_SAME; i++) {
        if (i == 1)
            (void)snprintf(name, MB_MAILDROP_NAME, "%s-%s.eml", stamp, kind);
        else
            (void)snprintf(name, MB_MAILDROP_NAME, "%s-%s-%d.eml", stamp, kind, i);
        if (linkat(folder, draft, folder, name, 0) == 0) return true;
        if (errno != EEXIST) return false;
    }
    return false;
}

static bool write_into(int folder, const char *kind, struct mb_str mail, char name[MB_MAILDROP_NAME])
{
    char id[MB_CUID_LEN + 1], draft[MB_CUID_LEN + 8];
    mb_cuid(id);
    (void)snprintf(draft, sizeof draft, ".%s", id);
    int fd = openat(folder, draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    bool ok = write_all(fd, mail) && fsync(fd) == 0;
    int why = errno;
    (void)close(fd);
    errno = why;
    ok = ok && publish(folder, draft, kind, name);
    why = errno;
    (void)unlinkat(folder, draft, 0);
    if (ok) (void)fsync(folder);
    errno = why;
    return ok;
}

enum mb_rc mb_maildrop_write(const char *folder, const char *kind, struct mb_str mail,
                             char name[MB_MAILDROP_NAME], struct mb_err *err)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) return refuse(err, folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return refuse(err, folder);
    bool ok = write_into(fd, kind, mail, name);
    int why = errno;
    (void)close(fd);
    errno = why;
    return ok ? MB_OK : refuse(err, folder);
}
