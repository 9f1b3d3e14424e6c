#pragma once
/* Lists inside field values: elements separated by one character, with blanks around them. What
 * stands in quotation marks separates nothing (RFC 9110 section 5.6.4). */
#include "base/buf.h"

struct mb_str mb_token_trim(struct mb_str s); /* without SP and HT at both ends */
/* Takes the first (next) or last (pop) element off the list; empty ones come as len 0. */
struct mb_str mb_token_next(struct mb_str *list, char separator);
struct mb_str mb_token_pop(struct mb_str *list, char separator);
/* The weight among the parameters of an element (RFC 9110 section 12.4.2), in thousandths: 1000
 * without one, -1 when it is none. */
int mb_token_weight(struct mb_str params);
/* The text of a token or quoted-string in room; false when it does not fit or is not closed. */
bool mb_token_unquote(struct mb_str s, char *room, size_t size, struct mb_str *out);
