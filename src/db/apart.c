/* Synchronous, as the migration runner is: it runs in the same process of its own. */
#include "db/apart.h"

#include <libpq-fe.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "db/fault.h"

enum { MAX_SQL = 16384 };

const char mb_apart_end_sql[] = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                                " WHERE pid = $1::integer AND usename = $2";
const char mb_apart_watch_sql[] = "SELECT * FROM mb_watch_plugins($1::bigint, $2::integer)";

/* ---- running SQL ---- */

static enum mb_rc connect_as(PGconn **out, const char *url, const char *user, const char *password,
                             struct mb_err *err)
{
    const char *names[] = {"dbname",          "user", "password", "application_name",
                           "connect_timeout", NULL};
    const char *values[] = {url, user, password, "medbookd migrate", "10", NULL};
    *out = PQconnectdbParams(names, values, 1);
    if (PQstatus(*out) == CONNECTION_OK) return MB_OK;
    const char *why = PQerrorMessage(*out);
    return mb_fail(err, MB_E_DB_UNAVAILABLE, "%.*s", (int)strcspn(why, "\n"), why);
}

/* Replaces each {word} of the text: R and O are the two roles, the rest as below. */
static enum mb_rc fill(const struct mb_apart *a, const char *text, struct mb_buf *out,
                       struct mb_err *err)
{
    char owner[MB_APART_NAME + 1], password[2][MB_APART_PASSWORD];
    char connections[16], work_mem[16], temp_files[16];
    enum mb_rc rc = mb_apart_owner(a->name, owner, err);
    if (rc != MB_OK) return rc;
    mb_apart_password(a->secret, a->name, password[0]);
    mb_apart_password(a->secret, owner, password[1]);
    (void)snprintf(connections, sizeof connections, "%u", a->connections);
    (void)snprintf(work_mem, sizeof work_mem, "%u", a->work_mem_kb);
    (void)snprintf(temp_files, sizeof temp_files, "%u", a->temp_files_kb);
    const struct {
        const char *word, *value;
    } words[] = {{"{R}", a->name},
                 {"{O}", owner},
                 {"{P}", password[0]},
                 {"{Q}", password[1]},
                 {"{CONNECTIONS}", connections},
                 {"{WORK_MEM}", work_mem},
                 {"{TEMP_FILES}", temp_files}};
    for (const char *at = text; rc == MB_OK && *at != '\0';) {
        size_t i = 0, n = sizeof words / sizeof *words, plain = strcspn(at + 1, "{") + 1;
        while (i < n && strncmp(at, words[i].word, strlen(words[i].word)) != 0) i++;
        rc = i < n ? mb_buf_addz(out, words[i].value) : mb_buf_add(out, at, plain);
        at += i < n ? strlen(words[i].word) : plain;
    }
    if (rc == MB_OK) rc = mb_buf_add(out, "", 1);
    return rc == MB_OK ? rc : mb_fail(err, rc, "%.63s: out of memory", a->name);
}

/* Runs the statements of the text as one transaction; *out (may be NULL) is the last result. */
static enum mb_rc run(PGconn *conn, const struct mb_apart *a, const char *text, PGresult **out,
                      struct mb_err *err)
{
    struct mb_buf sql;
    mb_buf_init(&sql, MAX_SQL);
    enum mb_rc rc = fill(a, text, &sql, err);
    PGresult *res = rc == MB_OK ? PQexec(conn, sql.data) : NULL;
    ExecStatusType status = PQresultStatus(res);
    if (rc == MB_OK && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        rc = mb_fault_take(err, res, a->name);
    if (rc == MB_OK && out != NULL)
        *out = res;
    else
        PQclear(res);
    mb_buf_reset(&sql);
    return rc;
}

/* ---- roles and schema ---- */

enum mb_rc mb_apart_owner(const char *name, char out[MB_APART_NAME + 1], struct mb_err *err)
{
    if (snprintf(out, MB_APART_NAME + 1, "%s" MB_APART_OWNER, name) <= MB_APART_NAME) return MB_OK;
    return mb_fail(err, MB_E_CONFIG, "%.63s: the name is too long for tables of its own", name);
}

/*
 * A role that only may make roles must be a member of the new ones to give them a schema. What one role owned before
 * there were two is the owner's. The server is a member of the owner, to take rights from the other role and give them
 * back (mb_watch_plugins).
 */
static const char open_sql[] =
    "SET client_min_messages = warning;"
    "DO $do$ DECLARE r text; BEGIN FOREACH r IN ARRAY ARRAY['{O}', '{R}'] LOOP"
    " BEGIN EXECUTE format('CREATE ROLE %I', r);"
    " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;"
    "END LOOP; END $do$;"
    "ALTER ROLE \"{R}\" LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD '{P}'"
    " CONNECTION LIMIT {CONNECTIONS};"
    "ALTER ROLE \"{O}\" LOGIN NOINHERIT NOCREATEDB NOCREATEROLE PASSWORD '{Q}';"
    "ALTER ROLE \"{R}\" SET search_path = \"{R}\"; ALTER ROLE \"{R}\" SET timezone = 'UTC';"
    "ALTER ROLE \"{O}\" SET search_path = \"{R}\"; ALTER ROLE \"{O}\" SET timezone = 'UTC';"
    "DO $do$ BEGIN IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN"
    " GRANT \"{R}\", \"{O}\" TO CURRENT_USER; END IF; END $do$;"
    "GRANT \"{O}\" TO medbookd_app;"
    "CREATE SCHEMA IF NOT EXISTS \"{R}\" AUTHORIZATION \"{O}\";"
    "REASSIGN OWNED BY \"{R}\" TO \"{O}\";"
    "ALTER SCHEMA \"{R}\" OWNER TO \"{O}\";"
    "REVOKE ALL ON SCHEMA \"{R}\" FROM PUBLIC;"
    "REVOKE CREATE ON SCHEMA \"{R}\" FROM \"{R}\";"
    "DO $do$ DECLARE s text; BEGIN FOREACH s IN ARRAY ARRAY["
    "'ALTER ROLE \"{R}\" NOSUPERUSER NOREPLICATION NOBYPASSRLS',"
    "'ALTER ROLE \"{O}\" NOSUPERUSER NOREPLICATION NOBYPASSRLS',"
    "'ALTER ROLE \"{R}\" SET work_mem = {WORK_MEM}',"
    "'ALTER ROLE \"{R}\" SET temp_file_limit = {TEMP_FILES}',"
    "'ALTER ROLE \"{R}\" SET log_min_messages = fatal',"
    "'GRANT pg_signal_backend, pg_read_all_stats TO medbookd_app'] LOOP"
    " BEGIN EXECUTE s; EXCEPTION WHEN insufficient_privilege THEN NULL; END;"
    "END LOOP; END $do$";

enum mb_rc mb_apart_open(const struct mb_apart *a, struct mb_err *err)
{
    PGconn *conn;
    enum mb_rc rc = connect_as(&conn, a->url, NULL, NULL, err);
    if (rc == MB_OK) rc = run(conn, a, open_sql, NULL, err);
    PQfinish(conn);
    return rc;
}

static const char find_sql[] =
    "SELECT 'the function ' || oid::regprocedure || ' is SECURITY DEFINER' FROM pg_proc"
    " WHERE pronamespace = '\"{R}\"'::regnamespace AND prosecdef UNION ALL "
    "SELECT 'a rule of ' || ev_class::regclass FROM pg_rewrite JOIN pg_class c ON c.oid = ev_class"
    " WHERE relnamespace = '\"{R}\"'::regnamespace AND rulename <> '_RETURN' LIMIT 1";

static const char grant_sql[] =
    "GRANT USAGE ON SCHEMA \"{R}\" TO \"{R}\";"
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \"{R}\" TO \"{R}\";"
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA \"{R}\" TO \"{R}\";"
    "DO $do$ BEGIN IF to_regclass('\"{R}\".\"_medbookd_migrations\"') IS NOT NULL THEN"
    " REVOKE INSERT, UPDATE, DELETE ON \"{R}\".\"_medbookd_migrations\" FROM \"{R}\";"
    " END IF; END $do$";

static enum mb_rc admit(PGconn *conn, const struct mb_apart *a, struct mb_err *err)
{
    PGresult *found = NULL;
    enum mb_rc rc = run(conn, a, find_sql, &found, err);
    if (rc == MB_OK && PQntuples(found) == 0) {
        rc = run(conn, a, grant_sql, NULL, err);
    } else if (rc == MB_OK) {
        rc = run(conn, a, "REVOKE USAGE ON SCHEMA \"{R}\" FROM \"{R}\"", NULL, err);
        if (rc == MB_OK)
            rc = mb_fail(err, MB_E_CONFIG,
                         "%s: it would run with the rights of the owner; drop it in a migration",
                         PQgetvalue(found, 0, 0));
    }
    PQclear(found);
    return rc;
}

enum mb_rc mb_apart_close(const struct mb_apart *a, struct mb_err *err)
{
    PGconn *conn;
    enum mb_rc rc = connect_as(&conn, a->url, NULL, NULL, err);
    if (rc == MB_OK) rc = run(conn, a, "ALTER ROLE \"{O}\" NOLOGIN", NULL, err);
    if (rc == MB_OK) rc = admit(conn, a, err);
    PQfinish(conn);
    return rc;
}

/* ---- the database around them ---- */

/* Without a language nobody writes functions, which may hold any statement. Those that let go of a lock stay. */
static const char seal_sql[] =
    "DO $do$ DECLARE f regprocedure; ours text := 'medbookd_owner, medbookd_app, medbookd_report';"
    "BEGIN FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
    " AND (proname ~ '^(pg_(try_)?advisory_(xact_)?lock|lo_|pg_sleep)' OR proname IN"
    " ('loread', 'lowrite', 'set_config', 'pg_notify', 'pg_logical_emit_message'))"
    " AND has_function_privilege('public', oid, 'EXECUTE') LOOP"
    " EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);"
    " EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', f, ours); END LOOP;"
    "IF has_language_privilege('public', 'plpgsql', 'USAGE') THEN"
    " REVOKE USAGE ON LANGUAGE plpgsql, sql FROM PUBLIC;"
    " EXECUTE 'GRANT USAGE ON LANGUAGE plpgsql, sql TO ' || ours; END IF;"
    "IF has_database_privilege('public', current_database(), 'TEMPORARY') THEN"
    " EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());"
    " EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %s', current_database(), ours); END IF;"
    "END $do$";

enum mb_rc mb_apart_seal(const char *url, struct mb_err *err)
{
    PGconn *conn;
    enum mb_rc rc = connect_as(&conn, url, NULL, NULL, err);
    PGresult *res = rc == MB_OK ? PQexec(conn, seal_sql) : NULL;
    if (rc == MB_OK && PQresultStatus(res) != PGRES_COMMAND_OK)
        rc = mb_fault_take(err, res, "rights of PUBLIC");
    PQclear(res);
    PQfinish(conn);
    return rc;
}

static const char gaps_sql[] =
    "SELECT concat_ws(', ',"
    " CASE WHEN has_function_privilege('set_config(text,text,boolean)', 'EXECUTE')"
    "  THEN 'EXECUTE on set_config' END,"
    " CASE WHEN has_function_privilege('pg_advisory_lock(bigint)', 'EXECUTE')"
    "  THEN 'EXECUTE on pg_advisory_lock' END,"
    " CASE WHEN has_function_privilege('lo_from_bytea(oid,bytea)', 'EXECUTE')"
    "  THEN 'EXECUTE on lo_*' END,"
    " CASE WHEN has_function_privilege('pg_sleep(double precision)', 'EXECUTE')"
    "  THEN 'EXECUTE on pg_sleep' END,"
    " CASE WHEN has_language_privilege('plpgsql', 'USAGE') THEN 'USAGE on plpgsql' END,"
    " CASE WHEN has_language_privilege('sql', 'USAGE') THEN 'USAGE on sql' END,"
    " CASE WHEN has_database_privilege(current_database(), 'TEMPORARY') THEN 'TEMPORARY' END,"
    " CASE WHEN current_setting('temp_file_limit') = '-1' THEN 'no temp_file_limit' END,"
    " CASE WHEN current_setting('log_min_messages') <> 'fatal' THEN 'log_min_messages' END,"
    " CASE WHEN (SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user) < 0"
    "  THEN 'no CONNECTION LIMIT' END)";

static const char signal_sql[] = "SELECT CASE WHEN NOT pg_has_role('pg_signal_backend', 'USAGE')"
                                 " THEN 'the server is no member of pg_signal_backend' ELSE '' END";

/* Appends what the query answers to the list. */
static enum mb_rc add_gaps(const struct mb_apart *a, PGconn *conn, const char *sql,
                           struct mb_buf *out, struct mb_err *err)
{
    PGresult *found = NULL;
    enum mb_rc rc = run(conn, a, sql, &found, err);
    bool is_none = rc != MB_OK || PQgetvalue(found, 0, 0)[0] == '\0';
    if (!is_none && out->len > 0) rc = mb_buf_addz(out, ", ");
    if (!is_none && rc == MB_OK) rc = mb_buf_addz(out, PQgetvalue(found, 0, 0));
    PQclear(found);
    return rc;
}

enum mb_rc mb_apart_gaps(const struct mb_apart *a, const char *server_url, struct mb_buf *out,
                         struct mb_err *err)
{
    char password[MB_APART_PASSWORD];
    PGconn *conn;
    mb_apart_password(a->secret, a->name, password);
    enum mb_rc rc = connect_as(&conn, a->url, a->name, password, err);
    if (rc == MB_OK) rc = add_gaps(a, conn, gaps_sql, out, err);
    PQfinish(conn);
    if (rc != MB_OK) return rc;
    rc = connect_as(&conn, server_url, NULL, NULL, err);
    if (rc == MB_OK) rc = add_gaps(a, conn, signal_sql, out, err);
    PQfinish(conn);
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
