#pragma once
/*
 * What surrounds a statement on the wire: BEGIN before the first of a transaction; in a rehearsal,
 * savepoints in the place of transactions, so that nothing is ever committed.
 *
 * A foreign statement is a transaction of its own, and its session is as before when it is over: settings as the
 * startup packet has them, no channel, lock or temporary table; a session in which one failed is closed. It reads only
 * until PostgreSQL refuses it for that, which tells that it writes; so none is judged by its text. What it may be says
 * flight.c: it is prepared by PREPARE, whose grammar takes queries and nothing else.
 */
#include "db/dsn.h"
#include "db/link.h"

/* Texts that are sent before and after the statement under the same Sync, in this order; NULL =
 * none. */
struct mb_frame {
    const char *before[MB_DSN_SETTINGS + 2], *after[7];
};

struct mb_frame mb_frame__of(const struct mb_link *l, const struct mb_op *op);
/* The statement that ends a transaction well, and what the server says when it did. */
const char *mb_frame__commit_sql(const struct mb_db *db);
const char *mb_frame__commit_tag(const struct mb_db *db);
/* Whether this failure tells that a foreign statement writes; it is remembered, and may run again. */
bool mb_frame__is_write(const struct mb_link *l, const struct mb_op *op);
/* The statement was sent, or has ended: what is open from now on. */
void mb_frame__sent(struct mb_link *l, const struct mb_op *op);
void mb_frame__ended(struct mb_link *l, const struct mb_op *op);
/* Whether the server holds open what nobody owns any more; and the statement that ends it. */
bool mb_frame__is_open(const struct mb_link *l);
const char *mb_frame__undo_sql(const struct mb_link *l);
/* Whether the session is between statements as it should be. */
bool mb_frame__is_at_rest(const struct mb_link *l);
