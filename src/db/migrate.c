/*
 * The runner: compares the files with the ledger, refuses what does not fit, takes the steps.
 */
#include "db/migrate.h"

#include <inttypes.h>

#include "db/step.h"
#include "db/turn.h"

struct run {
    const struct mb_migrate_plan *plan;
    struct mb_catalog files;
    struct mb_ledger ledger;
    struct mb_turn turn;
};

enum mb_rc mb_migrate_check(const struct mb_migrate_plan *p, struct mb_err *err)
{
    struct mb_catalog files;
    enum mb_rc rc = mb_catalog_init(&files, p, err);
    mb_catalog_reset(&files);
    return rc;
}

static void close_run(struct run *r)
{
    mb_ledger_close(&r->ledger);
    mb_turn_give(&r->turn);
    mb_catalog_reset(&r->files);
}

static enum mb_rc open_run(struct run *r, const struct mb_migrate_plan *p, struct mb_err *err)
{
    *r = (struct run){.plan = p};
    enum mb_rc rc = mb_catalog_init(&r->files, p, err);
    if (rc == MB_OK) rc = mb_ledger_open(&r->ledger, p, err);
    if (rc != MB_OK) close_run(r);
    return rc;
}

/* As open_run, and alone: in its turn, with the ledger's table there and read. */
static enum mb_rc open_alone(struct run *r, const struct mb_migrate_plan *p, struct mb_err *err)
{
    enum mb_rc rc = open_run(r, p, err);
    if (rc != MB_OK) return rc;
    rc = mb_ledger_make(&r->ledger, err);
    if (rc == MB_OK && !p->has_turn)
        rc = mb_turn_take(&r->turn, p->url, p->lock_wait_ms, p->progress, err);
    if (rc == MB_OK) rc = mb_ledger_read(&r->ledger, err);
    if (rc != MB_OK) close_run(r);
    return rc;
}

static bool is_applied(const struct mb_ledger_row *row)
{
    return row != NULL && row->state == MB_LEDGER_APPLIED;
}

static bool is_current(const struct mb_ledger_row *row, const struct mb_migration *m)
{
    return is_applied(row) && strcmp(row->sha256, m->sha256) == 0;
}

static enum mb_rc check_row(const struct run *r, const struct mb_ledger_row *row,
                            struct mb_err *err)
{
    if (row->version > (int)r->files.nversions)
        return mb_fail(err, MB_E_CONFIG,
                       "the database is newer than this program: it has %s, "
                       "the newest here is %04zu",
                       row->name, r->files.nversions);
    const struct mb_migration *m = &r->files.list[row->version - 1];
    if (strcmp(m->name, row->name) != 0)
        return mb_fail(err, MB_E_CONFIG, "the database has %s where the file is %s", row->name,
                       m->name);
    if (strcmp(m->sha256, row->sha256) != 0)
        return mb_fail(err, MB_E_CONFIG,
                       "%s was changed after it was applied: sha256 %s in the "
                       "database, %s in the file",
                       row->name, row->sha256, m->sha256);
    return MB_OK;
}

/* Nothing applied was changed, renamed or removed, and nothing is missing below what is there.
 * Repeatable files may change and go. */
static enum mb_rc check_history(const struct run *r, struct mb_err *err)
{
    int due = 1;
    for (size_t i = 0; i < r->ledger.n && r->ledger.rows[i].version > 0; i++, due++) {
        const struct mb_ledger_row *row = &r->ledger.rows[i];
        enum mb_rc rc = check_row(r, row, err);
        if (rc != MB_OK) return rc;
        if (row->version != due)
            return mb_fail(err, MB_E_CONFIG, "%s was never applied, but %s was",
                           r->files.list[due - 1].name, row->name);
    }
    return MB_OK;
}

static void tell(const struct run *r, const char *done, const struct mb_migration *m,
                 const struct mb_step_cost *cost)
{
    char waited[64] = "";
    if (r->plan->progress == NULL) return;
    if (cost->lock_wait_ms > 0)
        (void)snprintf(waited, sizeof waited, ", after waiting %" PRId64 " ms for locks",
                       cost->lock_wait_ms);
    r->plan->progress("%s %s in %" PRId64 " ms%s", done, m->name, cost->duration_ms, waited);
}

static struct mb_step_limits limits_of(const struct mb_migrate_plan *p)
{
    return (struct mb_step_limits){p->lock_timeout_ms, p->lock_wait_ms};
}

/* Applies the files from..to that the ledger does not have as they are. */
static enum mb_rc apply(struct run *r, size_t from, size_t to, struct mb_err *err)
{
    struct mb_step_limits limits = limits_of(r->plan);
    enum mb_rc rc = MB_OK;
    for (size_t i = from; i < to; i++) {
        const struct mb_migration *m = &r->files.list[i];
        struct mb_step_cost cost;
        if (is_current(mb_ledger_find(&r->ledger, m), m)) continue;
        rc = mb_step_up(&r->ledger, m, &limits, &cost, err);
        if (rc != MB_OK) break;
        tell(r, "applied", m, &cost);
        if (r->plan->applied != NULL) r->plan->applied(r->plan->applied_ctx, m->name);
    }
    return rc;
}

/* A step down that was cut off is completed before anything goes up. */
static enum mb_rc finish_reverting(struct run *r, struct mb_err *err)
{
    struct mb_step_limits limits = limits_of(r->plan);
    enum mb_rc rc = MB_OK;
    for (size_t i = r->files.nversions; i-- > 0 && rc == MB_OK;) {
        const struct mb_migration *m = &r->files.list[i];
        const struct mb_ledger_row *row = mb_ledger_find(&r->ledger, m);
        struct mb_step_cost cost;
        if (row == NULL || row->state != MB_LEDGER_REVERTING) continue;
        rc = mb_step_down(&r->ledger, m, &limits, &cost, err);
        if (rc == MB_OK) rc = mb_ledger_read(&r->ledger, err);
    }
    return rc;
}

enum mb_rc mb_migrate_up(const struct mb_migrate_plan *p, int to, struct mb_err *err)
{
    struct run r;
    enum mb_rc rc = open_alone(&r, p, err);
    if (rc != MB_OK) return rc;
    size_t last = to < 0 ? r.files.nversions : (size_t)to;
    rc = check_history(&r, err);
    if (rc == MB_OK && last > r.files.nversions)
        rc = mb_fail(err, MB_E_INVALID, "there is no migration %04d", to);
    if (rc == MB_OK) rc = finish_reverting(&r, err);
    if (rc == MB_OK) rc = apply(&r, 0, last, err);
    if (rc == MB_OK && last == r.files.nversions) /* they may need what the newest one made */
        rc = apply(&r, r.files.nversions, r.files.n, err);
    close_run(&r);
    return rc;
}

/* Their objects may have gone with a numbered migration: the next up runs them again. */
static enum mb_rc forget_repeatables(struct run *r, struct mb_err *err)
{
    enum mb_rc rc = MB_OK;
    for (size_t i = r->files.nversions; i < r->files.n && rc == MB_OK; i++)
        rc = mb_ledger_write(&r->ledger, &r->files.list[i], MB_LEDGER_NONE, 0, 0, err);
    return rc;
}

static enum mb_rc revert(struct run *r, int to, struct mb_err *err)
{
    struct mb_step_limits limits = limits_of(r->plan);
    enum mb_rc rc = forget_repeatables(r, err);
    for (size_t i = r->files.nversions; i-- > (size_t)to && rc == MB_OK;) {
        const struct mb_migration *m = &r->files.list[i];
        struct mb_step_cost cost;
        if (mb_ledger_find(&r->ledger, m) == NULL) continue;
        rc = mb_step_down(&r->ledger, m, &limits, &cost, err);
        if (rc == MB_OK) tell(r, "reverted", m, &cost);
    }
    return rc;
}

enum mb_rc mb_migrate_down(const struct mb_migrate_plan *p, int to, struct mb_err *err)
{
    struct run r;
    enum mb_rc rc = open_alone(&r, p, err);
    if (rc != MB_OK) return rc;
    rc = check_history(&r, err);
    if (rc == MB_OK && to < 0) {
        int newest = 0;
        for (size_t i = 0; i < r.ledger.n; i++)
            newest = r.ledger.rows[i].version > newest ? r.ledger.rows[i].version : newest;
        to = newest > 0 ? newest - 1 : 0;
    }
    if (rc == MB_OK) rc = revert(&r, to, err);
    close_run(&r);
    return rc;
}

enum mb_rc mb_migrate_verify(const struct mb_migrate_plan *p, struct mb_err *err)
{
    struct run r;
    enum mb_rc rc = open_run(&r, p, err);
    if (rc != MB_OK) return rc;
    rc = mb_ledger_read(&r.ledger, err);
    if (rc == MB_OK) rc = check_history(&r, err);
    size_t missing = 0;
    const char *first = "";
    for (size_t i = r.files.n; rc == MB_OK && i-- > 0;) {
        const struct mb_migration *m = &r.files.list[i];
        if (is_current(mb_ledger_find(&r.ledger, m), m)) continue;
        first = m->name;
        missing++;
    }
    if (missing > 0)
        rc = mb_fail(err, MB_E_CONFIG, "the database lacks %zu migration%s, from %s on", missing,
                     missing == 1 ? "" : "s", first);
    close_run(&r);
    return rc;
}

static const char *state_of(const struct mb_ledger_row *row, const struct mb_migration *m)
{
    if (row == NULL) return "pending";
    if (row->state != MB_LEDGER_APPLIED) return "interrupted";
    if (m == NULL) return "unknown here";
    if (strcmp(row->name, m->name) != 0) return "renamed";
    return strcmp(row->sha256, m->sha256) == 0 ? "applied" : "changed";
}

static void print_line(FILE *out, const struct mb_ledger_row *row, const struct mb_migration *m)
{
    fprintf(out, "%-44s %-13s", m != NULL ? m->name : row->name, state_of(row, m));
    if (is_applied(row))
        fprintf(out, " %-20s %8" PRId64 " ms %8" PRId64 " ms", row->applied_at, row->duration_ms,
                row->lock_wait_ms);
    fputc('\n', out);
}

/* Rows that have no file here. */
static bool is_foreign(const struct run *r, const struct mb_ledger_row *row)
{
    if (row->version > 0) return row->version > (int)r->files.nversions;
    for (size_t i = r->files.nversions; i < r->files.n; i++)
        if (strcmp(r->files.list[i].name, row->name) == 0) return false;
    return true;
}

enum mb_rc mb_migrate_status(const struct mb_migrate_plan *p, FILE *out, size_t *pending,
                             struct mb_err *err)
{
    struct run r;
    enum mb_rc rc = open_run(&r, p, err);
    if (rc != MB_OK) return rc;
    *pending = 0;
    rc = mb_ledger_read(&r.ledger, err);
    if (rc == MB_OK)
        fprintf(out, "%-44s %-13s %-20s %11s %11s\n", "migration", "state", "applied (UTC)",
                "duration", "lock wait");
    for (size_t i = 0; rc == MB_OK && i < r.files.n; i++) {
        const struct mb_migration *m = &r.files.list[i];
        const struct mb_ledger_row *row = mb_ledger_find(&r.ledger, m);
        *pending += !is_current(row, m);
        print_line(out, row, m);
    }
    for (size_t i = 0; rc == MB_OK && i < r.ledger.n; i++)
        if (is_foreign(&r, &r.ledger.rows[i])) print_line(out, &r.ledger.rows[i], NULL);
    close_run(&r);
    return rc;
}
