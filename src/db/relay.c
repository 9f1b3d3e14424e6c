/*
 * What a connection for statements of others reads, in pieces. libpq reads until nothing waits, and a whole message
 * into one buffer, which PostgreSQL fills as fast as it is emptied: one value, or the text of one error, would be in
 * memory before anybody could count it, up to a gigabyte. So libpq gets one end of a pair of sockets, and this hands
 * over at the other.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/link.h"

enum { PIECE = 8192 }; /* libpq makes that much room before it reads */

struct mb_relay {
    int near, far; /* towards libpq, and the server */
    size_t left;   /* of what libpq wrote, not yet taken by the server */
    char bytes[PIECE];
};

bool mb_relay__open(struct mb_link *l)
{
    int pair[2], socket = PQsocket(l->conn);
    struct mb_relay *r = calloc(1, sizeof *r);
    if (r == NULL) return false;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) goto fail_pair;
    r->near = pair[0];
    r->far = fcntl(socket, F_DUPFD_CLOEXEC, 3);
    if (r->far < 0) goto fail_far;
    if (dup2(pair[1], socket) < 0 || fcntl(socket, F_SETFD, FD_CLOEXEC) != 0) goto fail_near;
    close(pair[1]);
    l->relay = r;
    return true;
fail_near:
    close(r->far);
fail_far:
    close(pair[0]);
    close(pair[1]);
fail_pair:
    free(r);
    return false;
}

/* The next piece that libpq wrote. false: there is none, or libpq has gone. */
static bool take_piece(struct mb_relay *r)
{
    ssize_t n = recv(r->near, r->bytes, sizeof r->bytes, 0);
    r->left = n > 0 ? (size_t)n : 0;
    return n > 0;
}

bool mb_relay__push(struct mb_link *l)
{
    struct mb_relay *r = l->relay;
    while (r->left > 0 || take_piece(r)) {
        ssize_t n = send(r->far, r->bytes, r->left, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) return false;
        if (n < 0) { /* what the server said before it went is still read: mb_relay__pull finds the end */
            r->left = 0;
            return true;
        }
        r->left -= (size_t)n;
        memmove(r->bytes, r->bytes + n, r->left);
    }
    return true;
}

size_t mb_relay__pull(struct mb_link *l)
{
    char bytes[PIECE];
    ssize_t n = recv(l->relay->far, bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    /* The pair holds more than a piece, and libpq has emptied it. */
    if (n <= 0 || send(l->relay->near, bytes, (size_t)n, MSG_NOSIGNAL) != n) {
        shutdown(l->relay->near, SHUT_WR);
        return 0;
    }
    return (size_t)n;
}

bool mb_relay__is_waiting(const struct mb_link *l)
{
    int n = 0;
    return l->relay != NULL && ioctl(PQsocket(l->conn), FIONREAD, &n) == 0 && n > 0;
}

void mb_relay__close(struct mb_link *l)
{
    struct mb_relay *r = l->relay;
    if (r == NULL) return;
    (void)mb_relay__push(l); /* that libpq says farewell */
    close(r->near);
    close(r->far);
    free(r);
    l->relay = NULL;
}
