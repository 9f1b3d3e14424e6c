#pragma once
/*
 * The control socket in the data folder, by which commands reach the running supervisor: one
 * word in a line (reload, rollback), answered by a line "ok" or "failed" and a text. Whoever may
 * write to the folder may use it; there is no other credential.
 */
#include "app/reload.h"

struct mb_control;

MB_MUST_CHECK enum mb_rc mb_control_open(struct mb_control **out, struct mb_site *site,
                                         struct mb_reload *reload, struct mb_err *err);
/* Takes connections and words; to be called after every wait of the supervisor. */
void mb_control_step(struct mb_control *c);
/* Adds what a wait of the supervisor must notice. */
void mb_control_watch(const struct mb_control *c, struct mb_signals *signals);
void mb_control_close(struct mb_control *c);

/* In a worker: a socket that does not block, to write the word to and to read until its end; -1 when
 * nobody listens, or too many wait. */
int mb_control_connect(const char *folder);
/* In a command: asks the server that uses this data folder, waits as long as that takes, prints
 * its text (to standard error when it failed) and returns the exit code. */
int mb_control_call(const struct mb_site *site, const char *word);
