/*
 * The storm: every client books, cancels, reads and searches in a loop with its own seeded
 * randomness. A call that got no final answer (connection lost, 429, 503, 504, key in progress) is
 * sent again with the same Idempotency-Key until it has one or the run is over. What the client was
 * told it holds to: a booking of its own that is missing or cancelled is an anomaly.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "history.h"
#include "modes.h"
#include "slots.h"
#include "tally.h"

enum { OWN_MAX = 8, FIELD_MAX = 512, FIRST_PAUSE_US = 20000, LONGEST_PAUSE_US = 320000 };
enum op { BOOK, CANCEL, READ, SEARCH, OPS };
static const char *const op_names[OPS] = {"book", "cancel", "read", "search"};

struct booking {
    char id[SLOT_ID_MAX], token[FIELD_MAX];
    size_t slot;
};

struct actor {
    struct client client;
    struct timer pause;
    struct storm *storm;
    unsigned number;
    uint64_t random, calls, pause_us;
    bool idle; /* the run ended, nothing in flight */
    enum op op;
    size_t slot;
    struct booking own[OWN_MAX];
    size_t own_count, target;
    char key[96];
};

struct storm {
    struct loop loop;
    const struct options *o;
    struct slots slots;
    bool *was_cancelled; /* by slot */
    struct history history;
    struct actor *actors;
    struct timer end, settle;
    bool ending;
    unsigned idle;
    uint64_t started, retries, rebooked, booked, cancelled, anomalies, unanswered;
    uint64_t began_us, outage_us, last_answer_us;
    struct tally tally;
};

static void start_call(struct actor *a);

static struct actor *of_client(struct client *c)
{
    return (struct actor *)((char *)c - offsetof(struct actor, client));
}

/* xorshift64*: the same seed gives each client the same wishes in every run. */
static uint64_t random_below(struct actor *a, uint64_t n)
{
    a->random ^= a->random >> 12;
    a->random ^= a->random << 25;
    a->random ^= a->random >> 27;
    return (a->random * 2685821657736338717u >> 33) % n;
}

static struct call call_of(const struct actor *a)
{
    const char *what = a->op == BOOK ? a->storm->slots.ids[a->slot]
                       : a->op == SEARCH ? "" : a->own[a->target].id;
    return (struct call){.op = op_names[a->op], .key = a->key, .what = what};
}

static bool is_recorded(const struct actor *a)
{
    return a->op == BOOK || a->op == CANCEL;
}

/* ---- choosing and sending ---- */

static enum op choose(struct actor *a)
{
    const unsigned *w = a->storm->o->weights;
    uint64_t dice = random_below(a, (uint64_t)w[BOOK] + w[CANCEL] + w[READ] + w[SEARCH]);
    enum op op = BOOK;
    while (dice >= w[op])
        dice -= w[op++];
    if (op == BOOK && a->own_count == OWN_MAX)
        return CANCEL;
    if ((op == CANCEL || op == READ) && a->own_count == 0)
        return w[BOOK] ? BOOK : SEARCH;
    return op;
}

static void write_booking(struct actor *a)
{
    char headers[160];
    struct text body = {0};
    snprintf(headers, sizeof headers, "Idempotency-Key: %s\r\n", a->key);
    text_addf(&body,
              "{\"slotId\":\"%s\",\"guestName\":\"%s\",\"guestEmail\":\"%s@example.org\",%s}",
              a->storm->slots.ids[a->slot], a->key, a->key, a->storm->o->fields);
    client_request(&a->client, "POST", "/v1/bookings", headers, &body);
    text_free(&body);
}

static void write_own(struct actor *a)
{
    char target[160], headers[FIELD_MAX + 256];
    static const struct text nothing = {.ptr = "{}", .len = 2};
    const struct booking *b = &a->own[a->target];
    bool cancel = a->op == CANCEL;
    snprintf(target, sizeof target, "/v1/bookings/%s%s", b->id, cancel ? "/cancel" : "");
    snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n%s%s%s", b->token,
             cancel ? "Idempotency-Key: " : "", cancel ? a->key : "", cancel ? "\r\n" : "");
    client_request(&a->client, cancel ? "POST" : "GET", target, headers, cancel ? &nothing : NULL);
}

static void send_call(struct actor *a)
{
    struct call call = call_of(a);
    if (is_recorded(a))
        history_sent(&a->storm->history, &call);
    text_clear(&a->client.out);
    if (a->op == BOOK)
        write_booking(a);
    else if (a->op == SEARCH)
        client_request(&a->client, "GET", a->storm->o->search, "", NULL);
    else
        write_own(a);
    client_send(&a->client);
}

static void rest(struct actor *a)
{
    struct storm *s = a->storm;
    a->idle = true;
    if (++s->idle == s->o->clients)
        s->loop.stopped = true;
}

static void start_call(struct actor *a)
{
    struct storm *s = a->storm;
    if (s->o->operations && s->started >= s->o->operations)
        s->ending = true;
    if (s->ending || s->loop.asked_to_end) {
        rest(a);
        return;
    }
    s->started++;
    a->pause_us = FIRST_PAUSE_US;
    snprintf(a->key, sizeof a->key, "%.40s-%llu-%u-%llu", s->o->label,
             (unsigned long long)s->o->seed, a->number, (unsigned long long)a->calls++);
    a->op = choose(a);
    a->slot = random_below(a, s->slots.id_count);
    a->target = a->own_count ? random_below(a, a->own_count) : 0;
    send_call(a);
}

/* ---- judging answers ---- */

static void report(struct actor *a, const char *fact, const struct reply *r)
{
    struct call call = call_of(a);
    if (a->storm->anomalies++ < 20)
        fprintf(stderr, "anomaly: %s: %s %s key %s: %d %.300s\n", fact, call.op, call.what, a->key,
                r->status, r->body);
}

static void judge_book(struct actor *a, const struct reply *r)
{
    struct storm *s = a->storm;
    struct booking *b = &a->own[a->own_count];
    if (r->status != 201)
        return;
    if (!json_field(r->body, r->body_len, "id", b->id, sizeof b->id) ||
        !json_field(r->body, r->body_len, "manageToken", b->token, sizeof b->token)) {
        report(a, "a 201 without id and manageToken", r);
        return;
    }
    b->slot = a->slot;
    a->own_count++;
    s->booked++;
    s->rebooked += s->was_cancelled[a->slot];
    s->was_cancelled[a->slot] = false;
}

static void judge_cancel(struct actor *a, const struct reply *r)
{
    if (r->status != 200) {
        report(a, "an own booking could not be cancelled", r);
    } else {
        a->storm->cancelled++;
        a->storm->was_cancelled[a->own[a->target].slot] = true;
    }
    a->own[a->target] = a->own[--a->own_count];
}

static void judge_read(struct actor *a, const struct reply *r)
{
    char id[SLOT_ID_MAX] = "", status[32] = "";
    json_field(r->body, r->body_len, "id", id, sizeof id);
    json_field(r->body, r->body_len, "status", status, sizeof status);
    if (r->status != 200 || strcmp(id, a->own[a->target].id) != 0)
        report(a, "an own booking is missing", r);
    else if (strcmp(status, "CANCELLED") == 0)
        report(a, "an own booking is cancelled", r);
}

static bool is_final(const struct reply *r)
{
    if (r->status == 409 && r->retry_after >= 0)
        return false; /* the same key is at work elsewhere */
    return r->status != 429 && r->status != 503 && r->status != 504;
}

static void note_answer(struct storm *s)
{
    uint64_t now = now_us();
    if (s->last_answer_us && now - s->last_answer_us > s->outage_us)
        s->outage_us = now - s->last_answer_us;
    s->last_answer_us = now;
}

static void try_again(struct actor *a)
{
    a->storm->retries++;
    loop_arm(&a->storm->loop, &a->pause, a->pause_us / 2 + random_below(a, a->pause_us));
    if (a->pause_us < LONGEST_PAUSE_US)
        a->pause_us *= 2;
}

static void on_pause_over(struct timer *t)
{
    send_call((struct actor *)((char *)t - offsetof(struct actor, pause)));
}

static void on_reply(struct client *c, const struct reply *r)
{
    struct actor *a = of_client(c);
    struct call call = call_of(a);
    tally_reply(&a->storm->tally, r->status, r->body, r->body_len, r->took_us);
    if (is_recorded(a))
        history_answered(&a->storm->history, &call, r);
    if (!is_final(r)) {
        try_again(a);
        return;
    }
    note_answer(a->storm);
    if (a->op == BOOK)
        judge_book(a, r);
    else if (a->op == CANCEL)
        judge_cancel(a, r);
    else if (a->op == READ)
        judge_read(a, r);
    else if (r->status != 200)
        report(a, "a search failed", r);
    start_call(a);
}

static void on_lost(struct client *c, const char *why)
{
    struct actor *a = of_client(c);
    struct call call = call_of(a);
    if (a->idle)
        return;
    tally_lost(&a->storm->tally, why);
    if (is_recorded(a))
        history_lost(&a->storm->history, &call, why);
    try_again(a);
}

/* ---- the run ---- */

static void on_settled(struct timer *t)
{
    struct storm *s = (struct storm *)((char *)t - offsetof(struct storm, settle));
    s->unanswered = s->o->clients - s->idle;
    s->loop.stopped = true;
}

/* Looks every 100 ms whether the time is over or a signal came; then calls in flight have the
 * settling time to get their answer. */
static void on_end_check(struct timer *t)
{
    struct storm *s = (struct storm *)((char *)t - offsetof(struct storm, end));
    if (s->o->seconds && now_us() - s->began_us >= s->o->seconds * 1000000ull)
        s->ending = true;
    if (s->ending || s->loop.asked_to_end)
        loop_arm(&s->loop, &s->settle, s->o->settle_seconds * 1000000ull);
    else
        loop_arm(&s->loop, t, 100000);
}

static void print_summary(struct storm *s)
{
    struct text out = {0};
    text_addf(&out,
              "{\"mode\":\"storm\",\"clients\":%u,\"seed\":%llu,\"operations\":%llu,\"booked\":%llu,"
              "\"cancelled\":%llu,\"rebooked\":%llu,\"retries\":%llu,\"unanswered\":%llu,"
              "\"anomalies\":%llu,\"longest_silence_ms\":%.1f,",
              s->o->clients, (unsigned long long)s->o->seed, (unsigned long long)s->started,
              (unsigned long long)s->booked, (unsigned long long)s->cancelled,
              (unsigned long long)s->rebooked, (unsigned long long)s->retries,
              (unsigned long long)s->unanswered, (unsigned long long)s->anomalies,
              (double)s->outage_us / 1000.0);
    tally_json(&s->tally, &out);
    text_add(&out, "}", 1);
    puts(out.ptr);
    text_free(&out);
}

static void free_storm(struct storm *s)
{
    for (unsigned i = 0; i < s->o->clients; i++)
        client_free(&s->actors[i].client);
    free(s->actors);
    free(s->was_cancelled);
    tally_free(&s->tally);
    slots_free(&s->slots);
    history_close(&s->history);
    loop_close(&s->loop);
}

static void start_actors(struct storm *s)
{
    static const struct client_events events = {NULL, on_reply, on_lost};
    s->actors = must(calloc(s->o->clients, sizeof *s->actors));
    for (unsigned i = 0; i < s->o->clients; i++) {
        struct actor *a = &s->actors[i];
        a->storm = s;
        a->number = i;
        a->random = (s->o->seed + 1) * 0x9e3779b97f4a7c15u + i * 0xbf58476d1ce4e5b9u;
        a->pause.on_time = on_pause_over;
        client_init(&a->client, &s->loop, &s->o->server, s->o->timeout_us, &events);
        start_call(a);
    }
}

void storm_run(const struct options *o)
{
    struct storm s = {.o = o, .end = {.on_time = on_end_check}, .settle = {.on_time = on_settled}};
    if (!o->slots)
        die("storm needs --slots");
    slots_read(&s.slots, o->slots);
    s.was_cancelled = must(calloc(s.slots.id_count, sizeof *s.was_cancelled));
    history_open(&s.history, o->history);
    loop_open(&s.loop);
    s.began_us = now_us();
    loop_arm(&s.loop, &s.end, 0);
    start_actors(&s);
    loop_run(&s.loop);
    print_summary(&s);
    free_storm(&s);
}
