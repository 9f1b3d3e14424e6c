#pragma once
/*
 * The HTTP/1.1 server: connections, parsing, limits, time-outs, replies. It knows no SQL and
 * no Lua; what a request means is the business of the struct mb_http_handler given to it.
 *
 * Life of a request: on_head (head complete and valid) -> the handler either replies or calls
 * mb_http_accept_body -> on_ready (body complete, or at once for NONE and STREAM) -> reply ->
 * on_end. on_end comes exactly once for each on_head, also when the client leaves; after it
 * the request is gone. Requests of one connection are handled one after the other; a reply may
 * be given inside a callback or any time later on the loop thread.
 */
#include <uv.h>

#include "base/buf.h"

struct mb_http_server;
struct mb_http_request;
struct mb_tally;

enum mb_method {
    MB_GET, MB_HEAD, MB_POST, MB_PUT, MB_PATCH, MB_DELETE, MB_OPTIONS, MB_METHOD_COUNT
};
const char *mb_method_name(enum mb_method m);

enum mb_body_mode { MB_BODY_NONE, MB_BODY_BUFFER, MB_BODY_STREAM };

/* Every ceiling of the HTTP side; 0 is not "unlimited" unless said. Times in milliseconds.
 * `key` names of the configuration stand beside, and in the error texts. */
struct mb_http_limits {
    uint32_t max_connections;             /* http.max_connections, per worker */
    uint32_t max_connections_per_address; /* http.max_connections_per_address; 0 = off */
    uint32_t max_header_bytes;            /* http.max_header_bytes, whole head */
    uint32_t max_header_line;             /* http.max_header_line, one field */
    uint32_t max_headers;                 /* http.max_headers, number of fields */
    uint32_t max_target;                  /* http.max_target, request target */
    uint32_t max_chunk_extensions;        /* http.max_chunk_extensions, of all chunks of a body */
    uint64_t max_body;                    /* http.max_body, ceiling over the own one of a BUFFER route */
    uint32_t max_pipeline_bytes;          /* http.max_pipeline_bytes, read ahead while a request runs */
    uint32_t max_output_bytes;            /* http.max_output_bytes, queued for one slow reader */
    uint32_t head_timeout;                /* http.head_timeout, first byte to end of head */
    uint32_t body_timeout;                /* http.body_timeout, longest pause between body bytes */
    uint32_t body_min_rate;               /* http.body_min_rate, bytes per second after body_timeout */
    uint32_t write_timeout;               /* http.write_timeout, no progress in writing */
    uint32_t idle_timeout;                /* http.idle_timeout, between requests */
    uint32_t request_timeout;             /* http.request_timeout, head to reply */
    uint32_t linger_timeout;              /* http.linger_timeout, last answer to the client's close */
    uint64_t linger_bytes;                /* http.linger_bytes, thrown away meanwhile */
    uint32_t max_connection_requests;     /* http.max_connection_requests; 0 = any number */
    uint32_t max_connection_age;          /* http.max_connection_age; 0 = any */
    uint32_t tcp_keepalive;               /* http.tcp_keepalive; 0 = off */
    uint32_t gzip_min_bytes;              /* http.gzip_min_bytes; 0 = never compress */
    uint32_t gzip_level;                  /* http.gzip_level, 1 to 9 */
    uint32_t cors_max_age;                /* http.cors_max_age */
};

struct mb_http_config {
    struct mb_http_limits limits;
    const char *trusted_proxies; /* "127.0.0.1, 10.0.0.0/8, ::1": peers that tell the client's address */
    bool reads_forwarded;        /* those proxies write Forwarded; else X-Forwarded-For */
    struct mb_tally *tally;      /* tally.h; NULL = there is no max_connections_per_address */
    uint32_t tally_index;        /* which of its servers this one is */
    const char *cors_origins;    /* "", "*" or a list of exact origins */
    const char *gzip_types;      /* "application/json, *xml": which answers are compressed */
    bool access_log;
    bool server_timing;          /* dev: Server-Timing header */
};

/* Counters; memory given by the owner (shared memory), written by this server only. */
struct mb_http_stats {
    _Atomic uint64_t accepted, refused, closed;         /* connections; refused = over a ceiling */
    _Atomic uint64_t requests;                          /* replies finished */
    _Atomic uint64_t by_class[6];                       /* [2] = 2xx ... */
    _Atomic uint64_t bad_requests;                      /* refused by the parser or its guards */
    _Atomic uint64_t timeouts;
    _Atomic uint64_t bytes_in, bytes_out;
    _Atomic uint64_t duration_us_sum;
    _Atomic uint64_t duration_bucket[12];               /* <=1ms 2.5 5 10 25 50 100 250 500 1000 2500, more */
    _Atomic uint64_t open;                              /* gauge */
    _Atomic uint64_t in_flight;                         /* gauge */
};

struct mb_http_header {
    struct mb_str name, value;
};

struct mb_http_handler {
    void *ctx;
    void (*on_head)(void *ctx, struct mb_http_request *req);
    /* A piece of a streamed body; return false to stop reading (back-pressure) until
     * mb_http_body_resume. */
    bool (*on_body)(void *ctx, struct mb_http_request *req, struct mb_str piece);
    void (*on_ready)(void *ctx, struct mb_http_request *req);
    void (*on_body_end)(void *ctx, struct mb_http_request *req); /* STREAM only */
    void (*on_writable)(void *ctx, struct mb_http_request *req); /* after mb_http_write said full */
    /* The client is gone or the request's deadline passed while the handler still worked. */
    void (*on_abort)(void *ctx, struct mb_http_request *req);
    void (*on_end)(void *ctx, struct mb_http_request *req);
};

/* ---- server ---- */
MB_MUST_CHECK enum mb_rc mb_http_server_new(struct mb_http_server **out, uv_loop_t *loop,
                                            const struct mb_http_config *config,
                                            const struct mb_http_handler *handler,
                                            struct mb_http_stats *stats, struct mb_err *err);
/* Adds a listening socket (borrowed fd, non-blocking). tag comes back from mb_http_tag: the
 * public and the admin address are two tags. Accepting starts with mb_http_accept(…, true). */
MB_MUST_CHECK enum mb_rc mb_http_listen(struct mb_http_server *s, int fd, int tag, int *out_index,
                                        struct mb_err *err);
void mb_http_accept(struct mb_http_server *s, int index, bool on);
/* Serves a connected stream socket as if it had been accepted from 127.0.0.1; takes fd over. */
void mb_http_adopt(struct mb_http_server *s, int fd, int tag);
/* Goes on accepting from it while the server drains. Its connections do not hold the drain up. */
void mb_http_outlast(struct mb_http_server *s, int index);
/* Graceful end: take in what waits to be accepted and stop accepting, answer what is in flight
 * (Connection: close), close idle connections; calls done when the last connection is gone or
 * after deadline_ms, when the rest is cut. */
void mb_http_drain(struct mb_http_server *s, uint32_t deadline_ms, void (*done)(void *ctx, bool clean),
                   void *ctx);
bool mb_http_draining(const struct mb_http_server *s);
/* After drain, when the loop has run dry of its handles. */
void mb_http_server_free(struct mb_http_server *s);

/* ---- request (borrowed strings live until on_end) ---- */
enum mb_method mb_http_method(const struct mb_http_request *r);
struct mb_str mb_http_path(const struct mb_http_request *r);  /* raw, before '?'; starts with '/' */
struct mb_str mb_http_query(const struct mb_http_request *r); /* raw, after '?'; may be empty */
/* First field of that name (lower-case literal); ptr NULL when absent. */
struct mb_str mb_http_header(const struct mb_http_request *r, struct mb_str name);
size_t mb_http_header_count(const struct mb_http_request *r);
struct mb_http_header mb_http_header_at(const struct mb_http_request *r, size_t i);
struct mb_str mb_http_body(const struct mb_http_request *r);  /* BUFFER mode, from on_ready on */
const char *mb_http_id(const struct mb_http_request *r);      /* request id, NUL-terminated */
struct mb_str mb_http_traceparent(const struct mb_http_request *r); /* valid one or empty */
const char *mb_http_client(const struct mb_http_request *r);  /* address after trusted proxies */
int mb_http_tag(const struct mb_http_request *r);
uint64_t mb_http_deadline_ns(const struct mb_http_request *r); /* monotonic; request_timeout */
bool mb_http_has_body(const struct mb_http_request *r);        /* a body was announced */
bool mb_http_replied(const struct mb_http_request *r);         /* a head was sent or queued */
void mb_http_set_data(struct mb_http_request *r, void *data);
void *mb_http_data(const struct mb_http_request *r);
/* For the access log and metrics: the route's pattern; borrowed, must outlive the request. */
void mb_http_set_route(struct mb_http_request *r, const char *pattern);
/* X-Generation of the answer: which scripts gave it; borrowed as above. */
void mb_http_set_generation(struct mb_http_request *r, const char *name);
/* A field of whatever answer comes, the server's own ones too, in place of an earlier one of that name; to be
 * set before the reply. False when it is not to be sent (see mb_http_reply), or without memory. */
bool mb_http_set_field(struct mb_http_request *r, struct mb_str name, struct mb_str value);

/* In on_head. A longer body than max_bytes is answered 413; of a BUFFER route they are cut to limits.max_body. */
void mb_http_accept_body(struct mb_http_request *r, enum mb_body_mode mode, uint64_t max_bytes);
/* The handler of a STREAM route wants its body: a client that waits to be asked for it (100 Continue) is. Who
 * answers before that is sent no body by such a client. */
void mb_http_body_want(struct mb_http_request *r);
void mb_http_body_resume(struct mb_http_request *r);
/* In on_head: whether the announced body comes uncompressed and, where JSON is wanted, as JSON. What
 * does not is answered 415 here, with what is accepted (RFC 9110 section 15.5.16). */
bool mb_http_body_is_readable(struct mb_http_request *r, bool wants_json);
/* How much the client wants a media type, such as "text/html", by Accept (RFC 9110 section 12.5.1):
 * in thousandths, 0 = not at all, 1000 without the field. The most specific range decides. */
int mb_http_weight_of(const struct mb_http_request *r, struct mb_str type);

/* ---- reply ---- */
/* Whole reply in one call; everything is copied. content_type NULL = none. Extra header names
 * and values are checked (token, no control bytes): a bad one ends in 500. Date, Content-Length,
 * X-Request-Id, Connection, CORS and Vary are added; gzip where the client accepts it and the
 * type is compressible. HEAD sends no body. A 200 to GET or HEAD whose ETag the client names in
 * If-None-Match becomes a 304 without one, streamed or not. */
void mb_http_reply(struct mb_http_request *r, int status, const char *content_type,
                   const struct mb_http_header *extra, size_t nextra, struct mb_str body);
/* RFC 9457 application/problem+json. code is the stable word; detail may be NULL;
 * members_json holds further members of the document, each with a comma before it, or is empty.
 * retry_after_s < 0 = no Retry-After. */
void mb_http_problem(struct mb_http_request *r, int status, const char *code, const char *detail,
                     struct mb_str members_json, int retry_after_s,
                     const struct mb_http_header *extra, size_t nextra);
/* Streamed reply: begin, write…, end; chunked for 1.1, close-delimited for 1.0. write returns
 * false when the queue is above max_output_bytes: wait for on_writable. abort cuts the connection
 * so that the client sees a broken body. */
void mb_http_begin(struct mb_http_request *r, int status, const char *content_type,
                   const struct mb_http_header *extra, size_t nextra);
bool mb_http_write(struct mb_http_request *r, struct mb_str piece);
void mb_http_end(struct mb_http_request *r);
void mb_http_abort(struct mb_http_request *r);

/* Start-up self-test: false when the llhttp linked here parses lax. */
bool mb_http_parser_is_strict(void);
