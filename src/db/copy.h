#pragma once
/*
 * Bulk loading over a blocking connection: COPY ... FROM STDIN in binary form, written in chunks.
 * For jobs in a process of their own (demo data, imports), never for the loop. Fields must have the
 * column's exact type: text, enum and varchar take mb_copy_text, integer mb_copy_i32, and so on.
 *
 *   mb_copy_begin(&copy, conn, "\"Service\"", columns, 2, err);
 *   mb_copy_text(&copy, id); mb_copy_i32(&copy, 15);
 *   mb_copy_row(&copy, err);  ...
 *   mb_copy_end(&copy, err);
 */
#include <libpq-fe.h>

#include "base/buf.h"

struct mb_copy {
    PGconn *conn; /* NULL when no COPY is open */
    struct mb_buf chunk;
    size_t row_at; /* where the row in work begins in chunk */
    int ncolumns, nfields;
    uint64_t rows;
    bool is_full; /* a field did not fit: the row is refused */
};

/* table is quoted SQL, columns are plain names (quoted here). */
MB_MUST_CHECK enum mb_rc mb_copy_begin(struct mb_copy *c, PGconn *conn, const char *table,
                                       const char *const *columns, int ncolumns,
                                       struct mb_err *err);

/* Fields of the row in work, in the order of the columns. */
void mb_copy_null(struct mb_copy *c);
void mb_copy_text(struct mb_copy *c, struct mb_str text);
void mb_copy_bool(struct mb_copy *c, bool v);
void mb_copy_i32(struct mb_copy *c, int32_t v);
void mb_copy_instant(struct mb_copy *c, int64_t ms);  /* timestamptz; ms since 1970 */
void mb_copy_cents(struct mb_copy *c, int64_t cents); /* numeric with two decimals */

/* Ends the row. MB_E_INVALID when it has not as many fields as there are columns. */
MB_MUST_CHECK enum mb_rc mb_copy_row(struct mb_copy *c, struct mb_err *err);
/* Ends the COPY: all rows are in (within the transaction), or none is and err tells. After a
 * failure of any call the COPY is over and the connection free. */
MB_MUST_CHECK enum mb_rc mb_copy_end(struct mb_copy *c, struct mb_err *err);
/* Gives up: no row comes in. No effect when no COPY is open. */
void mb_copy_abort(struct mb_copy *c);
