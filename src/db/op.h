#pragma once
/*
 * One statement in work, from the call that starts it to its callback. It is on one list at a
 * time: the queue of the pool, the flight of a connection, or the ready list.
 */
#include "base/list.h"
#include "db/stmt.h"

enum mb_op_kind {
    MB_OP_READ,  /* autocommit, may share a connection, may be repeated */
    MB_OP_WRITE, /* autocommit, alone */
    MB_OP_PIN,   /* waits for a connection to pin; nothing is sent */
    MB_OP_INNER, /* a statement of a transaction, COMMIT included */
    MB_OP_HOUSE, /* our own: session settings, ROLLBACK */
};

enum mb_op_state { MB_OP_FRESH, MB_OP_QUEUED, MB_OP_FLYING, MB_OP_READY };

/* One message group of an op between two Syncs; results come back in this order. */
enum mb_op_step {
    MB_STEP_ASIDE, /* DEALLOCATE, BEGIN, RESET ALL: only a failure matters */
    MB_STEP_PREPARE,
    MB_STEP_MAIN, /* its result is the op's result */
};

enum { MB_OP_STEPS = 24, MB_OP_INLINE = 512 };

struct mb_op {
    struct mb_node node; /* first: lists are of these */
    struct mb_db *db;
    struct mb_link *link; /* while flying */
    struct mb_tx *tx;     /* PIN and INNER */
    const struct mb_stmt *stmt;
    const char *sql; /* instead of stmt: a fixed text without parameters, never prepared */
    mb_op_cb cb;
    mb_tx_cb tx_cb; /* PIN */
    void *ctx;
    void (*house)(struct mb_link *link, struct mb_op *op); /* HOUSE: its end */
    enum mb_op_kind kind;
    enum mb_op_state state;
    bool begins;             /* INNER: the first of its transaction, BEGIN flies with it */
    bool commits;            /* INNER: the COMMIT */
    bool takes_back;         /* WRITE without stmt: returns to the last mark of a rehearsal */
    bool orphan;             /* nobody waits for it any more */
    bool synced;             /* its Sync was given to libpq: the server may act on it */
    bool moved;              /* was already taken to another connection once */
    unsigned char conflicts; /* how often it ran again after a conflict */
    bool reprepared;         /* was already repeated because of a stale plan */
    bool used_cached;        /* ran a statement that an earlier op had prepared */
    bool stale_plan;
    unsigned char nsteps, step;
    unsigned char steps[MB_OP_STEPS];
    uint64_t deadline_ns; /* the owner's */
    uint64_t leave_ns;    /* when it stops waiting for a connection */
    uint64_t since_ns;    /* queued, then sent */
    uint64_t ticket;      /* its place among all who wait */
    size_t bytes;         /* is_foreign: of its rows so far, with what the protocol adds to each */
    size_t arrived;       /* is_foreign: what came of the server meanwhile */
    const char *over;     /* is_foreign: "rows" or "bytes" when there were too many */
    PGresult *res;
    struct mb_err err; /* err.rc is the outcome */
    int nparams;
    const char **values;
    char *block; /* values that did not fit inline; NULL otherwise */
    _Alignas(char *) char room[MB_OP_INLINE];
};

/* NULL when out of memory. Ops are recycled by the pool. */
struct mb_op *mb_op__new(struct mb_db *db, enum mb_op_kind kind);
void mb_op__drop(struct mb_op *op); /* leaves its list, gives everything back */
/* Copies the parameters as NUL-terminated texts. */
MB_MUST_CHECK enum mb_rc mb_op__bind(struct mb_op *op, int nparams, const struct mb_str *values,
                                     struct mb_err *err);
const char *mb_op__name(const struct mb_op *op); /* for messages */

/* The op's end: its callback is called from the loop; an orphan just goes. */
void mb_op__finish(struct mb_op *op);
void mb_op__fail(struct mb_op *op, enum mb_rc rc, const char *why);
/* Calls the callbacks of everything that is ready. Only from the loop's own callbacks. */
void mb_op__deliver(struct mb_db *db);
