#pragma once
/*
 * The unprivileged user under whom everything but the supervisor runs when medbookd was
 * started as root. Started by anyone else, that one is the user and nothing changes hands.
 */
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct mb_user {
    uid_t uid;
    gid_t gid;
    char name[64];
    bool is_switched; /* started as root: processes must become this user */
};

/* Whether there is such a user, and it is not root. */
bool mb_user_is_unprivileged(const char *name);
/* configured: the key `user`; empty = the owner of data_dir if that exists, else medbookd, else
 * postgres. */
MB_MUST_CHECK enum mb_rc mb_user_choose(struct mb_user *out, const char *configured,
                                        const char *data_dir, struct mb_err *err);
/* In a child: becomes the user for good, without a way back or new privileges. */
MB_MUST_CHECK enum mb_rc mb_user_become(const struct mb_user *u, struct mb_err *err);
/* In the supervisor: acts on files as the user until the return, so that what it makes belongs
 * to the user and links the user may have laid lead no further than the user's own rights. */
MB_MUST_CHECK enum mb_rc mb_user_borrow(const struct mb_user *u, struct mb_err *err);
void mb_user_return(const struct mb_user *u);
