#pragma once
/* The serve loop: input of one connection -> requests -> handler, one request after the other. */
#include "net/request.h"

void mb_serve__input(struct mb_conn *c, const char *p, size_t n);
void mb_serve__pending(struct mb_conn *c); /* goes on with what was read before */
void mb_serve__writable(struct mb_conn *c); /* there is room for output again */
/* Below http.body_min_rate, once http.body_timeout is over. */
bool mb_serve__is_too_slow(const struct mb_http_request *r);
