#pragma once
/* Answers: what stands in them, and the one writer of response heads. */
#include "net/request.h"

struct mb_reply_plan {
    int status;
    const char *type;                   /* Content-Type or NULL */
    const struct mb_http_header *extra;
    size_t nextra;
    int retry_after_s;                  /* below 0 = none */
    uint64_t length;                    /* of the body, unless streamed */
    bool streamed;
    bool gzip;                          /* Content-Encoding: gzip */
    bool vary_encoding;                 /* the same answer may come compressed or not */
    bool gzip_tag;                      /* the strong ETag among extra is sent as the gzip form's */
    bool preflight;                     /* the CORS preflight's own fields */
};

/* Whether this status comes without a body. */
bool mb_reply__is_bodiless(int status);
/* The answer in one piece; r->close is decided here. */
void mb_reply__whole(struct mb_http_request *r, struct mb_reply_plan *plan, struct mb_str body);
/* Answers what needs no handler: CORS preflights and OPTIONS *. False: not such a request. */
bool mb_reply__by_server(struct mb_http_request *r);
/* The ready-made answer for connections over a ceiling. */
struct mb_str mb_reply__overload(struct mb_http_server *s);
/* A problem document of the server itself. */
void mb_reply__problem(struct mb_http_request *r, struct mb_reply_plan *plan, const char *code,
                       const char *detail, struct mb_str members_json);

/* conditional.c: makes a 200 whose ETag the client names in If-None-Match a 304 without a type. */
void mb_conditional__apply(const struct mb_http_request *r, struct mb_reply_plan *plan);
/* The body was compressed: so is what the ETag names. */
void mb_conditional__compressed(struct mb_reply_plan *plan);
char *mb_conditional__put_gzip_tag(char *p, struct mb_str etag);

/* negotiate.c: whether the client wants an answer compressed, by Accept-Encoding. */
bool mb_negotiate__wants_gzip(const struct mb_http_request *r);

/* head.c: appends status line and fields, and makes room for `body` bytes after them. */
enum mb_rc mb_head__write(struct mb_http_request *r, const struct mb_reply_plan *plan, size_t body,
                          struct mb_buf *out);
/* The name of the first extra field that may not be sent; ptr NULL when all are fine. */
bool mb_head__is_fine(const struct mb_reply_plan *plan);
const char *mb_head__reason(int status);
