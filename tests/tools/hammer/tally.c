/* Counting. Knows nothing of connections. */
#include "tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void counts_add(struct counts *c, const char *word)
{
    for (size_t i = 0; i < c->used; i++) {
        if (strcmp(c->entry[i].word, word) == 0) {
            c->entry[i].n++;
            return;
        }
    }
    if (c->used == TALLY_WORDS)
        die("more than %d different outcomes, the last is %s", TALLY_WORDS, word);
    snprintf(c->entry[c->used].word, sizeof c->entry[0].word, "%s", word);
    c->entry[c->used++].n = 1;
}

void counts_json(const struct counts *c, struct text *out)
{
    text_add(out, "{", 1);
    for (size_t i = 0; i < c->used; i++) {
        text_add(out, ",", i > 0);
        text_json(out, c->entry[i].word, strlen(c->entry[i].word));
        text_addf(out, ":%llu", (unsigned long long)c->entry[i].n);
    }
    text_add(out, "}", 1);
}

void latencies_add(struct latencies *l, uint64_t us)
{
    if (l->used == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 1024;
        l->us = must(realloc(l->us, l->cap * sizeof *l->us));
    }
    l->us[l->used++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double quantile_ms(const struct latencies *l, unsigned percent)
{
    size_t rank = (l->used * percent + 99) / 100;
    return l->us[rank > 0 ? rank - 1 : 0] / 1000.0;
}

void latencies_json(struct latencies *l, struct text *out)
{
    if (l->used == 0) {
        text_addf(out, "{\"n\":0}");
        return;
    }
    qsort(l->us, l->used, sizeof *l->us, by_size);
    text_addf(out, "{\"n\":%zu,\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f,\"max\":%.3f}", l->used,
              quantile_ms(l, 50), quantile_ms(l, 95), quantile_ms(l, 99), quantile_ms(l, 100));
}

void latencies_free(struct latencies *l)
{
    free(l->us);
    *l = (struct latencies){0};
}

void tally_reply(struct tally *t, int status, const char *body, size_t len, uint64_t took_us)
{
    char word[40];
    snprintf(word, sizeof word, "%d", status);
    counts_add(&t->statuses, word);
    if (status >= 400)
        counts_add(&t->codes, json_field(body, len, "code", word, sizeof word) ? word : "(none)");
    latencies_add(&t->took, took_us);
}

void tally_lost(struct tally *t, const char *why)
{
    counts_add(&t->lost, why);
}

void tally_json(struct tally *t, struct text *out)
{
    text_addf(out, "\"status\":");
    counts_json(&t->statuses, out);
    text_addf(out, ",\"codes\":");
    counts_json(&t->codes, out);
    text_addf(out, ",\"lost\":");
    counts_json(&t->lost, out);
    text_addf(out, ",\"latency_ms\":");
    latencies_json(&t->took, out);
}

void tally_free(struct tally *t)
{
    latencies_free(&t->took);
}
