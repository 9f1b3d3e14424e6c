#pragma once
/*
 * Result rows for scripts: a handle on a PGresult that is emptied when the task ends. `#rows`,
 * `rows[i]` (a row handle), `rows.columns`, `row.name`, iteration by index, `rows:keep(n)` (the first n
 * are all; returns whether there were more); rows and row are encoded
 * as JSON straight from libpq. Column types: bool, integers and floats become numbers, json/jsonb is
 * passed through, timestamptz becomes RFC 3339 with milliseconds and Z, numeric stays a string,
 * text[] becomes an array in JSON and its PostgreSQL text in Lua, NULL becomes null and nil. A column whose name
 * begins with _ is for the script alone: no JSON shows it.
 */
#include <lua.h>

#include "bind/task.h"
#include "db/db.h"

void mb_rows_register(lua_State *L);
/* Pushes a handle that takes *res over (and sets it NULL), released with the task. May raise out
 * of memory, with *res untouched. */
void mb_rows_push(lua_State *L, struct mb_task *task, PGresult **res);

struct mb_shape;

/* What rows are to be: a list of objects, or a row an object, of this node. */
struct mb_rows_form {
    const struct mb_shape *shape;
    int node;
};

/* Appends all rows as JSON, as an answer shows them. */
MB_MUST_CHECK enum mb_rc mb_rows_write(const PGresult *res, struct mb_buf *out, struct mb_err *err);
/* When the value at index is rows or a row: appends its JSON, sets *is; else *is = false. form: NULL = none; with
 * one the members stand in its order, and columns that it does not declare, does without or has of another type are
 * MB_E_JSON. NaN, infinity and arrays of several dimensions always are. */
MB_MUST_CHECK enum mb_rc mb_rows_encode(lua_State *L, int index, const struct mb_rows_form *form,
                                        struct mb_buf *out, bool *is, struct mb_err *err);
