/*
 * The log of one process: lines are built whole; how they get out is log_queue.c. State is global on
 * purpose: a process has one log, and the lowest layer must be able to reach it.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log_queue.h"
#include "base/utf8.h"

enum {
    LINE_MAX_BYTES = 16 * 1024, /* a line; what does not fit is left out and marked */
    MARK_BYTES = 16,            /* room kept for the mark and the newline */
};

static struct {
    enum mb_log_level least;
    const char *process;
} state = {.least = MB_LOG_INFO, .process = "main"};

struct line {
    struct mb_buf text; /* never grows past memory */
    bool is_cut;
    char memory[LINE_MAX_BYTES];
};

/* The line that a thread is building: no lock is needed, and no function clears 16 KB of its stack. */
static _Thread_local struct line own_line;

/* A value of printable ASCII without blank, quote, '=' and backslash needs no quotes. */
static bool is_bare(struct mb_str v)
{
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = (unsigned char)v.ptr[i];
        if (c <= ' ' || c >= 0x7F || c == '"' || c == '=' || c == '\\') return false;
    }
    return v.len > 0;
}

static enum mb_rc add_byte(struct mb_buf *b, unsigned char c)
{
    switch (c) {
    case '\n': return mb_buf_addz(b, "\\n");
    case '\r': return mb_buf_addz(b, "\\r");
    case '\t': return mb_buf_addz(b, "\\t");
    case '"': return mb_buf_addz(b, "\\\"");
    case '\\': return mb_buf_addz(b, "\\\\");
    default: return mb_buf_addf(b, "\\x%02x", c);
    }
}

/* Length of the character at p if it may stand in a log as it is, else 0. C1 controls
 * (U+0080..U+009F) steer terminals as C0 ones do. */
static size_t harmless(const unsigned char *p, const unsigned char *end)
{
    size_t n = mb_utf8__step(p, end);
    if (n == 1) return *p >= 0x20 && *p != 0x7F && *p != '"' && *p != '\\';
    if (n == 2 && p[0] == 0xC2 && p[1] < 0xA0) return 0;
    return n;
}

static enum mb_rc add_quoted(struct mb_buf *b, struct mb_str v)
{
    const unsigned char *p = (const unsigned char *)v.ptr, *end = p + v.len;
    enum mb_rc rc = mb_buf_add(b, "\"", 1);
    while (rc == MB_OK && p < end) {
        const unsigned char *run = p;
        size_t n;
        while (p < end && (n = harmless(p, end)) > 0) p += n;
        rc = mb_buf_add(b, run, (size_t)(p - run));
        if (rc == MB_OK && p < end) rc = add_byte(b, *p++);
    }
    return rc == MB_OK ? mb_buf_add(b, "\"", 1) : rc;
}

enum mb_rc mb_log_pair(struct mb_buf *b, const char *key, struct mb_str value)
{
    size_t before = b->len;
    enum mb_rc rc = b->len ? mb_buf_add(b, " ", 1) : MB_OK;
    if (rc == MB_OK) rc = mb_buf_addz(b, key);
    if (rc == MB_OK) rc = mb_buf_add(b, "=", 1);
    if (rc == MB_OK)
        rc = is_bare(value) ? mb_buf_add(b, value.ptr, value.len) : add_quoted(b, value);
    if (rc != MB_OK) b->len = before; /* never half a pair */
    return rc;
}

static void add(struct line *line, const char *key, struct mb_str value)
{
    if (mb_log_pair(&line->text, key, value) != MB_OK) line->is_cut = true;
}

static void begin(struct line *line, enum mb_log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char time[25];
    mb_rfc3339_ms(mb_wall_ms(), time);
    line->is_cut = false;
    line->text = (struct mb_buf){
        .data = line->memory, .cap = sizeof line->memory, .max = LINE_MAX_BYTES - MARK_BYTES};
    add(line, "time", mb_str_z(time));
    add(line, "level", mb_str_z(names[level]));
    add(line, "proc", mb_str_z(state.process));
}

static void add_pairs(struct line *line, const char *msg, va_list args)
{
    add(line, "msg", mb_str_z(msg));
    const char *key;
    while ((key = va_arg(args, const char *)) != NULL) {
        const char *value = va_arg(args, const char *);
        add(line, key, mb_str_z(value ? value : "-"));
    }
}

/* The room for the mark and the newline was kept. */
static struct mb_str end(struct line *line)
{
    static const char mark[] = " cut=true";
    char *at = line->memory + line->text.len;
    if (line->is_cut) {
        memcpy(at, mark, sizeof mark - 1);
        at += sizeof mark - 1;
    }
    *at++ = '\n';
    return (struct mb_str){line->memory, (size_t)(at - line->memory)};
}

static void put(struct line *line, enum mb_log_level level)
{
    struct mb_str whole = end(line);
    mb_log__put(whole.ptr, whole.len, level >= MB_LOG_WARN);
}

void mb_log(enum mb_log_level level, const char *msg, ...)
{
    if (level < state.least) return;
    va_list args;
    begin(&own_line, level);
    va_start(args, msg);
    add_pairs(&own_line, msg, args);
    va_end(args);
    put(&own_line, level);
}

void mb_log_line(enum mb_log_level level, struct mb_str raw)
{
    if (level < state.least) return;
    struct line *line = &own_line;
    begin(line, level);
    size_t room = line->text.max - line->text.len;
    if (raw.len + 1 > room) {
        raw.len = room - 1;
        line->is_cut = true;
    }
    if (mb_buf_add(&line->text, " ", 1) != MB_OK ||
        mb_buf_add(&line->text, raw.ptr, raw.len) != MB_OK)
        line->is_cut = true;
    put(line, level);
}

void mb_log_say(struct mb_str line) { mb_log__put(line.ptr, line.len, true); }

void mb_log_dying(const char *msg, ...)
{
    static struct line line; /* that of the thread may be in work */
    va_list args;
    begin(&line, MB_LOG_ERROR);
    va_start(args, msg);
    add_pairs(&line, msg, args);
    va_end(args);
    struct mb_str whole = end(&line);
    mb_log__put_last(whole.ptr, whole.len);
}

/* ---- the way out ---- */

void mb_log_init(int fd, enum mb_log_level least, const char *process)
{
    mb_log__to(fd);
    state.least = least;
    state.process = process;
}

enum mb_log_level mb_log_threshold(void) { return state.least; }

static size_t tell_dropped(char *out, size_t size, uint64_t lines)
{
    char number[24];
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)lines);
    begin(&own_line, MB_LOG_WARN);
    add(&own_line, "msg", MB_STR("lines of this log were dropped: nobody read them"));
    add(&own_line, "lines", mb_str_z(number));
    struct mb_str whole = end(&own_line);
    if (whole.len > size) return 0;
    memcpy(out, whole.ptr, whole.len);
    return whole.len;
}

enum mb_rc mb_log_queue(size_t bytes)
{
    char *memory = malloc(bytes);
    if (memory == NULL) return MB_E_NOMEM;
    mb_log__queue(memory, bytes, tell_dropped);
    return MB_OK;
}

void mb_log_count(_Atomic uint64_t *dropped) { mb_log__count(dropped); }

void mb_log_flush(void) { mb_log__flush(); }
