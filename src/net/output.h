#pragma once
/*
 * What goes to the client. Answers made in one turn are gathered in a buffer of the server and
 * sent with one call; what the kernel does not take is kept by the connection.
 */
#include "net/conn.h"

/* The buffer to append to; everything appended before the next flush goes out in order. */
struct mb_buf *mb_output__buf(struct mb_conn *c);
/* Bytes not yet taken by the kernel. */
size_t mb_output__due(const struct mb_conn *c);
bool mb_output__is_full(const struct mb_conn *c);
/* Sends what can be sent now. A broken connection is cut. */
void mb_output__flush(struct mb_conn *c);
void mb_output__drop(struct mb_conn *c);
