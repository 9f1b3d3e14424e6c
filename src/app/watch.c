#define _GNU_SOURCE
#include "app/watch.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"

enum { REST_MS = 20, MAX_DEPTH = 16 };

static const uint32_t EVENTS = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                               IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_ONLYDIR;

/* Adding a folder again changes nothing. One that cannot be watched, or went meanwhile, is told by
 * the reload, which reads it too. */
static void add(struct mb_watch *w, const char *path, int depth)
{
    DIR *d = depth > MAX_DEPTH ? NULL : opendir(path);
    if (d == NULL) return;
    (void)inotify_add_watch(w->fd, path, EVENTS);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char below[sizeof w->top[0] + 1024];
        if (e->d_name[0] == '.' || (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN)) continue;
        int n = snprintf(below, sizeof below, "%s/%s", path, e->d_name);
        if (n >= 0 && (size_t)n < sizeof below) add(w, below, depth + 1);
    }
    (void)closedir(d);
}

static void add_all(struct mb_watch *w)
{
    add(w, w->top[0], 0);
    add(w, w->top[1], 0);
}

enum mb_rc mb_watch_open(struct mb_watch *w, const char *one, const char *other, struct mb_err *err)
{
    *w = (struct mb_watch){.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    if (w->fd < 0)
        return mb_fail(err, MB_E_IO, "%.150s: changes cannot be watched: %s", one, strerror(errno));
    (void)snprintf(w->top[0], sizeof w->top[0], "%s", one);
    (void)snprintf(w->top[1], sizeof w->top[1], "%s", other);
    add_all(w);
    return MB_OK;
}

/* A folder, or a script that is not an editor's swap file. */
static bool matters(const struct inotify_event *e)
{
    size_t n = e->len > 0 ? strlen(e->name) : 0;
    if (n == 0 || (e->mask & (IN_ISDIR | IN_Q_OVERFLOW)) != 0) return true;
    return e->name[0] != '.' && n > 4 && strcmp(e->name + n - 4, ".lua") == 0;
}

static bool has_news(struct mb_watch *w)
{
    _Alignas(struct inotify_event) char events[4096];
    bool is_news = false;
    ssize_t n;
    while ((n = read(w->fd, events, sizeof events)) > 0) {
        for (char *at = events; at < events + n;) {
            const struct inotify_event *e = (const void *)at;
            is_news = is_news || matters(e);
            at += sizeof *e + e->len;
        }
    }
    return is_news;
}

bool mb_watch_step(struct mb_watch *w)
{
    if (w->fd < 0) return false;
    if (has_news(w)) {
        add_all(w);
        w->due_ns = mb_mono_ns() + (uint64_t)REST_MS * 1000000u;
    }
    if (w->due_ns == 0 || mb_mono_ns() < w->due_ns) return false;
    w->due_ns = 0;
    return true;
}

int mb_watch_patience(const struct mb_watch *w, int most)
{
    return w->due_ns != 0 && most > REST_MS ? REST_MS : most;
}

void mb_watch_close(struct mb_watch *w)
{
    if (w->fd >= 0) (void)close(w->fd);
    w->fd = -1;
}
