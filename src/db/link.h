#pragma once
/*
 * One connection of the pool: opening it, session settings, statements in flight, loss. A link is a
 * place in the pool that is filled again and again; it is never freed before the pool.
 */
#include "db/cache.h"
#include "db/op.h"

enum mb_link_state {
    MB_LINK_EMPTY,
    MB_LINK_RESOLVING,
    MB_LINK_CONNECTING,
    MB_LINK_SETUP,
    MB_LINK_UP,
};

/* What a rehearsal holds open on the server: frame.h. */
enum mb_savepoint { MB_SAVEPOINT_NONE, MB_SAVEPOINT_ONE, MB_SAVEPOINT_TX };

struct mb_link_watch;   /* poll handle on a duplicate of the socket */
struct mb_resolve; /* name look-up in work */
struct mb_cancel;  /* cancel request in work */
struct mb_relay;   /* what stands between libpq and the socket */

struct mb_link {
    struct mb_db *db;
    enum mb_link_state state;
    PGconn *conn;
    struct mb_link_watch *watch;
    struct mb_relay *relay; /* of statements of others, but those of a rehearsal; else NULL */
    struct mb_resolve *resolve;
    struct mb_cancel *cancel; /* while set, nothing new is sent here */
    struct mb_tx *tx;         /* pinned by */
    struct mb_node flight;    /* ops sent, in order of their answers */
    uint32_t nflight, norphans;
    uint32_t age; /* counts the connections that this place has had */
    uint32_t surplus; /* results beyond what was asked for: the protocol is out of step */
    bool alone;       /* what flies must have no company: a write, a transaction, our own */
    enum mb_savepoint savepoint;
    bool idle, held;  /* counted as such by the pool */
    uint64_t head_ns; /* since when the server can only be at work on the first of the flight */
    uint64_t cut_at;  /* closed unless something ends before; 0 = none */
    uint64_t used_ns, renew_ns;
    struct mb_cache cache;
};

/* ---- link.c: life ---- */
void mb_link__open(struct mb_link *l);
/* Closes it (no effect on an empty place). Ops in flight end typed: repeated on another link where
 * that is safe. why is kept as the pool's last error; NULL = closed on purpose. */
void mb_link__close(struct mb_link *l, const char *why);
/* The start of a session or a flight has ended: what now? Rolls back, renews, or offers the link
 * to the pool. */
void mb_link__settle(struct mb_link *l);
/* Sends every waiting byte that the socket takes and watches for the rest. */
void mb_link__flush(struct mb_link *l);

/* ---- connect.c: from nothing to a session ---- */
void mb_link__resolve(struct mb_link *l);
void mb_link__drop_resolve(struct mb_link *l);
void mb_link__connect(struct mb_link *l); /* next step of PQconnectPoll */

/* ---- watch.c: the duplicate of libpq's socket in the loop ---- */
bool mb_link__watch(struct mb_link *l, int events);
void mb_link__unwatch(struct mb_link *l);

/* ---- relay.c: libpq's socket, a piece at a time ---- */
/* Of a connection that has just been made. false: out of descriptors or memory. */
bool mb_relay__open(struct mb_link *l);
/* After PQfinish, so that the server hears the end. No effect without one. */
void mb_relay__close(struct mb_link *l);
/* Bytes handed to libpq: what came, a piece at most. The end of the connection is one of libpq's socket. */
size_t mb_relay__pull(struct mb_link *l);
/* Whether libpq has not read all that it was handed. */
bool mb_relay__is_waiting(const struct mb_link *l);
/* Hands to the server what libpq wrote. false: not all of it was taken. */
bool mb_relay__push(struct mb_link *l);

/* ---- flight.c: statements out, results in ---- */
void mb_link__send(struct mb_link *l, struct mb_op *op);
/* When the statement at the head is overdue: the server stops one at database.statement_timeout, so
 * it is frozen, cut off, or a pooler's that knows no such limit. UINT64_MAX = none flies. */
uint64_t mb_link__overdue_ns(const struct mb_link *l);
/* Reads what has come. false: the connection is gone and the link was closed. */
bool mb_link__receive(struct mb_link *l);
/* Nobody waits for a flying op any more; cancels at the server when all its companions are
 * orphans too. */
void mb_link__orphan(struct mb_link *l, struct mb_op *op);
/* The op's deadline has passed: its owner hears so at once, while something else waits in its
 * place for the end of the statement. */
void mb_link__time_out(struct mb_link *l, struct mb_op *op);

/* ---- cancel.c ---- */
void mb_link__cancel(struct mb_link *l);
void mb_link__drop_cancel(struct mb_link *l); /* the link closes; a request under way runs out */
/* The flight ended: a request that has not begun yet is forgotten. */
void mb_link__recall_cancel(struct mb_link *l);
