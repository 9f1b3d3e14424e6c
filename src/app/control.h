#pragma once
/*
 * The control socket in the data folder, by which commands and workers reach the running supervisor (how
 * they do: control_client.h): one word in a line (reload, rollback), answered by a line "ok" or "failed" and
 * a text. Whoever may write to the folder may use it; there is no other credential.
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
