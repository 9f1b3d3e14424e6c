/* The decision about each message. Knows nothing of sockets. */
#define _GNU_SOURCE
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {"none",     "before",    "after",
                                         "boundary", "blackhole", "delay"};
enum { KINDS = sizeof kind_names / sizeof *kind_names };

struct prepared {
    char *name, *query;
};

const char *fault_name(enum fault_kind kind)
{
    return kind_names[kind];
}

/* ---- arming ---- */

static bool take_word(struct fault_plan *p, const char *word)
{
    unsigned long long n;
    double chance;
    if (sscanf(word, "nth=%llu", &n) == 1 && n > 0)
        p->nth = n;
    else if (sscanf(word, "boundary=%llu", &n) == 1)
        p->boundary = n;
    else if (sscanf(word, "ms=%llu", &n) == 1)
        p->delay_ms = n;
    else if (sscanf(word, "probability=%lf", &chance) == 1 && chance > 0 && chance <= 1)
        p->probability = chance;
    else
        return false;
    return true;
}

bool fault_arm(struct fault_plan *p, const char *line)
{
    char words[512], *rest = NULL;
    struct fault_plan plan = {.nth = 1, .random = p->random, .fired = p->fired};
    size_t len = strlen(line);
    if (len >= sizeof words)
        return false;
    memcpy(words, line, len + 1);
    char *match = strstr(words, "match=");
    if (match) {
        snprintf(plan.match, sizeof plan.match, "%s", match + strlen("match="));
        *match = '\0';
    }
    char *word = strtok_r(words, " ", &rest);
    size_t kind = 0;
    while (kind < KINDS && (!word || strcmp(word, kind_names[kind]) != 0))
        kind++;
    if (kind == KINDS)
        return false;
    plan.kind = (enum fault_kind)kind;
    while ((word = strtok_r(NULL, " ", &rest)))
        if (!take_word(&plan, word))
            return false;
    *p = plan;
    return true;
}

/* ---- which SQL a message runs ---- */

static struct prepared *find_prepared(struct fault_state *s, const char *name)
{
    for (size_t i = 0; i < s->prepared_count; i++)
        if (strcmp(s->prepared[i].name, name) == 0)
            return &s->prepared[i];
    return NULL;
}

static void remember(struct fault_state *s, const char *name, const char *query)
{
    struct prepared *known = find_prepared(s, name);
    if (!known) {
        s->prepared = must(realloc(s->prepared, (s->prepared_count + 1) * sizeof *s->prepared));
        known = &s->prepared[s->prepared_count++];
        *known = (struct prepared){.name = must(strdup(name))};
    }
    free(known->query);
    known->query = must(strdup(query));
}

void fault_forget(struct fault_state *s)
{
    for (size_t i = 0; i < s->prepared_count; i++) {
        free(s->prepared[i].name);
        free(s->prepared[i].query);
    }
    free(s->prepared);
    *s = (struct fault_state){0};
}

/* The SQL a client's message runs, or NULL when it runs none. Messages are NUL-terminated text
 * after their header: Parse is name and query, Bind is portal and statement name. */
static const char *sql_of(struct fault_state *s, char type, const struct text *m)
{
    const char *body = m->ptr + 5;
    if (m->len < 6)
        return NULL;
    if (type == 'Q')
        return body;
    if (type == 'P')
        remember(s, body, body + strlen(body) + 1);
    if (type != 'B')
        return NULL;
    struct prepared *known = find_prepared(s, body + strlen(body) + 1);
    return known ? known->query : NULL;
}

static bool is_match(const struct fault_plan *p, struct fault_state *s, enum protocol protocol,
                     char type, const struct text *m)
{
    if (protocol == PROTOCOL_RAW)
        return memmem(m->ptr, m->len, p->match, strlen(p->match)) != NULL;
    const char *sql = sql_of(s, type, m);
    return sql && strstr(sql, p->match);
}

/* ---- striking ---- */

static bool strikes(struct fault_plan *p)
{
    p->matched++;
    if (p->probability <= 0)
        return p->matched == p->nth;
    p->random ^= p->random >> 12;
    p->random ^= p->random << 25;
    p->random ^= p->random >> 27;
    uint64_t dice = p->random * 2685821657736338717u >> 11;
    return (double)dice < p->probability * 9007199254740992.0; /* 2^53 */
}

static enum verdict strike(struct fault_plan *p, struct fault_state *s)
{
    bool is_later = p->kind == FAULT_BOUNDARY && p->boundary > 0;
    p->fired += !is_later;
    switch (p->kind) {
    case FAULT_AFTER:
        s->doing = FAULT_SWALLOWING;
        s->last_ready = s->syncs + 1;
        return PASS;
    case FAULT_BOUNDARY:
        s->doing = FAULT_COUNTING;
        s->last_ready = s->syncs + 1;
        s->left = p->boundary;
        return s->left == 0 ? CUT : PASS;
    case FAULT_BLACKHOLE:
        s->doing = FAULT_SWALLOWS_ALL;
        return DROP;
    case FAULT_DELAY:
        return WAIT;
    default:
        return CUT;
    }
}

/* Answers to what was asked before the match still pass; the last byte of the swallowed one is
 * proof that the server has done its work. */
static enum verdict swallow(struct fault_state *s, enum protocol protocol, enum from from, char type)
{
    if (from == FROM_CLIENT)
        return PASS;
    if (protocol == PROTOCOL_RAW)
        return CUT;
    if (s->readies + 1 < s->last_ready)
        return PASS;
    return type == 'Z' ? CUT : DROP;
}

/* The last message before the boundary closes the connection; only that is the fault. */
static enum verdict count_down(struct fault_plan *p, struct fault_state *s, enum from from, char type)
{
    bool is_end = from == FROM_SERVER && type == 'Z' && s->readies + 1 >= s->last_ready;
    if (s->left-- > 1 && !is_end)
        return PASS;
    p->fired++;
    return PASS_AND_CLOSE;
}

/* What the fault under way means for this message. */
static enum verdict proceed(struct fault_plan *p, struct fault_state *s, enum protocol protocol,
                            enum from from, char type, enum verdict verdict)
{
    if (s->doing == FAULT_SWALLOWS_ALL)
        return DROP;
    if (s->doing == FAULT_SWALLOWING)
        return swallow(s, protocol, from, type);
    if (s->doing == FAULT_COUNTING && verdict == PASS)
        return count_down(p, s, from, type);
    return verdict;
}

enum verdict fault_judge(struct fault_plan *p, struct fault_state *s, enum protocol protocol,
                         enum from from, char type, const struct text *message)
{
    bool match = from == FROM_CLIENT && is_match(p, s, protocol, type, message);
    enum verdict verdict = PASS;
    if (s->doing == FAULT_WATCHING && match && p->kind != FAULT_NONE && strikes(p))
        verdict = strike(p, s);
    verdict = proceed(p, s, protocol, from, type, verdict);
    /* The start-up message is answered by a ReadyForQuery too. */
    if (from == FROM_CLIENT && (type == 'S' || type == 'Q' || type == 'F' || s->syncs == 0))
        s->syncs++;
    if (from == FROM_SERVER && type == 'Z')
        s->readies++;
    return verdict;
}
