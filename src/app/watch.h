#pragma once
/* Notices that files of two folders and the folders below changed (inotify), for development. */
#include <stdbool.h>
#include <stdint.h>

#include "app/home.h"

struct mb_watch {
    int fd; /* -1 = off */
    char top[2][MB_PATH_MAX + 32];
    uint64_t due_ns; /* when the change is told: an editor's save is several events; 0 = none */
};

/* A folder that does not exist is not watched before a change of the other. */
MB_MUST_CHECK enum mb_rc mb_watch_open(struct mb_watch *w, const char *one, const char *other,
                                       struct mb_err *err);
/* True once after changes have come to rest. */
bool mb_watch_step(struct mb_watch *w);
/* Milliseconds until it may be true without a new event, at most that many. */
int mb_watch_patience(const struct mb_watch *w, int most);
void mb_watch_close(struct mb_watch *w);
