#pragma once
/*
 * Whether the database can be written to: a full disk refuses that and goes on answering reads. Every
 * process counts the statements that were refused so (struct mb_db_stats); the jobs process finds out
 * whether it is still so, for the whole machine.
 */
#include "app/shm.h"

/* Nothing was refused since a trial write last succeeded. */
bool mb_writes_stand(const struct mb_shm *shm);

/* In the jobs process. */
struct mb_writes {
    struct mb_shm *shm;
    struct mb_db *db;
    uv_timer_t timer;
    struct mb_op *op; /* the trial under way; NULL = none is */
    uint64_t refused; /* how many had been when it began */
    bool is_told;     /* that nothing can be written */
};

void mb_writes_watch(struct mb_writes *w, uv_loop_t *loop, struct mb_db *db, struct mb_shm *shm);
/* Before the database is closed; also when mb_writes_watch was never called. */
void mb_writes_close(struct mb_writes *w);
