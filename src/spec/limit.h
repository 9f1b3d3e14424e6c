#pragma once
/*
 * How long the code of specs may take at a stretch: a test, a setup, the lines of a file outside of them. What passes
 * its limit is ended by an error, which it meets again at its next instruction when it catches it, until it
 * has been left. Code in C that no error reaches (os.execute, a pattern) ends the process GRACE_MS later, which says
 * who it was. One per process, for the thread that opens it.
 */
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum { MB_LIMIT_GRACE_MS = 3000 };

/* key is the configuration key of ms (0 = no limit), borrowed; L the main thread of the specs' state. */
MB_MUST_CHECK enum mb_rc mb_limit_open(lua_State *L, const char *key, uint64_t ms,
                                       struct mb_err *err);
void mb_limit_close(void);
/* within(what, f, …) -> what f returns. Calls f under the limit; `what` names it in the error. One inside another
 * has a limit of its own, and the outer one goes on afterwards. */
int mb_limit_within(lua_State *L);
/* How much is left of what runs, in ms; at most `most`. */
uint64_t mb_limit_left(uint64_t most);
/* Whether the limit has passed. Then L meets the error at its next instruction: for code in C that came back early. */
bool mb_limit_is_over(lua_State *L);
