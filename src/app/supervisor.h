#pragma once
/*
 * `medbookd run`: the process that owns sockets, embedded PostgreSQL and workers. It knows no
 * Lua, no HTTP and no SQL.
 */
#include "app/config.h"

/* Runs until SIGTERM or SIGINT; returns the exit code. */
int mb_supervisor_run(const struct mb_config *config);
