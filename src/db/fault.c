/*
 * SQLSTATE -> enum mb_rc. Knows results, not connections.
 */
#include "db/fault.h"

#include <stdio.h>

/* A state matches by its beginning; the first match counts. */
static const struct {
    const char *prefix;
    enum mb_rc rc;
} map[] = {
    {"23", MB_E_DB_CONSTRAINT},     /* integrity constraint, exclusion constraint */
    {"40003", MB_E_DB_LOST},        /* statement completion unknown */
    {"40", MB_E_DB_CONFLICT},       /* serialization failure, deadlock */
    {"55P03", MB_E_DB_CONFLICT},    /* lock_timeout */
    {"57014", MB_E_DB_TIMEOUT},     /* statement_timeout or a cancel */
    {"25P03", MB_E_DB_TIMEOUT},     /* idle_in_transaction_session_timeout */
    {"57P", MB_E_DB_LOST},          /* shutdown, crash of a sibling, start-up */
    {"08", MB_E_DB_LOST},           /* connection exceptions, also a pooler's */
    {"25006", MB_E_DB_UNAVAILABLE}, /* a read-only node was asked to write */
    {"53", MB_E_DB_UNAVAILABLE},    /* disk full, out of memory, too many connections */
    {"58030", MB_E_DB_UNAVAILABLE}, /* input/output error of the server */
};

enum mb_rc mb_fault_rc(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
        if (strncmp(sqlstate, map[i].prefix, strlen(map[i].prefix)) == 0) return map[i].rc;
    return MB_E_DB;
}

enum mb_rc mb_fault_take(struct mb_err *err, const PGresult *res, const char *statement)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *constraint = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    enum mb_rc rc = state != NULL ? mb_fault_rc(state) : MB_E_DB_LOST;
    mb_fail(err, rc, "%s: %s", statement, text != NULL ? text : mb_rc_text(rc));
    snprintf(err->sqlstate, sizeof err->sqlstate, "%s", state != NULL ? state : "");
    snprintf(err->constraint, sizeof err->constraint, "%s", constraint != NULL ? constraint : "");
    return rc;
}

bool mb_fault_refuses_writes(const struct mb_err *err)
{
    static const char *const states[] = {"53100", "58030", "25006"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(err->sqlstate, states[i]) == 0) return true;
    return false;
}

bool mb_fault_is_stale_plan(const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    if (state == NULL) return false;
    if (strcmp(state, "26000") == 0 || strcmp(state, "42P05") == 0) return true;
    /* "cached plan must not change result type" shares 0A000 with every unsupported feature and
     * its text is translated, but the place in the server's source that raises it is not. */
    const char *source = PQresultErrorField(res, PG_DIAG_SOURCE_FUNCTION);
    return strcmp(state, "0A000") == 0 && source != NULL &&
           strcmp(source, "RevalidateCachedQuery") == 0;
}
