#pragma once
/* What checks of bodies look for in texts: the functions of mb.text and mb.time, for C. */
#include "base/buf.h"

/* Characters (bytes, where it is no UTF-8); *has_control: others than tab, line feed, carriage return. */
size_t mb_text_measure(struct mb_str s, bool *has_control);
/* An address that mail systems deliver to, without quotes and comments. */
bool mb_text_is_email(struct mb_str s);
/* A telephone number in international form, +27821234567: 7 to 15 digits (ITU-T E.164). */
bool mb_text_is_phone(struct mb_str s);
/* An instant of RFC 3339 in its one form, as of mb_rfc3339_ms; false when it is none. */
bool mb_text_instant(struct mb_str s, char out[25]);
