#pragma once
/*
 * Reference data: rows that an installation begins with, from the files of migrations/reference, each one INSERT that
 * knows its rows by slug. What is missing is inserted, and nothing is changed that is there.
 */
#include "app/options.h"
#include "app/site.h"

/* `medbookd reference load`. Returns the exit code. */
int mb_reference_command(const struct mb_options *o, const struct mb_config *config);
/* At the start of an embedded database, after its migrations: loads it while nobody has an account. */
MB_MUST_CHECK enum mb_rc mb_reference_begin(struct mb_site *site, struct mb_err *err);
