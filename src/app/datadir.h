#pragma once
/*
 * The data folder: made, given to the unprivileged user, closed to all others, and locked so
 * that two supervisors never share it.
 */
#include "app/home.h"
#include "app/user.h"

struct mb_datadir {
    char path[MB_PATH_MAX]; /* absolute; may differ from the configured one, which was then said */
    int lock_fd;            /* -1 = not locked */
};

/* Chooses the user too, because an existing folder names its owner. */
MB_MUST_CHECK enum mb_rc mb_datadir_open(struct mb_datadir *out, struct mb_user *user,
                                         const struct mb_config *config, struct mb_err *err);
/* As mb_datadir_open, but touches only a folder that an installation has been using: else *is_used is
 * false, and there is nothing but the path. */
MB_MUST_CHECK enum mb_rc mb_datadir_find(struct mb_datadir *out, struct mb_user *user,
                                         const struct mb_config *config, bool *is_used,
                                         struct mb_err *err);
/* MB_OK with *holder set to a process id: another medbookd uses the folder, nothing is locked. */
MB_MUST_CHECK enum mb_rc mb_datadir_lock(struct mb_datadir *d, const struct mb_user *user,
                                         pid_t *holder, struct mb_err *err);
void mb_datadir_close(struct mb_datadir *d);
/* <path>/leaf; MB_E_LIMIT when that is too long. */
MB_MUST_CHECK enum mb_rc mb_datadir_file(const struct mb_datadir *d, const char *leaf,
                                         char out[MB_PATH_MAX], struct mb_err *err);
