#pragma once
/*
 * The client's own record of what it asked and what it was told, one JSON object a line, written
 * before a request leaves and as soon as its answer is there. A checker compares it with the
 * database afterwards. A history without a file records nothing.
 */
#include <stdio.h>

#include "client.h"

struct history {
    FILE *file;
};

/* One call: what ties its lines together and to the rows of the database. */
struct call {
    const char *op;   /* "book" or "cancel" */
    const char *key;  /* Idempotency-Key, also the guest's name of a booking */
    const char *what; /* id of the slot or booking */
};

void history_open(struct history *h, const char *path); /* NULL = none */
void history_sent(struct history *h, const struct call *call);
void history_answered(struct history *h, const struct call *call, const struct reply *r);
void history_lost(struct history *h, const struct call *call, const char *why);
void history_close(struct history *h);
