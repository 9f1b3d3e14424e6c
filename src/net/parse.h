#pragma once
/* Bytes -> request: guard, llhttp, head checks, body framing. Says where a request ends. */
#include "net/request.h"

enum mb_parse { MB_PARSE_MORE, MB_PARSE_DONE, MB_PARSE_STOP, MB_PARSE_BAD };

void mb_parse__start(struct mb_http_request *r);
/* Takes bytes of the head; DONE when it is complete and valid, BAD with r->fault set. */
enum mb_parse mb_parse__head(struct mb_http_request *r, const char *p, size_t n, size_t *taken);
/* Takes bytes of the body; STOP when the handler wants a pause. BAD with
 * r->too_large or r->fault set. */
enum mb_parse mb_parse__body(struct mb_http_request *r, const char *p, size_t n, size_t *taken);
/* What llhttp does not check of a complete head. Fills in method, framing, keep-alive. */
enum mb_fault mb_check__head(struct mb_http_request *r);
/* target.c: target and Host. After it the target is a path with perhaps a query, or "*", and Host
 * names the authority that the request is for. */
enum mb_fault mb_check__target(struct mb_http_request *r);
