#pragma once
/*
 * Texts of Lua run one by one in a state of scripts, as a request would run: they may wait, and each is a
 * task of its own. What one assigns to a global, the next one has; the scripts have it not.
 */
#include "bind/vm.h"

struct mb_console;

enum mb_console_result {
    MB_CONSOLE_DONE,
    MB_CONSOLE_FAILED,    /* why: in out */
    MB_CONSOLE_INCOMPLETE /* the text goes on; nothing was run */
};

/* Beside the scripts' own, texts have `db`, `sql(text, ...)` and `require`. */
MB_MUST_CHECK enum mb_rc mb_console_new(struct mb_console **out, struct mb_vm *vm,
                                        struct mb_err *err);
void mb_console_free(struct mb_console *c);
/* Turns the loop until the text has run; out is what it printed and what it is, ready to be shown. Ends it when
 * *is_cancelled becomes true, which is looked at between turns of the loop. */
enum mb_console_result mb_console_run(struct mb_console *c, struct mb_str text,
                                      const volatile bool *is_cancelled, struct mb_buf *out);
