#pragma once
/*
 * The embedded PostgreSQL as a process: started or adopted, watched, restarted, stopped in
 * order. It outlives a supervisor that is killed; the next one adopts it.
 */
#include "app/cluster.h"

struct mb_postgres;

struct mb_postgres_plan {
    const struct mb_config *config;
    const struct mb_datadir *dir;
    const struct mb_user *user;
    struct mb_signals *signals;
    bool is_visited;      /* by a command that makes no database */
    bool is_throwaway;    /* need not survive a crash of the machine */
    unsigned connections; /* how many the workers and tools may open together */
};

MB_MUST_CHECK enum mb_rc mb_postgres_new(struct mb_postgres **out,
                                         const struct mb_postgres_plan *plan, struct mb_err *err);
void mb_postgres_free(struct mb_postgres *p);

/* Starts it, or adopts the one that runs already, and waits until it accepts connections. */
MB_MUST_CHECK enum mb_rc mb_postgres_start(struct mb_postgres *p, struct mb_err *err);
/* Uses the one that another process of this installation runs: waits for it, leaves it alone. */
MB_MUST_CHECK enum mb_rc mb_postgres_attach(struct mb_postgres *p, struct mb_err *err);
/* Connection strings: of the superuser, and of the role that the workers use. */
const char *mb_postgres_owner_url(const struct mb_postgres *p);
const char *mb_postgres_app_url(const struct mb_postgres *p);
bool mb_postgres_is_adopted(const struct mb_postgres *p);
/* To be called at every tick (100 ms): starts it again when it has died; true when it did. */
bool mb_postgres_tick(struct mb_postgres *p);
/* Fast shutdown, awaited; database.stop_timeout, or a further stop signal, makes it immediate. */
void mb_postgres_stop(struct mb_postgres *p);
