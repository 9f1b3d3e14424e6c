#pragma once
/*
 * What PostgreSQL reports, as codes of medbookd.
 */
#include "db/db.h"

/* Fills err from a failed result: sqlstate, constraint, "statement: message". The detail line of
 * the server is left out on purpose: it quotes column values, which may be personal. */
enum mb_rc mb_fault_take(struct mb_err *err, const PGresult *res, const char *statement);
/* "57P01" -> MB_E_DB_LOST; MB_E_DB for what has no code of its own. */
enum mb_rc mb_fault_rc(const char *sqlstate);
/* Whether the server cannot write: a full disk, a failing one, or a database that is read only. */
bool mb_fault_refuses_writes(const struct mb_err *err);
/* Whether the server lacks the prepared form, or has an outdated one: prepare again and repeat. */
bool mb_fault_is_stale_plan(const PGresult *res);
