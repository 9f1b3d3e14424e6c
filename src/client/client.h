#pragma once
/*
 * Requests to other servers over HTTP/1.1 and TLS, on the loop. One client serves a process; libcurl is
 * not touched before the first request.
 */
#include <stdatomic.h>
#include <uv.h>

#include "base/buf.h"

struct mb_client;
struct mb_transfer;

/* Counters of requests that ended so, shared with whoever shows them. */
struct mb_client_stats {
    _Atomic uint64_t answered, failed, refused; /* refused: never sent */
    _Atomic uint64_t in_flight;
};

/* Configuration keys client.*; texts are borrowed. */
struct mb_client_limits {
    uint32_t timeout, connect_timeout; /* ms */
    uint32_t dns_cache, idle_timeout;  /* ms; libcurl counts whole seconds */
    size_t max_body;                   /* of an answer */
    size_t max_headers;                /* of an answer, in bytes */
    unsigned max_connections, max_waiting;
    unsigned max_per_host; /* of max_connections; 0 = all */
    bool needs_tls_1_3;    /* else 1.2 will do */
    const char *ca_file; /* "" = those of the system */
    const char *allow;   /* networks that may be called though they are not public */
    const char *ports;   /* "80,443" */
};

/* Borrowed until mb_client_start returns. */
struct mb_client_request {
    const char *method; /* a token, in capitals */
    const char *url;
    const char *const *headers; /* "Name: value", judged by mb_client_is_header */
    size_t nheaders;
    struct mb_str body;
    bool has_body;
    uint32_t timeout;   /* ms; 0 = that of the limits, which it cannot exceed */
    size_t max_body;    /* the same */
    unsigned redirects; /* how many are followed; other hosts get none of the headers */
};

/* Borrowed for the call it is handed to. code: NULL when there is an answer, else one of the words
 * of client.c, for clients of the client. */
struct mb_client_answer {
    const char *code;
    char detail[256];
    int status;
    struct mb_str headers; /* "name\0value\0" …, names in small letters */
    struct mb_str body;
};

typedef void (*mb_client_done)(void *ctx, const struct mb_client_answer *answer);

MB_MUST_CHECK enum mb_rc mb_client_new(struct mb_client **out, uv_loop_t *loop,
                                       const struct mb_client_limits *limits,
                                       struct mb_client_stats *stats, struct mb_err *err);
/* For tests: answers in the place of all other servers. Called from inside mb_client_start; what it
 * fills in is copied, and delivered by the loop. */
typedef void (*mb_client_stand_in)(void *ctx, const struct mb_client_request *request,
                                   struct mb_client_answer *answer);
void mb_client_rehearse(struct mb_client *c, mb_client_stand_in stand_in, void *ctx);
/* Ends what is in flight with the code cancelled; its handles close as the loop turns. */
void mb_client_close(struct mb_client *c);
void mb_client_free(struct mb_client *c); /* after that, and after the loop */

/* done is called from the loop, never from inside. On failure *answer tells why, and nothing was sent. */
MB_MUST_CHECK bool mb_client_start(struct mb_client *c, const struct mb_client_request *request,
                                   mb_client_done done, void *ctx, struct mb_transfer **out,
                                   struct mb_client_answer *answer);
/* Ends a transfer whose done was not called; it will not be. */
void mb_client_cancel(struct mb_transfer *t);

/* Whether a caller may send this header: a name and a value without control characters, and none that
 * says how the request is framed or where it goes. */
bool mb_client_is_header(struct mb_str name, struct mb_str value);
/* Whether it is a list such as "80,443,8000-8099". */
bool mb_client_is_ports(const char *text);
/* The host of a URL as a request would take it, in small letters; false when it is none for http or
 * https. */
bool mb_client_host(const char *url, char *host, size_t size);
