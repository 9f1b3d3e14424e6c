#pragma once
/*
 * What a connection is waiting for, and for how long it may. Each phase has one time-out, so
 * its connections stand in a list in the order of their deadlines: entering, leaving and
 * restarting a phase cost the same however many connections there are.
 */
#include <stdbool.h>
#include <stdint.h>

struct mb_conn;
struct mb_http_server;

enum mb_phase {
    MB_PHASE_NONE,    /* the handler streams an answer at its own pace */
    MB_PHASE_IDLE,    /* between requests */
    MB_PHASE_HEAD,    /* first byte to end of head */
    MB_PHASE_BODY,    /* waits for body bytes */
    MB_PHASE_REQUEST, /* the handler works */
    MB_PHASE_WRITE,   /* the client has to read */
    MB_PHASE_LINGER,  /* the last answer is out; the client has to close */
    MB_PHASE_COUNT
};

/* Enters the phase; staying in it starts its time anew only with restart. */
void mb_phase__set(struct mb_conn *c, enum mb_phase phase, bool restart);
/* Lets everything whose time is over know (mb_conn__expire). */
void mb_phase__sweep(struct mb_http_server *s);
