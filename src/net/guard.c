/*
 * The guard's byte machine. Runs of ordinary bytes are skipped by a table, so that a head costs
 * about half a nanosecond a byte; everything else is one switch.
 */
#include "net/guard.h"

#include "base/word.h"

enum { TOKEN = 1, TARGET = 2, VALUE = 4, METHOD = 8, PLAIN = 16, METHOD_MAX = 16 };

/* Which bytes may stand where: TOKEN as in RFC 9110, TARGET visible ASCII but "<>\#, VALUE
 * everything but control bytes, METHOD capitals and hyphen, PLAIN the ASCII part of VALUE. */
static const uint8_t class_of[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    20, 23, 20, 21, 23, 23, 23, 23, 22, 22, 23, 23, 22, 31, 23, 22,
    23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 22, 22, 20, 22, 20, 22,
    22, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31,
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 22, 20, 22, 23, 23,
    23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23,
    23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 23, 22, 23, 22, 23, 0,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
};

enum state {
    AT_START, AT_BLANK_LF, IN_METHOD, AT_TARGET, IN_TARGET, IN_VERSION, AT_LINE_LF, AT_FIELD,
    IN_NAME, IN_VALUE, AT_END_LF, AT_DONE
};

void mb_guard_start(struct mb_guard *g)
{
    *g = (struct mb_guard){.state = AT_START};
}

void mb_guard_start_trailers(struct mb_guard *g)
{
    *g = (struct mb_guard){.state = AT_FIELD};
}

bool mb_guard_is_done(const struct mb_guard *g)
{
    return g->state == AT_DONE;
}

bool mb_guard_has_begun(const struct mb_guard *g)
{
    return g->state > AT_BLANK_LF;
}

static const char *skip(const char *p, const char *end, uint8_t set)
{
    while (p < end && (class_of[(unsigned char)*p] & set))
        p++;
    return p;
}

/* Values are long, and nearly always without control bytes: they are skipped by eight. */
static const char *skip_value(const char *p, const char *end, uint8_t set)
{
    uint64_t refused = set == PLAIN ? MB_WORD_HIGH : 0;
    while (end - p >= 8) {
        uint64_t word = mb_word_load(p);
        if ((word & refused) | mb_word_below(word, 0x20) | mb_word_equal(word, 0x7f))
            break;
        p += 8;
    }
    return skip(p, end, set);
}

/* As far as a line that may have `most` bytes goes on. */
static const char *line_end(const struct mb_guard *g, const char *p, const char *end, uint32_t most)
{
    size_t room = most - g->line;
    return (size_t)(end - p) > room ? p + room : end;
}

static const char *advance(struct mb_guard *g, const char *p, const char *to)
{
    g->line += (uint32_t)(to - p);
    return to;
}

/* Takes a run of `set`, at most so far that line stays within most. */
static const char *run(struct mb_guard *g, const char *p, const char *end, uint8_t set,
                       uint32_t most)
{
    return advance(g, p, skip(p, line_end(g, p, end, most), set));
}

static const char *run_value(struct mb_guard *g, const char *p, const char *end, uint8_t set,
                             uint32_t most)
{
    return advance(g, p, skip_value(p, line_end(g, p, end, most), set));
}

static enum mb_fault at_start(struct mb_guard *g, char c)
{
    if (c == '\r' && !g->blank) {
        g->state = AT_BLANK_LF;
        return MB_FAULT_NONE;
    }
    if (!(class_of[(unsigned char)c] & METHOD) || c == '-')
        return MB_FAULT_REQUEST_LINE;
    g->state = IN_METHOD;
    g->place = 1;
    return MB_FAULT_NONE;
}

static enum mb_fault in_method(struct mb_guard *g, char c)
{
    if (c == ' ')
        g->state = AT_TARGET;
    else if (!(class_of[(unsigned char)c] & METHOD) || ++g->place > METHOD_MAX)
        return MB_FAULT_REQUEST_LINE;
    return MB_FAULT_NONE;
}

/* "HTTP/1.1" CR as it nearly always comes, in one step; anything else byte by byte. */
static const char *skip_version(struct mb_guard *g, const char *p, const char *end)
{
    static const char usual[] = "HTTP/1.1\r";
    size_t n = sizeof usual - 1;
    if (g->place != 0 || (size_t)(end - p) < n || memcmp(p, usual, n) != 0) return p;
    g->minor = 1;
    g->state = AT_LINE_LF;
    return p + n;
}

/* "HTTP/" digit "." digit CR, of which only 1.0 and 1.1 are spoken. */
static enum mb_fault in_version(struct mb_guard *g, char c)
{
    static const char wanted[] = "HTTP/1.";
    unsigned place = g->place++;
    if (place == sizeof wanted - 1) {
        g->minor = (uint8_t)(c - '0');
        if (c < '0' || c > '9')
            return MB_FAULT_REQUEST_LINE;
        return g->minor <= 1 ? MB_FAULT_NONE : MB_FAULT_VERSION;
    }
    if (place >= sizeof wanted) {
        g->state = AT_LINE_LF;
        return c == '\r' ? MB_FAULT_NONE : c == '\n' ? MB_FAULT_LINE_END : MB_FAULT_REQUEST_LINE;
    }
    if (c == wanted[place])
        return MB_FAULT_NONE;
    return wanted[place] == '1' && c >= '0' && c <= '9' ? MB_FAULT_VERSION : MB_FAULT_REQUEST_LINE;
}

static enum mb_fault at_field(struct mb_guard *g, const struct mb_http_limits *limits, char c)
{
    if (c == '\r') {
        g->state = AT_END_LF;
        return MB_FAULT_NONE;
    }
    if (c == '\n')
        return MB_FAULT_LINE_END;
    if (!(class_of[(unsigned char)c] & TOKEN)) /* an empty name, or a folded line */
        return MB_FAULT_FIELD;
    if (++g->fields > limits->max_headers)
        return MB_FAULT_FIELD_COUNT;
    g->line = 1;
    g->state = IN_NAME;
    return MB_FAULT_NONE;
}

static enum mb_fault expect_lf(struct mb_guard *g, char c, enum state next)
{
    g->state = (uint8_t)next;
    return c == '\n' ? MB_FAULT_NONE : MB_FAULT_LINE_END;
}

/* The byte that ended a run inside the target, a name or a value. */
static enum mb_fault end_of_run(struct mb_guard *g, const struct mb_http_limits *limits, char c)
{
    uint8_t kind = class_of[(unsigned char)c];
    switch (g->state) {
    case IN_TARGET:
        if (c == ' ') {
            g->state = IN_VERSION;
            g->place = 0;
            return MB_FAULT_NONE;
        }
        if (c == '\r' || c == '\n') /* HTTP/0.9 */
            return MB_FAULT_REQUEST_LINE;
        return kind & TARGET ? MB_FAULT_TARGET_LENGTH : MB_FAULT_TARGET;
    case IN_NAME:
        if ((kind & TOKEN) || g->line >= limits->max_header_line)
            return MB_FAULT_FIELD_LENGTH;
        g->state = IN_VALUE;
        g->line++;
        return c == ':' ? MB_FAULT_NONE : MB_FAULT_FIELD;
    default: /* IN_VALUE */
        if (kind & VALUE)
            return MB_FAULT_FIELD_LENGTH;
        g->state = AT_LINE_LF;
        return c == '\r' ? MB_FAULT_NONE : c == '\n' ? MB_FAULT_LINE_END : MB_FAULT_FIELD;
    }
}

static enum mb_fault step(struct mb_guard *g, const struct mb_http_limits *limits, char c)
{
    switch (g->state) {
    case AT_START: return at_start(g, c);
    case AT_BLANK_LF:
        g->blank = true;
        return expect_lf(g, c, AT_START);
    case IN_METHOD: return in_method(g, c);
    case AT_TARGET:
        g->state = IN_TARGET;
        g->line = 1;
        if (c == ' ')
            return MB_FAULT_REQUEST_LINE;
        return class_of[(unsigned char)c] & TARGET ? MB_FAULT_NONE : MB_FAULT_TARGET;
    case IN_VERSION: return in_version(g, c);
    case AT_LINE_LF: return expect_lf(g, c, AT_FIELD);
    case AT_FIELD: return at_field(g, limits, c);
    case AT_END_LF: return expect_lf(g, c, AT_DONE);
    default: return end_of_run(g, limits, c);
    }
}

static const char *skip_run(struct mb_guard *g, const struct mb_http_limits *limits,
                            const char *p, const char *end)
{
    switch (g->state) {
    case IN_TARGET: return run(g, p, end, TARGET, limits->max_target);
    case IN_VERSION: return skip_version(g, p, end);
    case IN_NAME: return run(g, p, end, TOKEN, limits->max_header_line);
    case IN_VALUE: {
        const char *to = run_value(g, p, end, PLAIN, limits->max_header_line);
        if (to == end || !(class_of[(unsigned char)*to] & VALUE))
            return to;
        g->high = true;
        return run_value(g, to, end, VALUE, limits->max_header_line);
    }
    default: return p;
    }
}

enum mb_fault mb_guard_feed(struct mb_guard *g, const struct mb_http_limits *limits,
                            const char *p, size_t n, size_t *taken)
{
    size_t room = limits->max_header_bytes - g->head;
    const char *at = p, *end = n > room ? p + room : p + n;
    enum mb_fault fault = MB_FAULT_NONE;
    while (g->state != AT_DONE) {
        at = skip_run(g, limits, at, end);
        if (at == end)
            break;
        fault = step(g, limits, *at);
        if (fault != MB_FAULT_NONE)
            break;
        at++;
    }
    *taken = (size_t)(at - p);
    g->head += (uint32_t)*taken;
    if (fault == MB_FAULT_NONE && g->state != AT_DONE && n > room)
        return MB_FAULT_HEAD_LENGTH;
    return fault;
}

/* Parts of a chunk extension: ;name ;name=value ;name="quoted" */
enum { EXT_NONE, EXT_NAME_START, EXT_NAME, EXT_VALUE_START, EXT_VALUE, EXT_QUOTED, EXT_ESCAPED,
       EXT_QUOTED_END };

/* The part after this byte, where it may end or go on to another extension; -1: it may not. */
static int end_extension(char c)
{
    return c == ';' ? EXT_NAME_START : c == '\r' ? EXT_NONE : -1;
}

static int next_part(int part, char c)
{
    uint8_t kind = class_of[(unsigned char)c];
    switch (part) {
    case EXT_NONE: return c == ';' ? EXT_NAME_START : EXT_NONE;
    case EXT_NAME_START: return kind & TOKEN ? EXT_NAME : -1;
    case EXT_NAME: return kind & TOKEN ? EXT_NAME : c == '=' ? EXT_VALUE_START : end_extension(c);
    case EXT_VALUE_START: return kind & TOKEN ? EXT_VALUE : c == '"' ? EXT_QUOTED : -1;
    case EXT_VALUE: return kind & TOKEN ? EXT_VALUE : end_extension(c);
    case EXT_QUOTED:
        if (c == '"' || c == '\\')
            return c == '"' ? EXT_QUOTED_END : EXT_ESCAPED;
        return kind & VALUE ? EXT_QUOTED : -1;
    case EXT_ESCAPED: return kind & VALUE ? EXT_QUOTED : -1;
    default: return end_extension(c);
    }
}

enum mb_fault mb_guard_chunk_line(struct mb_chunk_guard *g, const struct mb_http_limits *limits,
                                  const char *p, size_t n)
{
    enum { FRAMING_BYTES = 2 + 16 + 2 }; /* the end of the data before, a size of 64 bits, the end */
    for (size_t i = 0; i < n; i++) {
        if (g->cr != (p[i] == '\n'))
            return MB_FAULT_CHUNK;
        g->cr = p[i] == '\r';
        int part = next_part(g->extension, p[i]);
        if (part < 0)
            return MB_FAULT_CHUNK;
        g->extension = (uint8_t)part;
        if (++g->line > limits->max_header_line)
            return MB_FAULT_CHUNK_LINE;
        if (g->line > FRAMING_BYTES && ++g->extra > limits->max_chunk_extensions)
            return MB_FAULT_CHUNK_EXTENSIONS;
    }
    return MB_FAULT_NONE;
}

void mb_guard_chunk_data(struct mb_chunk_guard *g)
{
    g->line = 0;
    g->cr = false;
}

bool mb_guard_is_token(struct mb_str s)
{
    return s.len > 0 && skip(s.ptr, s.ptr + s.len, TOKEN) == s.ptr + s.len;
}

bool mb_guard_is_field_value(struct mb_str s)
{
    return skip_value(s.ptr, s.ptr + s.len, VALUE) == s.ptr + s.len;
}
