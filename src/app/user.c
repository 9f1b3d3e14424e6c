/* Choosing, borrowing and becoming the unprivileged user. */
#define _GNU_SOURCE
#include "app/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool take(struct mb_user *out, const struct passwd *pw)
{
    if (pw == NULL || pw->pw_uid == 0) return false;
    out->uid = pw->pw_uid;
    out->gid = pw->pw_gid;
    (void)snprintf(out->name, sizeof out->name, "%s", pw->pw_name);
    return true;
}

static bool take_owner(struct mb_user *out, const char *data_dir)
{
    struct stat st;
    return stat(data_dir, &st) == 0 && st.st_uid != 0 && take(out, getpwuid(st.st_uid));
}

bool mb_user_is_unprivileged(const char *name)
{
    struct mb_user user;
    return take(&user, getpwnam(name));
}

enum mb_rc mb_user_choose(struct mb_user *out, const char *configured, const char *data_dir,
                          struct mb_err *err)
{
    *out = (struct mb_user){.uid = geteuid(), .gid = getegid()};
    if (out->uid != 0) {
        const struct passwd *pw = getpwuid(out->uid);
        (void)snprintf(out->name, sizeof out->name, "%s", pw != NULL ? pw->pw_name : "?");
        if (configured[0] == '\0' || strcmp(configured, out->name) == 0) return MB_OK;
        return mb_fail(err, MB_E_CONFIG, "user: cannot become %.60s; only root can, this is %s",
                       configured, out->name);
    }
    out->is_switched = true;
    if (configured[0] != '\0') {
        if (take(out, getpwnam(configured))) return MB_OK;
        return mb_fail(err, MB_E_CONFIG, "user: no unprivileged user %.60s", configured);
    }
    if (take_owner(out, data_dir) || take(out, getpwnam("medbookd")) ||
        take(out, getpwnam("postgres")))
        return MB_OK;
    return mb_fail(err, MB_E_CONFIG,
                   "user: PostgreSQL and workers do not run as root; "
                   "create a user with useradd --system medbookd");
}

enum mb_rc mb_user_become(const struct mb_user *u, struct mb_err *err)
{
    if (u->is_switched) {
        if (initgroups(u->name, u->gid) != 0 || setresgid(u->gid, u->gid, u->gid) != 0 ||
            setresuid(u->uid, u->uid, u->uid) != 0)
            return mb_fail(err, MB_E_IO, "user: could not become %s: %s", u->name, strerror(errno));
        if (setuid(0) == 0 || geteuid() != u->uid)
            return mb_fail(err, MB_E_IO, "user: could not give up the rights of root");
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return mb_fail(err, MB_E_IO, "user: could not forbid new privileges: %s", strerror(errno));
    return MB_OK;
}

enum mb_rc mb_user_borrow(const struct mb_user *u, struct mb_err *err)
{
    if (!u->is_switched) return MB_OK;
    if (initgroups(u->name, u->gid) == 0 && setegid(u->gid) == 0 && seteuid(u->uid) == 0)
        return MB_OK;
    enum mb_rc rc =
        mb_fail(err, MB_E_IO, "user: could not act as %s: %s", u->name, strerror(errno));
    mb_user_return(u);
    return rc;
}

void mb_user_return(const struct mb_user *u)
{
    if (!u->is_switched) return;
    /* The real id is still 0, so these cannot fail; if they do, going on would be wrong. */
    if (seteuid(0) != 0 || setegid(0) != 0 || setgroups(0, NULL) != 0) abort();
}
