/* Words, statuses and texts of the error map. It must not know who raises an error. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct entry {
    const char *word;
    int status;
    const char *text;
};

static const struct entry unknown = {"unknown_error", 500, "unknown error"};

static const struct entry *find(enum mb_rc rc)
{
    static const struct entry ok = {"ok", 200, "ok"};
    static const struct entry map[] = {
#define MB_X(name, word, status, text) {word, status, text},
        MB_ERROR_MAP(MB_X)
#undef MB_X
    };
    if (rc == MB_OK) return &ok;
    int index = (int)rc - (int)MB_E__base - 1;
    if (index < 0 || index >= (int)(sizeof map / sizeof map[0])) return &unknown;
    return &map[index];
}

const char *mb_rc_word(enum mb_rc rc) { return find(rc)->word; }

int mb_rc_status(enum mb_rc rc) { return find(rc)->status; }

const char *mb_rc_text(enum mb_rc rc) { return find(rc)->text; }

enum mb_rc mb_fail(struct mb_err *err, enum mb_rc rc, const char *fmt, ...)
{
    if (!err) return rc;
    memset(err, 0, sizeof *err);
    err->rc = rc;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    return rc;
}
