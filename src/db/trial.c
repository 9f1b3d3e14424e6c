/* A write of which nothing stays. */
#include "db/db.h"

/* Takes 4 MB of new pages, one row in each, and gives them back: more than any request needs. A row
 * in a table of ours might find room in a page that is there already. */
static const char trial_sql[] =
    "CREATE TEMPORARY TABLE medbookd_trial WITH (fillfactor = 10) ON COMMIT DROP AS"
    " SELECT repeat('x', 600) AS filler FROM generate_series(1, 512)";

enum mb_rc mb_db_try_write(struct mb_db *db, struct mb_op **op, uint64_t deadline_ns, mb_op_cb cb,
                           void *ctx, struct mb_err *err)
{
    struct mb_stmt *stmt = NULL; /* the same each time */
    enum mb_rc rc = mb_stmt_intern(&stmt, MB_STR("trial write"),
                                   (struct mb_str){trial_sql, sizeof trial_sql - 1}, err);
    if (rc != MB_OK) return rc;
    return mb_db_query(db, op, MB_DB_WRITE, stmt, 0, NULL, deadline_ns, cb, ctx, err);
}
