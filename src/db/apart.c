/* Synchronous, as the migration runner is: it runs in the same process of its own. */
#include "db/apart.h"

#include <libpq-fe.h>
#include <sodium.h>

#include "db/fault.h"

enum { MAX_SQL = 8192 };

/*
 * A role that only may make roles must be a member of the
 * new one to give it a schema. The role's session knows no other schema, and is in UTC.
 */
static const char make_sql[] =
    "DO $do$ BEGIN CREATE ROLE \"%s\"; EXCEPTION WHEN duplicate_object OR unique_violation THEN "
    "NULL; "
    "END $do$;"
    "ALTER ROLE \"%s\" LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION "
    "PASSWORD '%s';"
    "ALTER ROLE \"%s\" SET search_path = \"%s\";"
    "ALTER ROLE \"%s\" SET timezone = 'UTC';"
    "DO $do$ BEGIN IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN"
    " GRANT \"%s\" TO CURRENT_USER; END IF; END $do$;"
    "CREATE SCHEMA IF NOT EXISTS \"%s\" AUTHORIZATION \"%s\";"
    "REVOKE ALL ON SCHEMA \"%s\" FROM PUBLIC";

/* That the schema is there already. libpq itself would write it to standard error. */
static void ignore_notice(void *ctx, const PGresult *res)
{
    (void)ctx;
    (void)res;
}

enum mb_rc mb_apart_make(const char *url, const char *name, const char *password,
                         struct mb_err *err)
{
    const char *names[] = {"dbname", "application_name", NULL};
    const char *values[] = {url, "medbookd migrate", NULL};
    struct mb_buf sql;
    PGconn *conn = PQconnectdbParams(names, values, 1);
    (void)PQsetNoticeReceiver(conn, ignore_notice, NULL);
    mb_buf_init(&sql, MAX_SQL);
    enum mb_rc rc =
        mb_buf_addf(&sql, make_sql, name, name, password, name, name, name, name, name, name, name);
    if (rc == MB_OK) rc = mb_buf_add(&sql, "", 1);
    if (rc != MB_OK) mb_fail(err, rc, "%.63s: the name is too long", name);
    if (rc == MB_OK && PQstatus(conn) != CONNECTION_OK)
        rc = mb_fail(err, MB_E_DB_UNAVAILABLE, "%s", PQerrorMessage(conn));
    PGresult *res = rc == MB_OK ? PQexec(conn, sql.data) : NULL;
    if (rc == MB_OK && PQresultStatus(res) != PGRES_COMMAND_OK) rc = mb_fault_take(err, res, name);
    PQclear(res);
    PQfinish(conn);
    mb_buf_reset(&sql);
    return rc;
}

void mb_apart_password(const unsigned char secret[32], const char *name,
                       char out[MB_APART_PASSWORD])
{
    static const char purpose[] = "the password of a database role: ";
    crypto_auth_hmacsha256_state state;
    unsigned char digest[crypto_auth_hmacsha256_BYTES];
    (void)crypto_auth_hmacsha256_init(&state, secret, 32);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)purpose, sizeof purpose - 1);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)name, strlen(name));
    (void)crypto_auth_hmacsha256_final(&state, digest);
    (void)sodium_bin2hex(out, MB_APART_PASSWORD, digest, sizeof digest);
}
