/*
 * demo_cut (a row for each availability and service) -> slot kernel -> COPY. Every slot goes in as
 * if the calendar were empty; demo.c lets the database derive the status afterwards.
 */
#include "app/demo_slots.h"

#include <stdlib.h>

#include "app/tzdata.h"
#include "base/clock.h"
#include "base/id.h"
#include "db/copy.h"
#include "db/fault.h"
#include "kernel/slot.h"

enum { MOST_SLOTS = 2000 }; /* of one availability and service: more than a day of minutes */

/* The columns of demo_cut, as selected below. */
enum column {
    AVAILABILITY,
    SERVICE,
    CONFIG,
    PROVIDER,
    LOCATION,
    START,
    END,
    RULE,
    MINUTES,
    CENTS,
    ONLINE,
    IN_PERSON,
    ZONE
};
static const char query[] =
    "SELECT \"availabilityId\", \"serviceId\", \"serviceConfigId\", \"providerId\", \"locationId\","
    " \"startMs\", \"endMs\", \"schedulingRule\", \"duration\", \"cents\", \"isOnlineAvailable\","
    " \"isInPerson\", \"timeZone\" FROM demo_cut"
    " ORDER BY \"providerId\", \"startMs\", \"serviceConfigId\"";

struct job {
    const PGresult *rows;
    struct mb_copy copy;
    struct mb_tzdata zones;
    int64_t now_ms;
    struct mb_slot slots[MOST_SLOTS];
};

static struct mb_str cell(const struct job *j, int row, enum column column)
{
    return (struct mb_str){PQgetvalue(j->rows, row, (int)column),
                           (size_t)PQgetlength(j->rows, row, (int)column)};
}

static int64_t number(const struct job *j, int row, enum column column)
{
    return strtoll(cell(j, row, column).ptr, NULL, 10);
}

static bool is_true(const struct job *j, int row, enum column column)
{
    return cell(j, row, column).ptr[0] == 't';
}

static enum mb_rc begin(struct job *j, PGconn *conn, struct mb_err *err)
{
    static const char *const columns[] = {
        "id",         "availabilityId", "serviceId",         "serviceConfigId", "providerId",
        "locationId", "startTime",      "endTime",           "status",          "lastCalculated",
        "version",    "price",          "isOnlineAvailable", "isInPerson"};
    return mb_copy_begin(&j->copy, conn, "\"CalculatedAvailabilitySlot\"", columns,
                         (int)(sizeof columns / sizeof columns[0]), err);
}

static enum mb_rc write_slot(struct job *j, int row, const struct mb_slot *slot, struct mb_err *err)
{
    struct mb_copy *c = &j->copy;
    char id[MB_CUID_LEN + 1];
    mb_cuid(id);
    mb_copy_text(c, mb_str_z(id));
    mb_copy_text(c, cell(j, row, AVAILABILITY));
    mb_copy_text(c, cell(j, row, SERVICE));
    mb_copy_text(c, cell(j, row, CONFIG));
    mb_copy_text(c, cell(j, row, PROVIDER));
    if (PQgetisnull(j->rows, row, LOCATION))
        mb_copy_null(c);
    else
        mb_copy_text(c, cell(j, row, LOCATION));
    mb_copy_instant(c, slot->start);
    mb_copy_instant(c, slot->end);
    mb_copy_text(c, mb_str_z(mb_slot_status_word(slot->status)));
    mb_copy_instant(c, j->now_ms);
    mb_copy_i32(c, 1);
    mb_copy_cents(c, number(j, row, CENTS));
    mb_copy_bool(c, is_true(j, row, ONLINE));
    mb_copy_bool(c, is_true(j, row, IN_PERSON));
    return mb_copy_row(c, err);
}

static enum mb_rc cut_row(struct job *j, int row, struct mb_err *err)
{
    struct mb_slot_plan plan = {.start = number(j, row, START),
                                .end = number(j, row, END),
                                .minutes = (uint32_t)number(j, row, MINUTES)};
    if (!mb_slot_rule_find(cell(j, row, RULE), &plan.rule))
        return mb_fail(err, MB_E_INVALID, "unknown scheduling rule %s", cell(j, row, RULE).ptr);
    enum mb_rc rc = mb_tzdata_find(&j->zones, cell(j, row, ZONE).ptr, &plan.zone, err);
    size_t count = 0;
    if (rc == MB_OK) rc = mb_slot_cut(&plan, j->slots, MOST_SLOTS, &count, err);
    for (size_t i = 0; i < count && rc == MB_OK; i++) rc = write_slot(j, row, &j->slots[i], err);
    return rc;
}

static enum mb_rc cut_all(struct job *j, PGconn *conn, struct mb_err *err)
{
    enum mb_rc rc = begin(j, conn, err);
    if (rc != MB_OK) return rc;
    for (int row = 0; row < PQntuples(j->rows) && rc == MB_OK; row++) rc = cut_row(j, row, err);
    if (rc == MB_OK) return mb_copy_end(&j->copy, err);
    mb_copy_abort(&j->copy);
    return rc;
}

enum mb_rc mb_demo__cut(PGconn *conn, uint64_t *offers, uint64_t *slots, struct mb_err *err)
{
    PGresult *rows = PQexec(conn, query);
    struct job *job = calloc(1, sizeof *job);
    enum mb_rc rc = MB_OK;
    if (PQresultStatus(rows) != PGRES_TUPLES_OK) {
        rc = mb_fault_take(err, rows, "demo_cut");
    } else if (!job) {
        rc = mb_fail(err, MB_E_NOMEM, "out of memory");
    } else {
        job->rows = rows;
        job->now_ms = mb_wall_ms();
        rc = cut_all(job, conn, err);
        *offers = (uint64_t)PQntuples(rows);
        *slots = job->copy.rows;
        mb_tzdata_reset(&job->zones);
    }
    free(job);
    PQclear(rows);
    return rc;
}
