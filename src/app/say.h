#pragma once
/*
 * What medbookd tells the person at the terminal: one line each on standard error, begun with
 * "medbookd: ". The structured log is base/log.h.
 */
#include "base/buf.h"

void mb_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Each line of a text as one of these. */
void mb_say_lines(struct mb_str text);
/* The line of a failure: `medbookd: <what>: <why>; <what to do>`. */
void mb_say_error(const struct mb_err *err);
