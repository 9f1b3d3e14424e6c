#include "app/sql_files.h"

#include <stdarg.h>
#include <stdlib.h>

#include "db/fault.h"

enum { FILE_MOST = 16 * 1024 * 1024 };

void mb_sql_files_say(const struct mb_sql_files *f, const char *fmt, ...)
{
    if (!f->progress) return;
    va_list args;
    va_start(args, fmt);
    (void)fprintf(f->progress, "%s: ", f->name);
    (void)vfprintf(f->progress, fmt, args);
    (void)fputc('\n', f->progress);
    (void)fflush(f->progress);
    va_end(args);
}

static void ignore_notice(void *ctx, const PGresult *res)
{
    (void)ctx;
    (void)res;
}

enum mb_rc mb_sql_files_open(struct mb_sql_files *f, const char *name, const char *database_url,
                             FILE *progress, struct mb_err *err)
{
    char application[64];
    static const char *const names[] = {"dbname", "application_name", NULL};
    const char *const values[] = {database_url, application, NULL};
    (void)snprintf(application, sizeof application, "medbookd %s", name);
    *f = (struct mb_sql_files){.name = name, .progress = progress};
    mb_buf_init(&f->text, FILE_MOST);
    f->conn = PQconnectdbParams(names, values, 1);
    if (!f->conn) return mb_fail(err, MB_E_NOMEM, "out of memory");
    if (PQstatus(f->conn) != CONNECTION_OK)
        return mb_fail(err, MB_E_DB_UNAVAILABLE, "%s: %s", name, PQerrorMessage(f->conn));
    PQsetNoticeReceiver(f->conn, ignore_notice, NULL);
    return MB_OK;
}

enum mb_rc mb_sql_files_run(struct mb_sql_files *f, const char *sql, const char *what, int *rows,
                            struct mb_err *err)
{
    PGresult *res = PQexec(f->conn, sql);
    ExecStatusType status = PQresultStatus(res);
    enum mb_rc rc = MB_OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
        rc = mb_fault_take(err, res, what);
    else if (rows != NULL)
        *rows = atoi(PQcmdTuples(res));
    PQclear(res);
    return rc;
}

enum mb_rc mb_sql_files_run_file(struct mb_sql_files *f, const struct mb_bundle_file *file,
                                 int *rows, struct mb_err *err)
{
    mb_buf_clear(&f->text);
    enum mb_rc rc = mb_buf_add(&f->text, file->text.ptr, file->text.len);
    if (rc == MB_OK) rc = mb_buf_add(&f->text, "", 1); /* with a NUL, as libpq wants it */
    if (rc != MB_OK) return mb_fail(err, rc, "%s: %s is too long", f->name, file->name);
    return mb_sql_files_run(f, f->text.data, file->name, rows, err);
}

void mb_sql_files_close(struct mb_sql_files *f)
{
    PQfinish(f->conn);
    mb_buf_reset(&f->text);
}
