/*
 * Loading the demo clinic: connection, transaction, data files, passwords, slots. What the clinic
 * is stands in the files; this must not know a name of it.
 */
#include "app/demo.h"

#include <stdlib.h>

#include "app/demo_slots.h"
#include "app/sql_files.h"
#include "bind/argon2.h"
#include "db/fault.h"

/* Two loads at once would wait for each other's rows. */
static enum mb_rc begin(struct mb_sql_files *d, struct mb_err *err)
{
    static const char sql[] = "BEGIN; SET LOCAL timezone = 'UTC';"
                              "LOCK TABLE \"ProviderType\" IN SHARE ROW EXCLUSIVE MODE";
    return mb_sql_files_run(d, sql, "begin", NULL, err);
}

static enum mb_rc set_password(struct mb_sql_files *d, const char *password, int *changed,
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
static enum mb_rc set_passwords(struct mb_sql_files *d, struct mb_err *err)
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
    if (rc == MB_OK) mb_sql_files_say(d, "%d logins", changed);
    return rc;
}

/* What calendars and bookings of these providers make of the new slots; 90_horizon.sql holds their
 * agendas. */
static enum mb_rc refresh(struct mb_sql_files *d, struct mb_err *err)
{
    static const char sql[] =
        "SELECT mb_refresh(\"providerId\", min(\"startTime\"), max(\"endTime\"))"
        " FROM \"CalculatedAvailabilitySlot\" WHERE \"availabilityId\" IN"
        " (SELECT \"availabilityId\" FROM demo_cut) GROUP BY \"providerId\"";
    return mb_sql_files_run(d, sql, "refresh", NULL, err);
}

static enum mb_rc cut_slots(struct mb_sql_files *d, struct mb_err *err)
{
    uint64_t offers = 0, slots = 0;
    enum mb_rc rc = mb_demo__cut(d->conn, &offers, &slots, err);
    if (rc != MB_OK) return rc;
    if (offers == 0) {
        mb_sql_files_say(d, "all thirty days are there already");
        return MB_OK;
    }
    mb_sql_files_say(d, "%llu slots cut from %llu offers of time and service", (unsigned long long)slots,
        (unsigned long long)offers);
    return refresh(d, err);
}

static enum mb_rc run(struct mb_sql_files *d, const struct mb_bundle *files, struct mb_err *err)
{
    enum mb_rc rc = MB_OK;
    for (size_t i = 0; i < files->count && rc == MB_OK; i++) {
        mb_sql_files_say(d, "%s", files->files[i].name);
        rc = mb_sql_files_run_file(d, &files->files[i], NULL, err);
    }
    return rc;
}

static enum mb_rc load(struct mb_sql_files *d, const struct mb_bundle *reference,
                       const struct mb_bundle *files, struct mb_err *err)
{
    enum mb_rc rc = begin(d, err);
    if (rc == MB_OK) rc = run(d, reference, err);
    if (rc == MB_OK) rc = run(d, files, err);
    if (rc == MB_OK) rc = set_passwords(d, err);
    if (rc == MB_OK) rc = cut_slots(d, err);
    return rc == MB_OK ? mb_sql_files_run(d, "COMMIT", "commit", NULL, err) : rc;
}

enum mb_rc mb_demo_load(const char *database_url, const struct mb_bundle *reference,
                        const struct mb_bundle *files, FILE *progress, struct mb_err *err)
{
    struct mb_sql_files d;
    if (files->count == 0) return mb_fail(err, MB_E_INVALID, "demo: there are no data files");
    if (sodium_init() < 0) return mb_fail(err, MB_E_IO, "demo: cannot set up cryptography");
    enum mb_rc rc = mb_sql_files_open(&d, "demo", database_url, progress, err);
    if (rc == MB_OK) rc = load(&d, reference, files, err);
    mb_sql_files_close(&d);
    return rc;
}
