/*
 * Holding: a few probes measure a quiet server first; then idle connections from several
 * addresses, slow senders (a byte of a head every half second) and deaf clients (which ask and never
 * read) are added and the probes measure again. At the end every idle connection asks once: it must
 * still be alive.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "client.h"
#include "modes.h"
#include "tally.h"

enum { DRIP_US = 500000, DEAF_REQUESTS = 512, OPEN_AT_ONCE = 256 };
enum phase { QUIET, OPENING, LOADED, ASKING };

struct hold {
    struct loop loop;
    const struct options *o;
    enum phase phase;
    struct timer next;
    struct client *probes, *idle;
    struct dripper *slow;
    struct client *deaf;
    unsigned opened, open_failed, in_opening, answered, dropped;
    uint64_t slow_ended, deaf_ended;
    struct tally quiet, loaded;
};

struct dripper {
    struct client client;
    struct timer drip;
};

/* ---- probes ---- */

static void ask(struct client *c, const char *target)
{
    text_clear(&c->out);
    client_request(c, "GET", target, "", NULL);
    client_send(c);
}

static void probe(struct client *c)
{
    const struct hold *h = c->owner;
    ask(c, h->o->probe);
}

static void on_probe_reply(struct client *c, const struct reply *r)
{
    struct hold *h = c->owner;
    if (h->phase == QUIET)
        tally_reply(&h->quiet, r->status, r->body, r->body_len, r->took_us);
    else if (h->phase == LOADED)
        tally_reply(&h->loaded, r->status, r->body, r->body_len, r->took_us);
    probe(c);
}

static void on_probe_lost(struct client *c, const char *why)
{
    struct hold *h = c->owner;
    tally_lost(h->phase == QUIET ? &h->quiet : &h->loaded, why);
    probe(c);
}

/* ---- slow senders and deaf clients ---- */

static void on_drip(struct timer *t)
{
    struct dripper *d = (struct dripper *)((char *)t - offsetof(struct dripper, drip));
    struct client *c = &d->client;
    if (c->watch.fd < 0)
        client_open(c);
    else if (c->connected)
        (void)send(c->watch.fd, c->sent < c->out.len ? c->out.ptr + c->sent++ : "x", 1,
                   MSG_NOSIGNAL);
    loop_arm(c->loop, t, DRIP_US);
}

static void on_unwanted_reply(struct client *c, const struct reply *r)
{
    struct hold *h = c->owner;
    (void)r;
    h->slow_ended++;
}

static void on_slow_lost(struct client *c, const char *why)
{
    struct hold *h = c->owner;
    (void)why;
    h->slow_ended++;
}

static void on_deaf_open(struct client *c)
{
    const struct hold *h = c->owner;
    text_clear(&c->out);
    for (int i = 0; i < DEAF_REQUESTS; i++)
        client_request(c, "GET", h->o->feed, "", NULL);
    client_send(c);
    loop_disarm(&c->deadline);
}

static void on_deaf_lost(struct client *c, const char *why)
{
    struct hold *h = c->owner;
    (void)why;
    h->deaf_ended++;
}

/* ---- idle connections ---- */

static void open_more(struct hold *h)
{
    for (; h->in_opening < OPEN_AT_ONCE && h->opened + h->open_failed + h->in_opening < h->o->idle;
         h->in_opening++)
        client_open(&h->idle[h->opened + h->open_failed + h->in_opening]);
    if (h->in_opening == 0 && h->phase == OPENING)
        loop_arm(&h->loop, &h->next, 0);
}

static void on_idle_open(struct client *c)
{
    struct hold *h = c->owner;
    h->opened++;
    h->in_opening--;
    open_more(h);
}

static void count_answer(struct hold *h, bool alive)
{
    h->answered += alive;
    h->dropped += !alive;
    if (h->answered + h->dropped + h->open_failed == h->o->idle)
        h->loop.stopped = true;
}

static void on_idle_reply(struct client *c, const struct reply *r)
{
    count_answer(c->owner, r->status == 200);
}

static void on_idle_lost(struct client *c, const char *why)
{
    struct hold *h = c->owner;
    tally_lost(&h->loaded, why);
    if (h->phase == OPENING) {
        h->open_failed++;
        h->in_opening--;
        open_more(h);
    } else {
        count_answer(h, false);
    }
}

/* ---- phases ---- */

static void make_clients(struct hold *h, struct client **out, unsigned n,
                         const struct client_events *events)
{
    *out = must(calloc(n ? n : 1, sizeof **out));
    for (unsigned i = 0; i < n; i++) {
        client_init(&(*out)[i], &h->loop, &h->o->server, h->o->timeout_us, events);
        (*out)[i].owner = h;
        if (h->o->sources)
            (*out)[i].source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + i % h->o->sources);
    }
}

static void start_nuisances(struct hold *h)
{
    for (unsigned i = 0; i < h->o->deaf; i++) {
        h->deaf[i].deaf = true;
        client_open(&h->deaf[i]);
    }
    for (unsigned i = 0; i < h->o->slow; i++) {
        struct dripper *d = &h->slow[i];
        text_addf(&d->client.out, "GET %s HTTP/1.1\r\nHost: hammer\r\nX-Slow: ", h->o->probe);
        loop_arm(&h->loop, &d->drip, (uint64_t)i * 1000u % DRIP_US);
    }
}

static void ask_idle(struct hold *h)
{
    for (unsigned i = 0; i < h->o->idle; i++)
        if (h->idle[i].watch.fd >= 0)
            ask(&h->idle[i], "/livez");
    if (h->o->idle == h->open_failed + h->dropped)
        h->loop.stopped = true;
}

static void on_next(struct timer *t)
{
    struct hold *h = (struct hold *)((char *)t - offsetof(struct hold, next));
    h->phase++;
    if (h->phase == OPENING) {
        start_nuisances(h);
        open_more(h);
    } else if (h->phase == LOADED) {
        loop_arm(&h->loop, t, h->o->seconds * 1000000ull);
    } else {
        ask_idle(h);
    }
}

static void print_summary(struct hold *h)
{
    struct text out = {0};
    text_addf(&out,
              "{\"mode\":\"hold\",\"idle\":%u,\"opened\":%u,\"alive\":%u,\"dropped\":%u,"
              "\"slow\":%u,\"slow_ended\":%llu,\"deaf\":%u,\"deaf_ended\":%llu,\"quiet\":{",
              h->o->idle, h->opened, h->answered, h->dropped, h->o->slow,
              (unsigned long long)h->slow_ended, h->o->deaf, (unsigned long long)h->deaf_ended);
    tally_json(&h->quiet, &out);
    text_addf(&out, "},\"loaded\":{");
    tally_json(&h->loaded, &out);
    text_addf(&out, "}}");
    puts(out.ptr);
    text_free(&out);
}

static void free_clients(struct client *clients, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        client_free(&clients[i]);
    free(clients);
}

static void free_hold(struct hold *h)
{
    free_clients(h->probes, h->o->clients);
    free_clients(h->idle, h->o->idle);
    free_clients(h->deaf, h->o->deaf);
    for (unsigned i = 0; i < h->o->slow; i++)
        client_free(&h->slow[i].client);
    free(h->slow);
    tally_free(&h->quiet);
    tally_free(&h->loaded);
    loop_close(&h->loop);
}

static void make_all(struct hold *h)
{
    static const struct client_events probing = {NULL, on_probe_reply, on_probe_lost};
    static const struct client_events idling = {on_idle_open, on_idle_reply, on_idle_lost};
    static const struct client_events dripping = {NULL, on_unwanted_reply, on_slow_lost};
    static const struct client_events refusing = {on_deaf_open, on_unwanted_reply, on_deaf_lost};
    make_clients(h, &h->probes, h->o->clients, &probing);
    make_clients(h, &h->idle, h->o->idle, &idling);
    make_clients(h, &h->deaf, h->o->deaf, &refusing);
    h->slow = must(calloc(h->o->slow ? h->o->slow : 1, sizeof *h->slow));
    for (unsigned i = 0; i < h->o->slow; i++) {
        h->slow[i].drip.on_time = on_drip;
        client_init(&h->slow[i].client, &h->loop, &h->o->server, h->o->timeout_us, &dripping);
        h->slow[i].client.owner = h;
    }
}

void hold_run(const struct options *o)
{
    struct hold h = {.o = o, .next = {.on_time = on_next}};
    loop_open(&h.loop);
    make_all(&h);
    for (unsigned i = 0; i < o->clients; i++)
        probe(&h.probes[i]);
    loop_arm(&h.loop, &h.next, o->seconds * 1000000ull);
    loop_run(&h.loop);
    print_summary(&h);
    free_hold(&h);
}
