/* Growing text and a one-level JSON look-up. Knows nothing of HTTP. */
#define _GNU_SOURCE
#include "kit/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(2);
}

void *must(void *memory)
{
    if (!memory)
        die("out of memory");
    return memory;
}

static void text_reserve(struct text *t, size_t extra)
{
    size_t cap = t->cap ? t->cap : 256;
    while (cap < t->len + extra + 1)
        cap *= 2;
    if (cap != t->cap) {
        t->ptr = must(realloc(t->ptr, cap));
        t->cap = cap;
    }
}

void text_add(struct text *t, const char *ptr, size_t len)
{
    text_reserve(t, len);
    if (len > 0)
        memcpy(t->ptr + t->len, ptr, len);
    t->len += len;
    t->ptr[t->len] = '\0';
}

void text_addf(struct text *t, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int need = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (need < 0)
        die("cannot format %s", fmt);
    text_reserve(t, (size_t)need);
    vsnprintf(t->ptr + t->len, (size_t)need + 1, fmt, again);
    va_end(again);
    t->len += (size_t)need;
}

void text_json(struct text *t, const char *ptr, size_t len)
{
    text_add(t, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)ptr[i];
        if (c == '"' || c == '\\')
            text_addf(t, "\\%c", c);
        else if (c < 0x20)
            text_addf(t, "\\u%04x", c);
        else
            text_add(t, ptr + i, 1);
    }
    text_add(t, "\"", 1);
}

void text_clear(struct text *t)
{
    t->len = 0;
}

void text_drop(struct text *t, size_t n)
{
    t->len -= n;
    if (t->len > 0)
        memmove(t->ptr, t->ptr + n, t->len);
}

void text_free(struct text *t)
{
    free(t->ptr);
    *t = (struct text){0};
}

/* The index after the string that starts at the quote json[i]. */
static size_t after_string(const char *json, size_t len, size_t i)
{
    for (i++; i < len && json[i] != '"'; i++)
        if (json[i] == '\\')
            i++;
    return i + 1;
}

static bool copy_value(const char *json, size_t len, size_t i, char *out, size_t cap)
{
    size_t from = i, end;
    if (json[i] == '"') {
        from = i + 1;
        end = after_string(json, len, i) - 1;
    } else {
        for (end = i; end < len && !strchr(",}] \n", json[end]);)
            end++;
    }
    if (end > len || end - from >= cap)
        return false;
    memcpy(out, json + from, end - from);
    out[end - from] = '\0';
    return true;
}

bool json_field(const char *json, size_t len, const char *key, char *out, size_t cap)
{
    size_t klen = strlen(key);
    int depth = 0;
    for (size_t i = 0; i < len;) {
        char c = json[i];
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        if (c != '"') {
            i++;
            continue;
        }
        size_t end = after_string(json, len, i);
        bool hit = depth == 1 && end == i + klen + 2 && end < len &&
                   memcmp(json + i + 1, key, klen) == 0;
        i = end;
        while (hit && i < len && json[i] == ' ')
            i++;
        if (!hit || i >= len || json[i] != ':')
            continue;
        for (i++; i < len && (json[i] == ' ' || json[i] == '\n');)
            i++;
        return i < len && copy_value(json, len, i, out, cap);
    }
    return false;
}
