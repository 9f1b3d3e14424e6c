#pragma once
/*
 * One HTTP/1.1 keep-alive connection that sends one request at a time and hands back the whole
 * reply. It reconnects by itself when a request is sent on a closed connection; it never sends a
 * request twice: that is the caller's decision.
 */
#include <arpa/inet.h>
#include <llhttp.h>
#include <netinet/in.h>
#include <stddef.h>

#include "kit/loop.h"
#include "kit/text.h"

struct reply {
    int status;
    const char *body; /* borrowed for the callback */
    size_t body_len;
    int retry_after;  /* seconds; -1 without the header */
    uint64_t took_us; /* from the release of the request to the end of the reply */
};

struct client;

struct client_events {
    void (*on_open)(struct client *c); /* connected; may be NULL */
    void (*on_reply)(struct client *c, const struct reply *r);
    /* The connection is gone: "refused", "reset", "closed", "timeout", "garbage". */
    void (*on_lost)(struct client *c, const char *why);
};

struct client {
    struct watch watch; /* watch.fd < 0 when closed */
    struct timer deadline;
    struct loop *loop;
    const struct client_events *events;
    void *owner; /* the caller's own */
    struct sockaddr_in server, source; /* source: port 0, address 0 = any */
    uint64_t timeout_us;
    bool connected, writable_wanted;
    bool deaf; /* never reads: a client that takes no answer */
    bool waiting, complete, last_header_is_retry;
    size_t held; /* bytes of `out` kept back until client_release */
    size_t sent;
    uint64_t since_us;
    struct text out, body;
    llhttp_t parser;
    struct reply reply;
};

void client_init(struct client *c, struct loop *l, const struct sockaddr_in *server,
                 uint64_t timeout_us, const struct client_events *events);
void client_open(struct client *c);
void client_close(struct client *c); /* without on_lost */
void client_free(struct client *c);

/* The bytes of a request, appended to c->out. `headers` is whole lines or "". */
void client_request(struct client *c, const char *method, const char *target, const char *headers,
                    const struct text *body);
/* Sends c->out, or all but its last byte: then client_release lets go of the last one, so that
 * many clients can be held at the same point. */
void client_send(struct client *c);
void client_send_held(struct client *c);
void client_release(struct client *c);
