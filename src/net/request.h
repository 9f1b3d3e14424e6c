#pragma once
/*
 * One request: a block that comes from the server's free list with the first byte of a head and
 * goes back when both the answer and the body are done with.
 */
#include <llhttp.h>

#include "net/fault.h"
#include "net/guard.h"
#include "net/server.h"

enum { MB_REQUEST_ID_MAX = 128 };

enum mb_stage {
    MB_STAGE_HEAD,
    MB_STAGE_WAIT,    /* the handler has the head and has not said what to do with the body */
    MB_STAGE_BODY,
    MB_STAGE_COMPLETE /* nothing more to read */
};

enum mb_reply_state { MB_REPLY_NONE, MB_REPLY_STREAM, MB_REPLY_DONE };

/* Header fields the server itself acts on; the order is that of known_names in check.c. */
enum mb_known {
    MB_KNOWN_HOST, MB_KNOWN_ACCEPT, MB_KNOWN_ORIGIN, MB_KNOWN_EXPECT, MB_KNOWN_CONNECTION,
    MB_KNOWN_TRACEPARENT, MB_KNOWN_REQUEST_ID, MB_KNOWN_CONTENT_TYPE, MB_KNOWN_AUTHORIZATION,
    MB_KNOWN_IF_NONE_MATCH, MB_KNOWN_CONTENT_LENGTH, MB_KNOWN_ACCEPT_ENCODING,
    MB_KNOWN_IDEMPOTENCY_KEY, MB_KNOWN_CONTENT_ENCODING, MB_KNOWN_TRANSFER_ENCODING,
    MB_KNOWN_COUNT
};

struct mb_field { /* offsets into text */
    uint32_t name, name_len, value, value_len;
};

struct mb_http_request {
    struct mb_conn *conn;
    struct mb_http_request *next_free;
    llhttp_t parser;          /* these two are at work on what is being read: the head, later its */
    struct mb_guard guard;    /* chunks and trailers; what the head said is kept below */

    char *text;               /* target, names and values, one after the other */
    uint32_t text_len, text_cap;
    uint32_t target, target_len; /* offset in text */
    struct mb_field *fields;  /* room for limits.max_headers, and a Host taken from the target */
    uint32_t nfields;
    uint16_t known[MB_KNOWN_COUNT];       /* 1 + index of the first, 0 = absent */
    uint8_t known_times[MB_KNOWN_COUNT];  /* how often, stops at 2 */

    uint8_t method;           /* enum mb_method */
    uint8_t minor;            /* HTTP/1.minor */
    uint8_t stage;            /* enum mb_stage */
    uint8_t mode;             /* enum mb_body_mode */
    uint8_t reply;            /* enum mb_reply_state */
    uint8_t fault;            /* enum mb_fault, set by callbacks of the parser */
    bool in_name, in_value;   /* of the field being read */
    bool has_method;          /* the method is one of ours */
    bool aborted;             /* on_abort was called */
    bool announced;           /* on_head was called */
    bool ended;               /* on_end was called, or never will be */
    bool accepted;            /* the handler has said what to do with the body */
    bool ready_due;           /* on_ready is to be called */
    bool end_due;             /* on_body_end is to be called */
    bool close;               /* the connection ends with this request */
    bool keep_alive;          /* what the client wants */
    bool expects_continue;
    bool chunked, trailers, last_chunk;
    bool in_chunk;            /* its size was read, its end was not */
    bool sized;               /* a Content-Length above 0 */
    bool too_large;           /* the body is over its ceiling */
    bool paused;              /* on_body said stop */
    bool discard;             /* the body is read and thrown away */
    bool wants_writable;      /* mb_http_write said full */
    bool chunked_out;

    uint64_t body_left;       /* of a sized body */
    uint64_t body_seen;
    uint64_t body_max;
    struct mb_chunk_guard chunks;
    const char *chunk_mark;   /* where in the bytes being parsed those begin that it has not seen */
    struct mb_buf body;
    struct mb_buf fields_out; /* "\r\nName: value" of mb_http_set_field, one after the other */
    uint64_t started_ns, deadline_ns;
    uint64_t body_started;    /* loop time */

    int status;
    uint64_t sent;            /* body bytes of the answer */
    const char *route;
    const char *generation;   /* X-Generation of the answer; NULL = none */
    void *data;
    char id[MB_REQUEST_ID_MAX + 1];
    char client[MB_ADDR_TEXT];
};

/* NULL when there is no memory. */
struct mb_http_request *mb_request__new(struct mb_conn *c);
void mb_request__recycle(struct mb_http_request *r);
void mb_request__free_all(struct mb_http_server *s);
struct mb_str mb_request__known(const struct mb_http_request *r, enum mb_known k);
/* The lines of a field, and the elements of a list-based one over all its lines: in order, and
 * without empty ones (RFC 9110 sections 5.3 and 5.6.1). */
struct mb_lines {
    const struct mb_http_request *request;
    enum mb_known field;
    uint32_t next; /* 1 + index, 0 = no more */
};
struct mb_elements {
    struct mb_lines lines;
    struct mb_str left;
};
struct mb_lines mb_request__lines(const struct mb_http_request *r, enum mb_known k);
bool mb_request__next_line(struct mb_lines *l, struct mb_str *value);
struct mb_elements mb_request__elements(const struct mb_http_request *r, enum mb_known k);
bool mb_request__next_element(struct mb_elements *e, struct mb_str *element);
bool mb_request__grow_text(struct mb_http_request *r, size_t more);
bool mb_request__body_due(const struct mb_http_request *r); /* announced and not all read */

/* Answers a request that the server itself refuses; the connection ends with it. */
void mb_request__refuse(struct mb_http_request *r, enum mb_fault fault);
void mb_request__refuse_size(struct mb_http_request *r);
/* on_abort, once, if a handler still works. */
void mb_request__abort_handler(struct mb_http_request *r);
/* The connection is gone: on_abort if need be, and the end. */
void mb_request__abort(struct mb_http_request *r);
/* The answer is complete or will never be: on_end, counters, access log. */
void mb_request__end(struct mb_http_request *r);
