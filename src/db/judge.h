#pragma once
/*
 * What PostgreSQL says of foreign statements before any runs: PREPARE, over a connection as they would have it.
 * Synchronous: for a thread that builds scripts. At run time each connection asks PREPARE again (flight.c), so nothing
 * rests on this; it tells an author early.
 */
#include "db/db.h"

struct mb_judge;

/* config: with user and password, is_foreign. MB_E_DB_UNAVAILABLE: nobody can say now. */
MB_MUST_CHECK enum mb_rc mb_judge_new(struct mb_judge **out, const struct mb_db_config *config,
                                      struct mb_err *err);
void mb_judge_free(struct mb_judge *j);
/* MB_E_DB: it is no statement that may run, and err->text says why. Anything else that goes wrong says nothing of the
 * statement. */
MB_MUST_CHECK enum mb_rc mb_judge_statement(struct mb_judge *j, const char *sql,
                                            struct mb_err *err);
