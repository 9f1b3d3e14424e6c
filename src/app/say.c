/* Each line goes the way of the log, so that the two keep their order and neither waits for a reader. */
#include "app/say.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/log.h"

enum { MAX_LINE = 2048 };

void mb_say(const char *fmt, ...)
{
    char line[MAX_LINE] = "medbookd: ";
    size_t start = sizeof "medbookd: " - 1, room = sizeof line - start - 1;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line + start, room, fmt, args);
    va_end(args);
    if (n < 0) return;
    size_t len = start + ((size_t)n < room ? (size_t)n : room - 1);
    line[len++] = '\n';
    mb_log_say((struct mb_str){line, len});
}

void mb_say_lines(struct mb_str text)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) stop = end;
        mb_say("%.*s", (int)(stop - at), at);
        at = stop + 1;
    }
}

void mb_say_error(const struct mb_err *err)
{
    mb_say("%s", err->text[0] != '\0' ? err->text : mb_rc_text(err->rc));
}
