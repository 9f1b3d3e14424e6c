/* The record of calls and answers. Knows nothing of why a call is made. */
#include "history.h"

#include <string.h>

void history_open(struct history *h, const char *path)
{
    h->file = NULL;
    if (!path)
        return;
    h->file = fopen(path, "a");
    if (!h->file)
        die("could not open the history %s", path);
}

static void begin(struct text *line, const char *event, const struct call *call)
{
    text_addf(line, "{\"us\":%llu,\"event\":\"%s\",\"op\":\"%s\",\"key\":",
              (unsigned long long)now_us(), event, call->op);
    text_json(line, call->key, strlen(call->key));
    text_addf(line, ",\"what\":");
    text_json(line, call->what, strlen(call->what));
}

static void end(struct history *h, struct text *line)
{
    text_addf(line, "}\n");
    if (fwrite(line->ptr, 1, line->len, h->file) != line->len || fflush(h->file) != 0)
        die("could not write the history");
    text_free(line);
}

void history_sent(struct history *h, const struct call *call)
{
    struct text line = {0};
    if (!h->file)
        return;
    begin(&line, "sent", call);
    end(h, &line);
}

void history_answered(struct history *h, const struct call *call, const struct reply *r)
{
    struct text line = {0};
    if (!h->file)
        return;
    begin(&line, "answered", call);
    text_addf(&line, ",\"status\":%d,\"body\":", r->status);
    text_json(&line, r->body, r->body_len);
    end(h, &line);
}

void history_lost(struct history *h, const struct call *call, const char *why)
{
    struct text line = {0};
    if (!h->file)
        return;
    begin(&line, "lost", call);
    text_addf(&line, ",\"why\":\"%s\"", why);
    end(h, &line);
}

void history_close(struct history *h)
{
    if (h->file && fclose(h->file) != 0)
        die("could not write the history");
    h->file = NULL;
}
