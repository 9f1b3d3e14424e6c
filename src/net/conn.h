#pragma once
/*
 * One connection. It owns the descriptor, the input that cannot be used yet, the output that the
 * client has not taken yet, and the request in work, if any. An idle connection is this struct
 * and nothing else.
 */
#include "base/list.h"
#include "net/http.h"
#include "net/peer.h"
#include "net/phase.h"

enum mb_conn_state {
    MB_CONN_OPEN,
    MB_CONN_LAST,   /* no further request; output still to be taken, input is thrown away */
    MB_CONN_LINGER, /* our side is shut; input is thrown away until the client closes */
    MB_CONN_CUT,    /* to be closed at once */
    MB_CONN_CLOSED
};

struct mb_conn {
    uv_poll_t poll;
    struct mb_http_server *server;
    struct mb_http_request *req;
    struct mb_node by_phase, by_server, by_turn;
    struct mb_buf pending;  /* read, not yet used: the next requests, or a body nobody takes */
    struct mb_buf queue;    /* output not yet taken by the kernel, from queue_at on */
    size_t queue_at;
    uint64_t deadline;      /* of the phase, in loop time */
    uint64_t opened;        /* loop time */
    uint32_t requests;      /* begun so far */
    uint64_t dropped;       /* bytes that came after the last answer */
    int fd;
    int tag;
    struct mb_addr peer;
    uint8_t state;
    uint8_t phase;
    uint8_t events;         /* what the loop polls for */
    bool busy;              /* the serve loop runs: callbacks must not recurse into it */
    bool progress;          /* something happened that restarts the phase's time */
    bool eof;               /* the client will send no more */
    bool trusted;           /* the peer is a trusted proxy */
    bool tallied;           /* counts for the ceiling by address */
    bool refused;           /* over a ceiling: only here to be told so */
    bool outlasts;          /* of a listener that goes on while the server drains */
    char peer_text[MB_ADDR_TEXT];
};

#define MB_CONN_OF(link, member)                                                                  \
    ((struct mb_conn *)(void *)((char *)(link) - offsetof(struct mb_conn, member)))

/* Takes over fd, also on failure. NULL when there is no memory. */
struct mb_conn *mb_conn__open(struct mb_http_server *s, int fd, const struct mb_addr *peer, int tag);
/* Wants the serve loop to look at it before the event loop next waits. */
void mb_conn__schedule(struct mb_conn *c);
void mb_conn__turn(struct mb_conn *c);
void mb_conn__expire(struct mb_conn *c, enum mb_phase phase);
/* Closes at once; a request in work is aborted. Never while busy: see mb_conn__cut. */
void mb_conn__close(struct mb_conn *c);
void mb_conn__cut(struct mb_conn *c);
/* After the last answer: flush, shut our side, let the client finish, close. */
void mb_conn__settle(struct mb_conn *c);
/* Serves what has arrived already, then closes it if it is idle. */
void mb_conn__drain(struct mb_conn *c);
