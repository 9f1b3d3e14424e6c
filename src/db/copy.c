/*
 * The binary COPY format: a signature, then for each row the number of fields and each field as
 * length and bytes, all big-endian. It must not know what it loads.
 */
#include "db/copy.h"

#include "db/fault.h"

enum {
    CHUNK = 64 * 1024,             /* sent when it holds this much */
    CHUNK_MOST = 16 * 1024 * 1024, /* the longest row */
    NUMERIC_BASE = 10000,
    NUMERIC_DIGITS = 6, /* of int64 cents: five for the whole part, one for the cents */
};

/* Milliseconds from 1970 to 2000, where PostgreSQL counts from. */
static const int64_t epoch_ms = 946684800000;

static void put(struct mb_copy *c, const void *p, size_t n)
{
    if (mb_buf_add(&c->chunk, p, n) != MB_OK) c->is_full = true;
}

static void put_be(struct mb_copy *c, uint64_t v, int bytes)
{
    unsigned char out[8];
    for (int i = bytes - 1; i >= 0; i--) {
        out[i] = (unsigned char)v;
        v >>= 8;
    }
    put(c, out, (size_t)bytes);
}

static void begin_field(struct mb_copy *c, size_t len)
{
    c->nfields++;
    put_be(c, len, 4);
}

static void begin_row(struct mb_copy *c)
{
    c->row_at = c->chunk.len;
    c->nfields = 0;
    put_be(c, (uint64_t)c->ncolumns, 2);
}

static enum mb_rc lost(struct mb_copy *c, struct mb_err *err)
{
    enum mb_rc rc = mb_fail(err, MB_E_DB_LOST, "copy: %s", PQerrorMessage(c->conn));
    mb_copy_abort(c);
    return rc;
}

static enum mb_rc send_chunk(struct mb_copy *c, struct mb_err *err)
{
    if (PQputCopyData(c->conn, c->chunk.data, (int)c->chunk.len) != 1) return lost(c, err);
    mb_buf_clear(&c->chunk);
    return MB_OK;
}

/* COPY table ("a", "b") FROM STDIN (FORMAT binary) */
static enum mb_rc add_statement(struct mb_buf *sql, PGconn *conn, const char *table,
                                const char *const *columns, int ncolumns)
{
    static const char tail[] = ") FROM STDIN (FORMAT binary)"; /* with its NUL */
    enum mb_rc rc = mb_buf_addf(sql, "COPY %s (", table);
    for (int i = 0; i < ncolumns && rc == MB_OK; i++) {
        char *quoted = PQescapeIdentifier(conn, columns[i], strlen(columns[i]));
        if (!quoted) return MB_E_NOMEM;
        rc = mb_buf_addf(sql, "%s%s", i > 0 ? ", " : "", quoted);
        PQfreemem(quoted);
    }
    return rc == MB_OK ? mb_buf_add(sql, tail, sizeof tail) : rc;
}

enum mb_rc mb_copy_begin(struct mb_copy *c, PGconn *conn, const char *table,
                         const char *const *columns, int ncolumns, struct mb_err *err)
{
    static const char signature[11] = "PGCOPY\n\377\r\n";
    *c = (struct mb_copy){.ncolumns = ncolumns};
    mb_buf_init(&c->chunk, CHUNK_MOST);
    enum mb_rc rc = add_statement(&c->chunk, conn, table, columns, ncolumns);
    if (rc != MB_OK) {
        mb_buf_reset(&c->chunk);
        return mb_fail(err, rc, "copy: cannot build the statement");
    }
    PGresult *res = PQexec(conn, c->chunk.data);
    mb_buf_clear(&c->chunk);
    if (PQresultStatus(res) != PGRES_COPY_IN) {
        rc = mb_fault_take(err, res, "copy");
        mb_buf_reset(&c->chunk);
    } else {
        c->conn = conn;
        put(c, signature, sizeof signature);
        put_be(c, 0, 4); /* no flags */
        put_be(c, 0, 4); /* no extension of the header */
        begin_row(c);
    }
    PQclear(res);
    return rc;
}

void mb_copy_null(struct mb_copy *c)
{
    c->nfields++;
    put_be(c, UINT32_MAX, 4);
}

void mb_copy_text(struct mb_copy *c, struct mb_str text)
{
    begin_field(c, text.len);
    put(c, text.ptr, text.len);
}

void mb_copy_bool(struct mb_copy *c, bool v)
{
    begin_field(c, 1);
    put_be(c, v, 1);
}

void mb_copy_i32(struct mb_copy *c, int32_t v)
{
    begin_field(c, 4);
    put_be(c, (uint64_t)(int64_t)v, 4);
}

void mb_copy_instant(struct mb_copy *c, int64_t ms)
{
    begin_field(c, 8);
    put_be(c, (uint64_t)((ms - epoch_ms) * 1000), 8);
}

/* numeric: count of base-10000 digits, weight of the first, sign, decimals shown, the digits. */
void mb_copy_cents(struct mb_copy *c, int64_t cents)
{
    uint64_t rest = cents < 0 ? (uint64_t)0 - (uint64_t)cents : (uint64_t)cents;
    uint64_t digits[NUMERIC_DIGITS] = {[NUMERIC_DIGITS - 1] = rest % 100 * 100};
    rest /= 100;
    for (int i = NUMERIC_DIGITS - 2; i >= 0; i--) {
        digits[i] = rest % NUMERIC_BASE;
        rest /= NUMERIC_BASE;
    }
    int first = 0, end = NUMERIC_DIGITS;
    while (first < end && digits[first] == 0) first++;
    while (end > first && digits[end - 1] == 0) end--;
    int count = end - first;
    begin_field(c, (size_t)(8 + 2 * count));
    put_be(c, (uint64_t)count, 2);
    put_be(c, count > 0 ? (uint64_t)(NUMERIC_DIGITS - 2 - first) : 0, 2);
    put_be(c, cents < 0 ? 0x4000 : 0, 2);
    put_be(c, 2, 2);
    for (int i = first; i < end; i++) put_be(c, digits[i], 2);
}

enum mb_rc mb_copy_row(struct mb_copy *c, struct mb_err *err)
{
    if (c->is_full || c->nfields != c->ncolumns) {
        enum mb_rc rc = c->is_full ? MB_E_LIMIT : MB_E_INVALID;
        mb_fail(err, rc, "copy: row %llu has %d fields for %d columns, or is too long",
                (unsigned long long)c->rows + 1, c->nfields, c->ncolumns);
        mb_copy_abort(c);
        return rc;
    }
    c->rows++;
    enum mb_rc rc = c->chunk.len >= CHUNK ? send_chunk(c, err) : MB_OK;
    if (rc == MB_OK) begin_row(c);
    return rc;
}

/* Reads what the server says about the whole, and leaves the connection free. */
static enum mb_rc finish(struct mb_copy *c, struct mb_err *err)
{
    enum mb_rc rc = MB_OK;
    PGresult *res;
    while ((res = PQgetResult(c->conn)) != NULL) {
        if (PQresultStatus(res) != PGRES_COMMAND_OK && rc == MB_OK)
            rc = mb_fault_take(err, res, "copy");
        PQclear(res);
    }
    c->conn = NULL;
    mb_buf_reset(&c->chunk);
    return rc;
}

enum mb_rc mb_copy_end(struct mb_copy *c, struct mb_err *err)
{
    c->chunk.len = c->row_at; /* the row that was begun has no fields */
    put_be(c, UINT16_MAX, 2); /* the end of all rows */
    enum mb_rc rc = send_chunk(c, err);
    if (rc != MB_OK) return rc;
    if (PQputCopyEnd(c->conn, NULL) != 1) return lost(c, err);
    return finish(c, err);
}

void mb_copy_abort(struct mb_copy *c)
{
    if (!c->conn) return;
    /* On a broken connection this fails, which ends the COPY as well. */
    (void)PQputCopyEnd(c->conn, "given up");
    struct mb_err told; /* the server says that it was given up */
    (void)finish(c, &told);
}
