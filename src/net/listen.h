#pragma once
/* Listening sockets: accepting, refusing over a ceiling, pausing when descriptors run out. */
#include "net/server.h"

void mb_listen__stop_all(struct mb_http_server *s);
/* Called from the sweep: accepting goes on after a pause. */
void mb_listen__resume(struct mb_http_server *s);
void mb_listen__close_all(struct mb_http_server *s);
/* The descriptor kept for the day there is no other. */
void mb_listen__reserve(struct mb_http_server *s);
