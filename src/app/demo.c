/*
 * Loading the demo clinic: connection, transaction, data files, passwords, slots. What the clinic
 * is stands in the files; this must not know a name of it.
 */
#include "app/demo.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdlib.h>

#include "app/demo_slots.h"
#include "bind/argon2.h"
#include "db/fault.h"

enum { FILE_MOST = 16 * 1024 * 1024 };

struct demo {
    PGconn *conn;
    FILE *progress;
    struct mb_buf text; /* a file's text with a NUL, as libpq wants it */
};

__attribute__((format(printf, 2, 3))) static void say(const struct demo *d, const char *fmt, ...)
{
    if (!d->progress) return;
    va_list args;
    va_start(args, fmt);
    (void)fputs("demo: ", d->progress);
    (void)vfprintf(d->progress, fmt, args);
    (void)fputc('\n', d->progress);
    (void)fflush(d->progress);
    va_end(args);
}

static void ignore_notice(void *ctx, const PGresult *res)
{
    (void)ctx;
    (void)res;
}

static enum mb_rc open_connection(struct demo *d, const char *url, struct mb_err *err)
{
    static const char *const names[] = {"dbname", "application_name", NULL};
    const char *const values[] = {url, "medbookd demo", NULL};
    d->conn = PQconnectdbParams(names, values, 1);
    if (!d->conn) return mb_fail(err, MB_E_NOMEM, "out of memory");
    if (PQstatus(d->conn) != CONNECTION_OK)
        return mb_fail(err, MB_E_DB_UNAVAILABLE, "demo: %s", PQerrorMessage(d->conn));
    PQsetNoticeReceiver(d->conn, ignore_notice, NULL);
    return MB_OK;
}

/* One or more statements; what names them is for errors. */
static enum mb_rc run(struct demo *d, const char *sql, const char *what, struct mb_err *err)
{
    PGresult *res = PQexec(d->conn, sql);
    ExecStatusType status = PQresultStatus(res);
    enum mb_rc rc = MB_OK;
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
        rc = mb_fault_take(err, res, what);
    PQclear(res);
    return rc;
}

static enum mb_rc run_file(struct demo *d, const struct mb_bundle_file *file, struct mb_err *err)
{
    mb_buf_clear(&d->text);
    enum mb_rc rc = mb_buf_add(&d->text, file->text.ptr, file->text.len);
    if (rc == MB_OK) rc = mb_buf_add(&d->text, "", 1);
    if (rc != MB_OK) return mb_fail(err, rc, "demo: %s is too long", file->name);
    say(d, "%s", file->name);
    return run(d, d->text.data, file->name, err);
}

/* Two loads at once would wait for each other's rows. */
static enum mb_rc begin(struct demo *d, struct mb_err *err)
{
    static const char sql[] = "BEGIN; SET LOCAL timezone = 'UTC';"
                              "LOCK TABLE \"ProviderType\" IN SHARE ROW EXCLUSIVE MODE";
    return run(d, sql, "begin", err);
}

static enum mb_rc set_password(struct demo *d, const char *password, int *changed,
                               struct mb_err *err)
{
    static const char sql[] =
        "UPDATE \"User\" SET \"password\" = $1 FROM demo_login WHERE \"id\" = \"userId\""
        " AND \"User\".\"password\" IS NULL AND demo_login.\"password\" = $2";
    char hash[MB_ARGON2_TEXT];
    if (!mb_argon2_hash(hash, password, strlen(password)))
        return mb_fail(err, MB_E_NOMEM, "demo: no memory to hash a password");
    const char *const values[] = {hash, password};
    PGresult *res = PQexecParams(d->conn, sql, 2, NULL, values, NULL, NULL, 0);
    enum mb_rc rc = MB_OK;
    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        rc = mb_fault_take(err, res, "demo_login");
    else
        *changed += atoi(PQcmdTuples(res));
    PQclear(res);
    return rc;
}

/* Users that have a password keep it; hashing is slow on purpose, so it is done once for each. */
static enum mb_rc set_passwords(struct demo *d, struct mb_err *err)
{
    static const char sql[] = "SELECT DISTINCT demo_login.\"password\" FROM demo_login JOIN "
                              "\"User\" ON \"id\" = \"userId\""
                              " WHERE \"User\".\"password\" IS NULL";
    PGresult *res = PQexec(d->conn, sql);
    int changed = 0;
    enum mb_rc rc = MB_OK;
    if (PQresultStatus(res) != PGRES_TUPLES_OK) rc = mb_fault_take(err, res, "demo_login");
    for (int i = 0; rc == MB_OK && i < PQntuples(res); i++)
        rc = set_password(d, PQgetvalue(res, i, 0), &changed, err);
    PQclear(res);
    if (rc == MB_OK) say(d, "%d logins", changed);
    return rc;
}

/* What calendars and bookings of these providers make of the new slots; 90_horizon.sql holds their
 * agendas. */
static enum mb_rc refresh(struct demo *d, struct mb_err *err)
{
    static const char sql[] =
        "SELECT mb_refresh(\"providerId\", min(\"startTime\"), max(\"endTime\"))"
        " FROM \"CalculatedAvailabilitySlot\" WHERE \"availabilityId\" IN"
        " (SELECT \"availabilityId\" FROM demo_cut) GROUP BY \"providerId\"";
    return run(d, sql, "refresh", err);
}

static enum mb_rc cut_slots(struct demo *d, struct mb_err *err)
{
    uint64_t offers = 0, slots = 0;
    enum mb_rc rc = mb_demo__cut(d->conn, &offers, &slots, err);
    if (rc != MB_OK) return rc;
    if (offers == 0) {
        say(d, "all thirty days are there already");
        return MB_OK;
    }
    say(d, "%llu slots cut from %llu offers of time and service", (unsigned long long)slots,
        (unsigned long long)offers);
    return refresh(d, err);
}

static enum mb_rc load(struct demo *d, const struct mb_bundle *files, struct mb_err *err)
{
    enum mb_rc rc = begin(d, err);
    for (size_t i = 0; i < files->count && rc == MB_OK; i++)
        rc = run_file(d, &files->files[i], err);
    if (rc == MB_OK) rc = set_passwords(d, err);
    if (rc == MB_OK) rc = cut_slots(d, err);
    return rc == MB_OK ? run(d, "COMMIT", "commit", err) : rc;
}

enum mb_rc mb_demo_load(const char *database_url, const struct mb_bundle *files, FILE *progress,
                        struct mb_err *err)
{
    struct demo d = {.progress = progress};
    mb_buf_init(&d.text, FILE_MOST);
    if (files->count == 0) return mb_fail(err, MB_E_INVALID, "demo: there are no data files");
    if (sodium_init() < 0) return mb_fail(err, MB_E_IO, "demo: cannot set up cryptography");
    enum mb_rc rc = open_connection(&d, database_url, err);
    if (rc == MB_OK) rc = load(&d, files, err);
    PQfinish(d.conn); /* rolls back what is not committed */
    mb_buf_reset(&d.text);
    return rc;
}
