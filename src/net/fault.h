#pragma once
/*
 * What can be wrong with a request before a handler decides about it: one map of constant, HTTP
 * status, stable code and text. A text with %u names the limit that was exceeded, and the
 * configuration key that sets it.
 */
#include "net/http.h"

/* X(constant, status, code, text, member of struct mb_http_limits that %u stands for) */
#define MB_FAULT_MAP(X)                                                                           \
    X(REQUEST_LINE, 400, "bad_request_line", "the request line is malformed", max_target)         \
    X(VERSION, 505, "http_version_not_supported", "only HTTP/1.0 and HTTP/1.1 are spoken here",   \
      max_target)                                                                                 \
    X(METHOD, 501, "method_not_implemented", "this method is not implemented", max_target)        \
    X(TARGET, 400, "bad_target",                                                                  \
      "the request target must be a path, alone or in an http URL, with valid characters, "       \
      "escapes and UTF-8", max_target)                                                            \
    X(TARGET_LENGTH, 414, "target_too_long",                                                      \
      "the request target is over %u bytes (http.max_target)", max_target)                        \
    X(HEAD_LENGTH, 431, "head_too_large",                                                         \
      "the request head is over %u bytes (http.max_header_bytes)", max_header_bytes)              \
    X(FIELD_LENGTH, 431, "header_line_too_large",                                                 \
      "a header field is over %u bytes (http.max_header_line)", max_header_line)                  \
    X(FIELD_COUNT, 431, "too_many_headers",                                                       \
      "there are more than %u header fields (http.max_headers)", max_headers)                     \
    X(FIELD, 400, "bad_header", "a header field is malformed", max_header_bytes)                  \
    X(FIELD_TEXT, 400, "bad_header", "a header value is not valid UTF-8", max_header_bytes)       \
    X(FIELD_REPEATED, 400, "repeated_header",                                                     \
      "Authorization, Content-Type and Idempotency-Key may each be sent once",                    \
      max_header_bytes)                                                                           \
    X(LINE_END, 400, "bad_line_end", "every line must end with CR LF", max_header_bytes)          \
    X(HOST, 400, "bad_host", "there must be exactly one valid Host field", max_header_bytes)      \
    X(FRAMING, 400, "bad_framing",                                                                \
      "the body length must be given by one Content-Length or by Transfer-Encoding: chunked",     \
      max_body)                                                                                   \
    X(CHUNK, 400, "bad_chunk", "the chunked body is malformed", max_body)                         \
    X(CHUNK_LINE, 400, "chunk_line_too_long",                                                     \
      "a chunk line is over %u bytes (http.max_header_line)", max_header_line)                    \
    X(CHUNK_EXTENSIONS, 413, "chunk_extensions_too_large",                                        \
      "the chunk extensions of a body are over %u bytes (http.max_chunk_extensions)",             \
      max_chunk_extensions)                                                                       \
    X(BODY_REFUSED, 400, "body_not_allowed", "this method takes no body", max_body)               \
    X(EXPECT, 417, "expectation_failed", "only Expect: 100-continue is understood", max_body)     \
    X(HEAD_TIMEOUT, 408, "head_timeout",                                                          \
      "the request head took longer than %u ms (http.head_timeout)", head_timeout)                \
    X(BODY_TIMEOUT, 408, "body_timeout",                                                          \
      "no body bytes came for %u ms (http.body_timeout)", body_timeout)                           \
    X(BODY_RATE, 408, "body_too_slow",                                                            \
      "the body came slower than %u bytes per second (http.body_min_rate)", body_min_rate)        \
    X(REQUEST_TIMEOUT, 504, "request_timeout",                                                    \
      "the request was not answered within %u ms (http.request_timeout)", request_timeout)        \
    X(NO_MEMORY, 503, "out_of_memory", "out of memory", max_body)

enum mb_fault {
    MB_FAULT_NONE = 0,
#define MB_X(name, status, code, text, limit) MB_FAULT_##name,
    MB_FAULT_MAP(MB_X)
#undef MB_X
};

int mb_fault__status(enum mb_fault f);
const char *mb_fault__code(enum mb_fault f);
/* The text with its limit filled in. */
void mb_fault__text(enum mb_fault f, const struct mb_http_limits *limits, char *out, size_t size);
