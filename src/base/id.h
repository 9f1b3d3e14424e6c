#pragma once
/*
 * Identifiers. New row ids are cuid-shaped: 25 characters, 'c', then 8 base-36 digits of the
 * milliseconds since 1970, then 16 random base-36 digits: unique and ordered by time. The SQL
 * function mb_cuid() of the migrations makes the same shape.
 */
#include <stdint.h>

#include "base/buf.h"

enum { MB_CUID_LEN = 25, MB_REQUEST_ID_LEN = 32, MB_REFERENCE_LEN = 8 };

void mb_random(void *p, size_t n);                    /* kernel randomness, buffered per process */
void mb_random_after_fork(void);                      /* drop buffered randomness in a child */
void mb_cuid(char out[MB_CUID_LEN + 1]);
void mb_request_id(char out[MB_REQUEST_ID_LEN + 1]);  /* 32 lower-case hex digits */
void mb_reference(char out[MB_REFERENCE_LEN + 1]);    /* 8 Crockford base-32 characters */
