/*
 * libpq's socket in the loop. libpq may close its descriptor and open another at any time while
 * connecting, also under the same number, and libuv aborts when two handles share a descriptor
 * or one is closed under it. So the loop polls a duplicate, and which socket that is is told
 * by inode, not by number.
 */
#include <sys/stat.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "db/pool.h"

struct mb_link_watch {
    uv_poll_t poll;
    struct mb_link *link; /* NULL once abandoned */
    struct mb_db *db;
    int fd;
    ino_t inode;
    int events;
};

static ino_t inode_of(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct mb_link_watch *w = handle->data;
    struct mb_db *db = w->db;
    close(w->fd);
    free(w);
    mb_pool__handle_gone(db);
}

void mb_link__unwatch(struct mb_link *l)
{
    struct mb_link_watch *w = l->watch;
    if (w == NULL) return;
    l->watch = NULL;
    w->link = NULL;
    uv_close((uv_handle_t *)&w->poll, on_closed);
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct mb_link_watch *w = poll->data;
    struct mb_link *l = w->link;
    struct mb_db *db = w->db;
    if (l == NULL) return;
    mb_pool__enter(db);
    if (l->state == MB_LINK_CONNECTING) {
        /* A refused connection comes as an error, with the handle stopped; libpq knows the
         * reason and perhaps another host. */
        if (status < 0) w->events = 0;
        mb_link__connect(l);
    } else if (status < 0) {
        /* libuv has stopped the handle: nobody would ever wake this link again. What the
         * server said before it went is still read. */
        if (mb_link__receive(l)) mb_link__close(l, uv_strerror(status));
    } else if ((events & UV_READABLE) == 0 || mb_link__receive(l)) {
        if (l->state >= MB_LINK_SETUP && l->watch == w) mb_link__flush(l);
    }
    mb_pool__leave(db);
}

static struct mb_link_watch *make(struct mb_link *l, int socket)
{
    struct mb_link_watch *w = calloc(1, sizeof *w);
    if (w == NULL) return NULL;
    w->link = l;
    w->db = l->db;
    w->inode = inode_of(socket);
    w->fd = fcntl(socket, F_DUPFD_CLOEXEC, 3);
    if (w->fd < 0) goto fail_fd;
    if (uv_poll_init(l->db->loop, &w->poll, w->fd) != 0) goto fail_poll;
    w->poll.data = w;
    l->db->nhandles++;
    return w;
fail_poll:
    close(w->fd);
fail_fd:
    free(w);
    return NULL;
}

bool mb_link__watch(struct mb_link *l, int events)
{
    /* Only while connecting can the socket change. */
    if (l->watch != NULL && l->state == MB_LINK_CONNECTING &&
        l->watch->inode != inode_of(PQsocket(l->conn)))
        mb_link__unwatch(l);
    if (l->watch == NULL && (l->watch = make(l, PQsocket(l->conn))) == NULL) return false;
    if (l->watch->events == events) return true;
    l->watch->events = events;
    return uv_poll_start(&l->watch->poll, events, on_socket) == 0;
}
