#pragma once
/*
 * `medbookd console`: texts of Lua over the scripts and the database of an installation, line by line at
 * a terminal or out of a pipe.
 */
#include "app/config.h"
#include "app/options.h"

/* Returns an exit code: of a pipe 1 when a text failed, with which it ended. */
int mb_console_command(const struct mb_options *o, const struct mb_config *config);
