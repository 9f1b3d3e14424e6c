/*
 * The log of one process: lines are built whole, then buffered. State is global on purpose: a
 * process has one log, and the lowest layer must be able to reach it.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

enum {
    LINE_MAX_BYTES = 16 * 1024, /* a line; what does not fit is left out and marked */
    MARK_BYTES = 16,            /* room kept for the mark and the newline */
    PENDING_BYTES = 64 * 1024,  /* lines not yet written */
    FULL_WAIT_MS = 100,         /* a full pipe holds the process up no longer than this */
};

static struct {
    pthread_mutex_t lock;
    int fd;
    pid_t owner; /* the process that filled pending: a child must not write it again */
    enum mb_log_level least;
    const char *process;
    struct mb_buf line;
    size_t pending_len;
    char pending[PENDING_BYTES];
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = 2, .least = MB_LOG_INFO, .process = "main"};

static void write_pending(void)
{
    const char *p = state.pending, *end = p + state.pending_len;
    while (p < end) {
        ssize_t n = write(state.fd, p, (size_t)(end - p));
        if (n > 0) {
            p += n;
            continue;
        }
        if (n < 0 && errno == EINTR) continue;
        struct pollfd full = {.fd = state.fd, .events = POLLOUT};
        bool wait = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
        if (!wait || poll(&full, 1, FULL_WAIT_MS) <= 0)
            break; /* nobody reads the log: losing lines is better than stopping */
    }
    state.pending_len = 0;
}

void mb_log_init(int fd, enum mb_log_level least, const char *process)
{
    pthread_mutex_lock(&state.lock);
    if (state.owner == getpid()) write_pending();
    state.pending_len = 0;
    state.owner = getpid();
    state.fd = fd;
    state.least = least;
    state.process = process;
    pthread_mutex_unlock(&state.lock);
}

enum mb_log_level mb_log_threshold(void) { return state.least; }

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

static void pair_or_mark(struct mb_buf *line, bool *cut, const char *key, struct mb_str value)
{
    if (mb_log_pair(line, key, value) != MB_OK) *cut = true;
}

static void begin_line(struct mb_buf *line, enum mb_log_level level, bool *cut)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char time[25];
    mb_rfc3339_ms(mb_wall_ms(), time);
    line->max = LINE_MAX_BYTES - MARK_BYTES;
    mb_buf_clear(line);
    pair_or_mark(line, cut, "time", mb_str_z(time));
    pair_or_mark(line, cut, "level", mb_str_z(names[level]));
    pair_or_mark(line, cut, "proc", mb_str_z(state.process));
}

static void end_line(const struct mb_buf *line, enum mb_log_level level, bool cut)
{
    static const char mark[] = " cut=true";
    if (state.pending_len + LINE_MAX_BYTES > PENDING_BYTES) write_pending();
    char *at = state.pending + state.pending_len;
    if (line->len) {
        memcpy(at, line->data, line->len);
        at += line->len;
    }
    if (cut) {
        memcpy(at, mark, sizeof mark - 1);
        at += sizeof mark - 1;
    }
    *at++ = '\n';
    state.pending_len = (size_t)(at - state.pending);
    if (level >= MB_LOG_WARN) write_pending();
}

static void add_pairs(struct mb_buf *line, bool *cut, const char *msg, va_list args)
{
    pair_or_mark(line, cut, "msg", mb_str_z(msg));
    const char *key;
    while ((key = va_arg(args, const char *)) != NULL) {
        const char *value = va_arg(args, const char *);
        pair_or_mark(line, cut, key, mb_str_z(value ? value : "-"));
    }
}

void mb_log(enum mb_log_level level, const char *msg, ...)
{
    if (level < state.least) return;
    bool cut = false;
    va_list args;
    pthread_mutex_lock(&state.lock);
    begin_line(&state.line, level, &cut);
    va_start(args, msg);
    add_pairs(&state.line, &cut, msg, args);
    va_end(args);
    end_line(&state.line, level, cut);
    pthread_mutex_unlock(&state.lock);
}

void mb_log_line(enum mb_log_level level, struct mb_str raw)
{
    if (level < state.least) return;
    bool cut = false;
    pthread_mutex_lock(&state.lock);
    begin_line(&state.line, level, &cut);
    size_t room = state.line.max - state.line.len;
    if (raw.len + 1 > room) {
        raw.len = room - 1;
        cut = true;
    }
    if (mb_buf_add(&state.line, " ", 1) != MB_OK ||
        mb_buf_add(&state.line, raw.ptr, raw.len) != MB_OK)
        cut = true;
    end_line(&state.line, level, cut);
    pthread_mutex_unlock(&state.lock);
}

void mb_log_dying(const char *msg, ...)
{
    static char memory[LINE_MAX_BYTES]; /* all that a line may take: it never grows */
    struct mb_buf line = {.data = memory, .cap = sizeof memory};
    bool cut = false;
    va_list args;
    begin_line(&line, MB_LOG_ERROR, &cut);
    va_start(args, msg);
    add_pairs(&line, &cut, msg, args);
    va_end(args);
    end_line(&line, MB_LOG_ERROR, cut);
}

void mb_log_flush(void)
{
    pthread_mutex_lock(&state.lock);
    write_pending();
    pthread_mutex_unlock(&state.lock);
}
