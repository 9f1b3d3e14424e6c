#pragma once
/* Lists inside header values: elements separated by one character, with blanks around them. */
#include "base/buf.h"

struct mb_str mb_token_trim(struct mb_str s); /* without SP and HT at both ends */
/* Takes the first (next) or last (pop) element off the list; empty ones come as len 0. */
struct mb_str mb_token_next(struct mb_str *list, char separator);
struct mb_str mb_token_pop(struct mb_str *list, char separator);
/* Whether a comma list holds the word, without regard to case. */
bool mb_token_list_has(struct mb_str list, struct mb_str word);
/* Accept-Encoding: whether `coding` may be sent (q above 0, by name, else by "*"). */
bool mb_token_accepts(struct mb_str list, struct mb_str coding);
