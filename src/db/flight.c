/*
 * Statements out, results in. Every op is a flight of its own: a few messages (BEGIN, PREPARE,
 * the statement) and one Sync, so that an error ends at the op that made it. libpq hands the
 * results back in order: for each message one result and a NULL, then PGRES_PIPELINE_SYNC.
 */
#include "db/link.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "db/fault.h"
#include "db/frame.h"
#include "db/pool.h"
#include "db/tx.h"

enum { SURPLUS_MAX = 3 };

static bool send_text(struct mb_link *l, struct mb_op *op, const char *sql, enum mb_op_step step)
{
    op->steps[op->nsteps++] = (unsigned char)step;
    return PQsendQueryParams(l->conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

/* PREPARE takes one query (SELECT, VALUES, INSERT, UPDATE, DELETE, MERGE) and nothing else, as PostgreSQL reads the
 * text: that is what bounds a foreign statement. Parse, which sends it, takes no second one. */
static bool send_prepare(struct mb_link *l, struct mb_op *op, const char *name)
{
    op->steps[op->nsteps++] = MB_STEP_PREPARE;
    if (!l->db->config.is_foreign) return PQsendPrepare(l->conn, name, op->stmt->sql, 0, NULL) == 1;
    size_t size = strlen(op->stmt->sql) + strlen(name) + sizeof "PREPARE  AS\n";
    char *sql = malloc(size);
    if (sql == NULL) return false;
    (void)snprintf(sql, size, "PREPARE %s AS\n%s", name, op->stmt->sql);
    bool is_sent = PQsendQueryParams(l->conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
    free(sql);
    return is_sent;
}

/* Prepares it in the same flight when this connection has not done so yet. */
static bool send_cached(struct mb_link *l, struct mb_op *op)
{
    char gone[32], sql[64];
    struct mb_cached *place = mb_cache_find(&l->cache, op->stmt);
    op->used_cached = place != NULL;
    if (place == NULL) {
        if ((place = mb_cache_add(&l->cache, op->stmt, gone)) == NULL) return false;
        if (gone[0] != '\0') {
            snprintf(sql, sizeof sql, "DEALLOCATE %s", gone);
            if (!send_text(l, op, sql, MB_STEP_ASIDE)) return false;
        }
        mb_db__count(&l->db->stats->prepares, 1);
        if (!send_prepare(l, op, place->name)) return false;
    }
    op->steps[op->nsteps++] = MB_STEP_MAIN;
    return PQsendQueryPrepared(l->conn, place->name, op->nparams, op->values, NULL, NULL, 0) == 1;
}

static bool send_main(struct mb_link *l, struct mb_op *op)
{
    if (op->stmt == NULL) return send_text(l, op, op->sql, MB_STEP_MAIN);
    if (l->cache.capacity > 0) return send_cached(l, op);
    if (l->db->config.is_foreign && !send_prepare(l, op, "mb_judged")) return false;
    op->steps[op->nsteps++] = MB_STEP_MAIN;
    return PQsendQueryParams(l->conn, op->stmt->sql, op->nparams, NULL, op->values, NULL, NULL,
                             0) == 1;
}

static bool send_steps(struct mb_link *l, struct mb_op *op)
{
    const struct mb_frame frame = mb_frame__of(l, op);
    for (size_t i = 0; i < sizeof frame.before / sizeof *frame.before; i++)
        if (frame.before[i] != NULL && !send_text(l, op, frame.before[i], MB_STEP_ASIDE))
            return false;
    mb_frame__sent(l, op);
    if (!send_main(l, op)) return false;
    for (size_t i = 0; i < sizeof frame.after / sizeof *frame.after; i++)
        if (frame.after[i] != NULL && !send_text(l, op, frame.after[i], MB_STEP_ASIDE))
            return false;
    return true;
}

uint64_t mb_link__overdue_ns(const struct mb_link *l)
{
    const struct mb_db_config *c = &l->db->config;
    if (l->state != MB_LINK_UP || l->nflight == 0) return UINT64_MAX;
    return l->head_ns + ((uint64_t)c->statement_timeout + c->cancel_timeout) * 1000000u;
}

static void begin_head(struct mb_link *l)
{
    l->head_ns = mb_mono_ns();
    mb_pool__arm(l->db, mb_link__overdue_ns(l));
}

void mb_link__send(struct mb_link *l, struct mb_op *op)
{
    op->nsteps = op->step = 0;
    op->synced = op->used_cached = op->stale_plan = false;
    op->bytes = op->arrived = 0;
    op->over = NULL;
    op->link = l;
    op->state = MB_OP_FLYING;
    op->since_ns = mb_mono_ns();
    l->used_ns = op->since_ns;
    l->alone = op->kind != MB_OP_READ || l->db->config.is_rehearsal;
    l->nflight++;
    mb_list_append(&l->flight, &op->node);
    if (l->nflight == 1) begin_head(l);
    mb_pool__mark(l);
    if (op->kind != MB_OP_HOUSE) {
        mb_db__count(&l->db->stats->queries, 1);
        mb_pool__arm(l->db, op->deadline_ns);
    }
    if (!send_steps(l, op)) {
        mb_link__close(l, PQerrorMessage(l->conn));
        return;
    }
    op->synced = true;
    if (PQpipelineSync(l->conn) != 1)
        mb_link__close(l, PQerrorMessage(l->conn));
    else
        mb_link__flush(l);
}

static bool is_read_only(const struct mb_link *l, const struct mb_op *op)
{
    bool is_tried = l->db->config.is_foreign && op->stmt != NULL && !atomic_load(&op->stmt->writes);
    return l->db->config.is_read_only || is_tried || (op->tx != NULL && op->tx->is_read_only);
}

static void note_error(struct mb_link *l, struct mb_op *op, const PGresult *res)
{
    unsigned char step = op->step < op->nsteps ? op->steps[op->step] : MB_STEP_ASIDE;
    if (op->err.rc != MB_OK) return;
    mb_fault_take(&op->err, res, mb_op__name(op));
    if (mb_fault_refuses_writes(&op->err) && !is_read_only(l, op))
        mb_db__count(&l->db->stats->refused_writes, 1);
    PQclear(op->res); /* what came before is no result: COMMIT may be what failed */
    op->res = NULL;
    if (op->stmt == NULL || l->cache.capacity == 0) return;
    op->stale_plan = step != MB_STEP_ASIDE && mb_fault_is_stale_plan(res);
    if (step == MB_STEP_PREPARE || op->stale_plan) mb_cache_drop(&l->cache, op->stmt);
}

/* A single statement that PostgreSQL has undone may run again: for want of its prepared form, or
 * because it lost a deadlock or a serialization conflict. Who won such a one goes on meanwhile and
 * holds what the loser waits for, so there is no need for a pause. */
static bool runs_again(const struct mb_link *l, struct mb_op *op)
{
    if (op->kind == MB_OP_INNER || op->orphan) return false;
    if (op->stale_plan && !op->reprepared) return op->reprepared = true;
    if (mb_frame__is_write(l, op)) return true;
    if (op->err.rc != MB_E_DB_CONFLICT || strncmp(op->err.sqlstate, "40", 2) != 0) return false;
    if (op->conflicts >= l->db->config.conflict_retries) return false;
    op->conflicts++;
    mb_db__count(&l->db->stats->conflict_retries, 1);
    return true;
}

/* ---- rows of foreign statements, one by one ---- */

enum { ROW_HEAD = 7, VALUE_HEAD = 4, ARRIVED_MORE = 256 * 1024 };

static void fail_over(const struct mb_link *l, struct mb_op *op)
{
    const struct mb_db_config *c = &l->db->config;
    bool is_rows = strcmp(op->over, "rows") == 0;
    if (op->err.rc == MB_OK)
        mb_fail(&op->err, MB_E_LIMIT, "%s: more than %zu %s", mb_op__name(op),
                is_rows ? (size_t)c->result_rows : c->result_bytes, op->over);
    PQclear(op->res);
    op->res = NULL;
}

/* The connection is cut; only that of a rehearsal must live: there what still comes is dropped, and it fails at its
 * end. */
static void exceed(struct mb_link *l, struct mb_op *op, const char *what)
{
    op->over = what;
    if (l->db->config.is_rehearsal) return;
    fail_over(l, op);
    mb_link__close(l, NULL);
}

static bool add_row(struct mb_op *op, const PGresult *row)
{
    if (op->res == NULL) op->res = PQcopyResult(row, PG_COPYRES_ATTRS);
    if (op->res == NULL) return false;
    int at = PQntuples(op->res);
    for (int i = 0; i < PQnfields(row); i++) {
        int len = PQgetisnull(row, 0, i) ? -1 : PQgetlength(row, 0, i);
        if (PQsetvalue(op->res, at, i, PQgetvalue(row, 0, i), len) == 0) return false;
    }
    return true;
}

static size_t wire_bytes(const PGresult *row)
{
    size_t sum = ROW_HEAD;
    for (int i = 0; i < PQnfields(row); i++) sum += VALUE_HEAD + (size_t)PQgetlength(row, 0, i);
    return sum;
}

static void take_row(struct mb_link *l, struct mb_op *op, PGresult *row)
{
    const struct mb_db_config *c = &l->db->config;
    size_t rows = op->res != NULL ? (size_t)PQntuples(op->res) : 0;
    op->bytes += wire_bytes(row);
    bool is_kept = !op->orphan && op->over == NULL && op->err.rc == MB_OK;
    if (is_kept && rows == c->result_rows)
        exceed(l, op, "rows");
    else if (is_kept && op->bytes > c->result_bytes)
        exceed(l, op, "bytes");
    else if (is_kept && !add_row(op, row))
        mb_fail(&op->err, MB_E_NOMEM, "%s: out of memory", mb_op__name(op));
    PQclear(row);
}

/* One value, or a message of an error, may be as large as a gigabyte, and libpq hands it over when it is whole: it is
 * stopped before. */
static bool is_flooded(struct mb_link *l)
{
    if (l->relay == NULL) return false;
    size_t came = mb_relay__pull(l);
    if (mb_list_is_empty(&l->flight)) return false;
    struct mb_op *op = (struct mb_op *)l->flight.next;
    op->arrived += came;
    if (op->arrived <= 2 * l->db->config.result_bytes + ARRIVED_MORE) return false;
    exceed(l, op, "bytes");
    return true;
}

/* ---- ends ---- */

static void end_op(struct mb_link *l, struct mb_op *op)
{
    mb_list_remove(&op->node);
    l->nflight--;
    l->norphans -= op->orphan;
    if (l->nflight > 0) begin_head(l);
    /* A cancel was for this one; the next has the time that it would have had without. */
    if (l->nflight > 0 && l->cut_at != 0) l->cut_at = mb_link__overdue_ns(l);
    mb_frame__ended(l, op);
    if (op->over != NULL) fail_over(l, op);
    if (op->kind == MB_OP_HOUSE) {
        op->house(l, op);
        return;
    }
    mb_db__count(&l->db->stats->query_us_sum, (mb_mono_ns() - op->since_ns) / 1000);
    if (runs_again(l, op)) {
        mb_pool__requeue(op);
    } else {
        /* Inside a transaction it cannot be repeated alone, but the whole can. */
        if (op->stale_plan) op->err.rc = MB_E_DB_CONFLICT;
        if (op->commits) mb_tx__check_commit(op);
        mb_op__finish(op);
    }
    if (l->state == MB_LINK_UP && l->nflight > 0 && l->norphans == l->nflight) mb_link__cancel(l);
}

static void keep_result(struct mb_op *op, PGresult *res)
{
    bool is_main = op->step < op->nsteps && op->steps[op->step] == MB_STEP_MAIN;
    if (!is_main || op->orphan || op->err.rc != MB_OK) {
        PQclear(res);
        return;
    }
    if (op->res != NULL && PQntuples(op->res) > 0) { /* its rows came one by one */
        PQclear(res);
        return;
    }
    PQclear(op->res);
    op->res = res;
}

/* One answer of libpq for the op at the head of the flight. */
static void take(struct mb_link *l, struct mb_op *op, PGresult *res)
{
    if (res == NULL) {
        if (op->step < op->nsteps) {
            op->step++;
            bool is_next = op->step < op->nsteps && op->steps[op->step] == MB_STEP_MAIN;
            if (is_next && l->db->config.is_foreign) (void)PQsetSingleRowMode(l->conn);
        } else if (++l->surplus > SURPLUS_MAX) {
            mb_link__close(l, "the server's answers are out of step");
        }
        return;
    }
    switch (PQresultStatus(res)) {
    case PGRES_PIPELINE_SYNC:
        PQclear(res);
        l->surplus = 0;
        end_op(l, op);
        break;
    case PGRES_SINGLE_TUPLE: take_row(l, op, res); break;
    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
    case PGRES_EMPTY_QUERY: keep_result(op, res); break;
    case PGRES_PIPELINE_ABORTED: /* a message after the one that failed */
        if (op->step < op->nsteps && op->steps[op->step] == MB_STEP_PREPARE)
            mb_cache_drop(&l->cache, op->stmt);
        PQclear(res);
        break;
    case PGRES_FATAL_ERROR:
        note_error(l, op, res);
        PQclear(res);
        break;
    default: /* COPY has a connection of its own elsewhere */
        mb_fail(&op->err, MB_E_INVALID, "%s: the statement cannot run here", mb_op__name(op));
        PQclear(res);
        mb_link__close(l, op->err.text);
        break;
    }
}

/* Whether the connection of that age is still there: a closed place is filled again at once, and
 * what was read of the old one must not be held against the new one. */
static bool is_same(const struct mb_link *l, uint32_t age)
{
    return l->conn != NULL && l->age == age;
}

/* Never asks libpq for a result while it is busy: that would block. Each turn takes one of the
 * finitely many answers that the flight awaits, or finds a surplus and ends the link. */
static void drain(struct mb_link *l, uint32_t age)
{
    while (is_same(l, age) && !mb_list_is_empty(&l->flight) && !PQisBusy(l->conn))
        take(l, (struct mb_op *)l->flight.next, PQgetResult(l->conn));
}

static void drop_notifications(struct mb_link *l)
{
    PGnotify *n;
    while (l->conn != NULL && (n = PQnotifies(l->conn)) != NULL) PQfreemem(n);
}

bool mb_link__receive(struct mb_link *l)
{
    /* With TLS one call may leave decrypted bytes behind, at most a record of 16 KB, which no
     * poll would report; each further call takes at least half of it. */
    int turns = PQsslInUse(l->conn) ? 3 : 1;
    uint32_t age = l->age;
    if (is_flooded(l)) return false;
    for (int i = 0; is_same(l, age) && (i < turns || mb_relay__is_waiting(l)); i++) {
        bool alive = PQconsumeInput(l->conn) == 1;
        drain(l, age); /* also what came before the end: the reason */
        if (is_same(l, age) && (!alive || PQstatus(l->conn) == CONNECTION_BAD))
            mb_link__close(l, PQerrorMessage(l->conn));
    }
    if (!is_same(l, age)) return false;
    drop_notifications(l);
    if (l->nflight == 0)
        mb_link__settle(l);
    else if (l->db->nqueued > 0)
        mb_pool__pump(l->db);
    return is_same(l, age);
}

void mb_link__orphan(struct mb_link *l, struct mb_op *op)
{
    op->orphan = true;
    op->tx = NULL;
    if (++l->norphans == l->nflight) mb_link__cancel(l);
}

void mb_link__time_out(struct mb_link *l, struct mb_op *op)
{
    struct mb_op *stand_in = mb_op__new(l->db, op->kind);
    if (stand_in == NULL) {
        mb_link__close(l, "out of memory");
        return;
    }
    stand_in->link = l;
    stand_in->state = MB_OP_FLYING;
    stand_in->stmt = op->stmt;
    stand_in->sql = op->sql;
    stand_in->nsteps = op->nsteps;
    stand_in->step = op->step;
    stand_in->since_ns = op->since_ns;
    stand_in->synced = op->synced;
    memcpy(stand_in->steps, op->steps, sizeof op->steps);
    mb_list_insert(&op->node, &stand_in->node);
    mb_op__fail(op, op->commits ? MB_E_DB_LOST : MB_E_REQUEST_TIMEOUT,
                "the request's time was over while it ran");
    mb_link__orphan(l, stand_in);
}
