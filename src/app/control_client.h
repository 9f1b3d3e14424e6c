#pragma once
/* Asking the running supervisor by its control socket (control.h): from a command, or from a worker. */
#include "app/site.h"

/* In a worker: a socket that does not block, to write the word to and to read until its end; -1 when
 * nobody listens, or too many wait. */
int mb_control_connect(const char *folder);
/* In a command: asks the server that uses this data folder, waits as long as that takes, prints
 * its text (to standard error when it failed) and returns the exit code. */
int mb_control_call(const struct mb_site *site, const char *word);
