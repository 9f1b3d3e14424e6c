/*
 * The race: a round is one line of the slot file. Every client connects and sends its booking up
 * to the last byte; when all stand there, all let go. With several slots in a line, client i takes
 * the (i mod n)th. With --key, all send the same key and body, and the different answers are kept.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "history.h"
#include "modes.h"
#include "slots.h"
#include "tally.h"

enum { ODD_ROUNDS_KEPT = 20, ANSWERS_KEPT = 16 };

struct answer { /* one of the different answers to a shared key */
    int status;
    bool retry_after;
    struct text body;
    uint64_t n;
};

struct race {
    struct loop loop;
    const struct options *o;
    struct slots slots;
    struct history history;
    struct runner *runners;
    size_t round;
    unsigned at_barrier, done, winners;
    struct timer next;
    struct tally tally;
    struct counts winners_per_round;
    struct text odd;
    unsigned odd_rounds;
    struct answer answers[ANSWERS_KEPT];
    size_t answer_count;
};

struct runner {
    struct client client;
    struct race *race;
    unsigned number;
    bool racing; /* from the barrier's call to the answer */
    char key[96];
    struct text body;
};

static struct runner *of_client(struct client *c)
{
    return (struct runner *)((char *)c - offsetof(struct runner, client));
}

static const char *slot_of(const struct runner *r)
{
    const struct slot_round *round = &r->race->slots.rounds[r->race->round];
    return r->race->slots.ids[round->first + r->number % round->count];
}

static struct call call_of(const struct runner *r)
{
    return (struct call){.op = "book", .key = r->key, .what = slot_of(r)};
}

static void keep_odd_round(struct race *race)
{
    const struct slot_round *round = &race->slots.rounds[race->round];
    if (race->odd_rounds++ >= ODD_ROUNDS_KEPT)
        return;
    text_addf(&race->odd, "%s{\"round\":%zu,\"winners\":%u,\"slots\":[",
              race->odd_rounds > 1 ? "," : "", race->round, race->winners);
    for (size_t i = 0; i < round->count; i++) {
        text_add(&race->odd, ",", i > 0);
        text_addf(&race->odd, "\"%s\"", race->slots.ids[round->first + i]);
    }
    text_addf(&race->odd, "]}");
}

static void finish_runner(struct runner *runner)
{
    struct race *race = runner->race;
    char word[16];
    runner->racing = false;
    if (++race->done < race->o->clients)
        return;
    snprintf(word, sizeof word, "%u", race->winners);
    counts_add(&race->winners_per_round, word);
    if (race->winners != 1)
        keep_odd_round(race);
    /* Not at once: this may run inside the loop that lets the clients go. */
    loop_arm(&race->loop, &race->next, 0);
}

static void keep_answer(struct race *race, const struct reply *r)
{
    struct answer *a = race->answers, *end = a + race->answer_count;
    while (a < end && !(a->status == r->status && a->body.len == r->body_len &&
                        memcmp(a->body.ptr, r->body, r->body_len) == 0))
        a++;
    if (a == race->answers + ANSWERS_KEPT)
        return;
    if (a == end) {
        *a = (struct answer){.status = r->status, .retry_after = r->retry_after >= 0};
        text_add(&a->body, r->body, r->body_len);
        race->answer_count++;
    }
    a->n++;
}

static void on_reply(struct client *c, const struct reply *r)
{
    struct runner *runner = of_client(c);
    struct race *race = runner->race;
    struct call call = call_of(runner);
    tally_reply(&race->tally, r->status, r->body, r->body_len, r->took_us);
    history_answered(&race->history, &call, r);
    if (race->o->key)
        keep_answer(race, r);
    race->winners += r->status == 201;
    finish_runner(runner);
}

static void on_lost(struct client *c, const char *why)
{
    struct runner *runner = of_client(c);
    struct race *race = runner->race;
    struct call call = call_of(runner);
    if (!runner->racing)
        return; /* between two rounds: it connects again for the next */
    if (race->at_barrier < race->o->clients)
        die("round %zu: client %u lost its connection before the start: %s", race->round,
            runner->number, why);
    tally_lost(&race->tally, why);
    history_lost(&race->history, &call, why);
    finish_runner(runner);
}

static void write_booking(struct runner *r)
{
    char headers[160];
    const struct options *o = r->race->o;
    if (o->key)
        snprintf(r->key, sizeof r->key, "%s", o->key);
    else
        snprintf(r->key, sizeof r->key, "%.40s-%llu-%zu-%u", o->label,
                 (unsigned long long)o->seed, r->race->round, r->number);
    snprintf(headers, sizeof headers, "Idempotency-Key: %s\r\n", r->key);
    text_clear(&r->body);
    text_addf(&r->body,
              "{\"slotId\":\"%s\",\"guestName\":\"%s\",\"guestEmail\":\"%s@example.org\",%s}",
              slot_of(r), r->key, r->key, o->fields);
    text_clear(&r->client.out);
    client_request(&r->client, "POST", "/v1/bookings", headers, &r->body);
}

static void step_to_barrier(struct client *c)
{
    struct runner *runner = of_client(c);
    struct race *race = runner->race;
    struct call call = call_of(runner);
    write_booking(runner);
    history_sent(&race->history, &call);
    runner->racing = true;
    client_send_held(c);
    if (++race->at_barrier < race->o->clients)
        return;
    for (unsigned i = 0; i < race->o->clients; i++)
        client_release(&race->runners[i].client);
}

static void start_round(struct race *race)
{
    race->at_barrier = race->done = race->winners = 0;
    for (unsigned i = 0; i < race->o->clients; i++) {
        struct client *c = &race->runners[i].client;
        if (c->watch.fd >= 0)
            step_to_barrier(c);
        else
            client_open(c); /* on_open steps to the barrier */
    }
}

static void on_next(struct timer *t)
{
    struct race *race = (struct race *)((char *)t - offsetof(struct race, next));
    if (++race->round == race->slots.round_count || race->loop.asked_to_end)
        race->loop.stopped = true;
    else
        start_round(race);
}

static void print_answers(const struct race *race, struct text *out)
{
    text_addf(out, ",\"answers\":[");
    for (size_t i = 0; i < race->answer_count; i++) {
        const struct answer *a = &race->answers[i];
        text_addf(out, "%s{\"status\":%d,\"n\":%llu,\"retryAfter\":%s,\"body\":", i ? "," : "",
                  a->status, (unsigned long long)a->n, a->retry_after ? "true" : "false");
        text_json(out, a->body.ptr ? a->body.ptr : "", a->body.len);
        text_add(out, "}", 1);
    }
    text_add(out, "]", 1);
}

static void print_summary(struct race *race)
{
    struct text out = {0};
    text_addf(&out, "{\"mode\":\"race\",\"clients\":%u,\"rounds\":%zu,\"winners\":",
              race->o->clients, race->round);
    counts_json(&race->winners_per_round, &out);
    text_addf(&out, ",\"odd\":[");
    text_add(&out, race->odd.ptr, race->odd.len);
    text_addf(&out, "],");
    tally_json(&race->tally, &out);
    if (race->o->key)
        print_answers(race, &out);
    text_add(&out, "}", 1);
    puts(out.ptr);
    text_free(&out);
}

static void free_race(struct race *race)
{
    for (unsigned i = 0; i < race->o->clients; i++) {
        client_free(&race->runners[i].client);
        text_free(&race->runners[i].body);
    }
    for (size_t i = 0; i < race->answer_count; i++)
        text_free(&race->answers[i].body);
    free(race->runners);
    text_free(&race->odd);
    tally_free(&race->tally);
    slots_free(&race->slots);
    history_close(&race->history);
    loop_close(&race->loop);
}

void race_run(const struct options *o)
{
    static const struct client_events events = {step_to_barrier, on_reply, on_lost};
    struct race race = {.o = o, .next = {.on_time = on_next}};
    if (!o->slots)
        die("race needs --slots");
    slots_read(&race.slots, o->slots);
    history_open(&race.history, o->history);
    loop_open(&race.loop);
    race.runners = must(calloc(o->clients, sizeof *race.runners));
    for (unsigned i = 0; i < o->clients; i++) {
        race.runners[i].race = &race;
        race.runners[i].number = i;
        client_init(&race.runners[i].client, &race.loop, &o->server, o->timeout_us, &events);
    }
    start_round(&race);
    loop_run(&race.loop);
    print_summary(&race);
    free_race(&race);
}
