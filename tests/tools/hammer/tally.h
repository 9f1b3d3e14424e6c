#pragma once
/* What a run observed: counts by word, latencies, and their JSON. */
#include <stddef.h>
#include <stdint.h>

#include "kit/text.h"

enum { TALLY_WORDS = 64 };

/* Counts by word ("201", "slot_taken", "reset"); few different ones. */
struct counts {
    struct { char word[40]; uint64_t n; } entry[TALLY_WORDS];
    size_t used;
};

struct latencies {
    uint32_t *us;
    size_t used, cap;
};

struct tally {
    struct counts statuses, codes, lost;
    struct latencies took;
};

void counts_add(struct counts *c, const char *word);
void counts_json(const struct counts *c, struct text *out); /* {"word":n,...} */

void latencies_add(struct latencies *l, uint64_t us);
void latencies_json(struct latencies *l, struct text *out); /* {"n":..,"p50":..} in ms; sorts */
void latencies_free(struct latencies *l);

/* A reply: its status, its problem code if it has one, its latency. */
void tally_reply(struct tally *t, int status, const char *body, size_t len, uint64_t took_us);
void tally_lost(struct tally *t, const char *why);
void tally_json(struct tally *t, struct text *out); /* "status":{..},"codes":{..},... no braces */
void tally_free(struct tally *t);
