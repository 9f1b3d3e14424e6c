#pragma once
/*
 * Named statements as scripts hold them, and Lua values as their parameters. What runs them is
 * bind_db.c.
 */
#include <lua.h>

#include "db/db.h"

enum { MB_STATEMENT_PARAMS = 40 };

struct mb_statement {
    const struct mb_stmt *stmt;
    enum mb_db_kind kind;
};

/* The statement at index; raises when there is none. */
const struct mb_statement *mb_statement_at(lua_State *L, int index);
/* Pushes a statement of that text, which is kept for the life of the process. Raises. */
void mb_statement_push(lua_State *L, struct mb_str name, struct mb_str sql, enum mb_db_kind kind);
/* The values first..last as text, borrowed from the stack, which is changed in place; returns how
 * many. nil and json.null are NULL, a list becomes a PostgreSQL array. Raises on anything else. */
int mb_statement_params(lua_State *L, int first, int last, struct mb_str *values);
/* Runs the statement at index first with the values above it, as db.query does: waits, and returns its
 * rows. `return mb_statement_run(L, db, first);` */
int mb_statement_run(lua_State *L, struct mb_db *db, int first);
