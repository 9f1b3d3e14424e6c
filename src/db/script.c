/*
 * A small scanner of SQL: enough to find statements behind quotes, dollar quotes, comments and
 * function bodies, and to read an index statement.
 */
#include "db/script.h"

#include <stdio.h>
#include <strings.h>

enum kind { END, WORD, QUOTED, SEMICOLON, OTHER };

struct scan {
    const char *p, *end;
    enum kind kind; /* the token just read */
    const char *at; /* where it begins */
    size_t len;
};

static bool starts(const struct scan *s, const char *z)
{
    size_t n = strlen(z);
    return (size_t)(s->end - s->p) >= n && memcmp(s->p, z, n) == 0;
}

static bool is_word_byte(char c)
{
    unsigned char u = (unsigned char)c;
    return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || u == '_' ||
           u >= 0x80;
}

/* Comments in SQL nest. */
static void skip_block_comment(struct scan *s)
{
    int depth = 0;
    while (s->p < s->end) {
        int step = starts(s, "/*") ? 1 : starts(s, "*/") ? -1 : 0;
        s->p += step != 0 ? 2 : 1;
        depth += step;
        if (depth == 0) return;
    }
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end) {
        if (starts(s, "--")) {
            while (s->p < s->end && *s->p != '\n') s->p++;
        } else if (starts(s, "/*")) {
            skip_block_comment(s);
        } else if (strchr(" \t\r\n\f\v", *s->p) != NULL && *s->p != '\0') {
            s->p++;
        } else {
            return;
        }
    }
}

/* Up to the closing quote; a doubled one is two closings to us, which comes out the same. */
static void skip_quoted(struct scan *s, char quote, bool has_escapes)
{
    for (s->p++; s->p < s->end && *s->p != quote; s->p++)
        if (has_escapes && *s->p == '\\' && s->p + 1 < s->end) s->p++;
    if (s->p < s->end) s->p++;
}

/* $$ … $$ or $tag$ … $tag$; false when it is a parameter or an operator. */
static bool skip_dollar(struct scan *s)
{
    const char *tag = s->p, *q = s->p + 1;
    if (q < s->end && *q >= '0' && *q <= '9') return false;
    while (q < s->end && is_word_byte(*q)) q++;
    if (q == s->end || *q != '$') return false;
    size_t n = (size_t)(q + 1 - tag);
    for (s->p = q + 1; s->p < s->end; s->p++)
        if ((size_t)(s->end - s->p) >= n && memcmp(s->p, tag, n) == 0) {
            s->p += n;
            return true;
        }
    return true;
}

static enum kind read_token(struct scan *s)
{
    char c = *s->p;
    if (c == ';') {
        s->p++;
        return SEMICOLON;
    }
    if (c == '"') {
        skip_quoted(s, '"', false);
        return QUOTED;
    }
    if (c == '\'') {
        skip_quoted(s, '\'', false);
        return OTHER;
    }
    if ((c == 'E' || c == 'e') && s->p + 1 < s->end && s->p[1] == '\'') {
        s->p++;
        skip_quoted(s, '\'', true);
        return OTHER;
    }
    if (c == '$' && skip_dollar(s)) return OTHER;
    if (!is_word_byte(c)) {
        s->p++;
        return OTHER;
    }
    while (s->p < s->end && (is_word_byte(*s->p) || *s->p == '$')) s->p++;
    return WORD;
}

static enum kind next(struct scan *s)
{
    skip_space(s);
    s->at = s->p;
    s->kind = s->p < s->end ? read_token(s) : END;
    s->len = (size_t)(s->p - s->at);
    return s->kind;
}

static bool is_word(const struct scan *s, const char *word)
{
    return s->kind == WORD && s->len == strlen(word) && strncasecmp(s->at, word, s->len) == 0;
}

static bool is_any(const struct scan *s, const char *const words[])
{
    for (; *words != NULL; words++)
        if (is_word(s, *words)) return true;
    return false;
}

/* From the first token of a statement to the semicolon after it. The semicolons inside
 * BEGIN ATOMIC … END belong to the statement. */
static void skip_statement(struct scan *s)
{
    int depth = 0;
    bool was_begin = false;
    while (s->kind != END && !(s->kind == SEMICOLON && depth == 0)) {
        if (was_begin && is_word(s, "ATOMIC"))
            depth++;
        else if (depth > 0 && is_word(s, "CASE"))
            depth++;
        else if (depth > 0 && is_word(s, "END"))
            depth--;
        was_begin = is_word(s, "BEGIN");
        next(s);
    }
}

bool mb_script_is_bare(struct mb_str text)
{
    struct mb_str mark = MB_STR("-- transaction: none");
    if (text.len < mark.len || memcmp(text.ptr, mark.ptr, mark.len) != 0) return false;
    return text.len == mark.len || text.ptr[mark.len] == '\n' || text.ptr[mark.len] == '\r';
}

struct mb_str mb_script_irreversible(struct mb_str text)
{
    struct mb_str mark = MB_STR("-- irreversible: ");
    if (text.len < mark.len || memcmp(text.ptr, mark.ptr, mark.len) != 0)
        return (struct mb_str){"", 0};
    const char *from = text.ptr + mark.len;
    const char *newline = memchr(from, '\n', text.len - mark.len);
    return (struct mb_str){from, newline != NULL ? (size_t)(newline - from) : text.len - mark.len};
}

/* A name, perhaps with its schema, into out. The scanner stands on its first token and is left
 * behind its last. */
static bool read_name(struct scan *s, char *out, size_t size)
{
    size_t n = 0;
    for (bool wants_part = true;; wants_part = !wants_part) {
        bool is_part = s->kind == WORD || s->kind == QUOTED;
        bool is_dot = s->kind == OTHER && s->len == 1 && *s->at == '.';
        if (wants_part ? !is_part : !is_dot) break;
        if (n + s->len >= size) return false;
        memcpy(out + n, s->at, s->len);
        n += s->len;
        next(s);
    }
    out[n] = '\0';
    return n > 0 && out[n - 1] != '.';
}

static bool read_index(struct scan *s, struct mb_script_index *index)
{
    *index = (struct mb_script_index){.drops = is_word(s, "DROP")};
    if (!index->drops && !is_word(s, "CREATE")) return false;
    next(s);
    if (!index->drops && is_word(s, "UNIQUE")) next(s);
    if (!is_word(s, "INDEX")) return false;
    next(s);
    if (!is_word(s, "CONCURRENTLY")) return false;
    next(s);
    if (is_word(s, "IF") || !read_name(s, index->name, sizeof index->name)) return false;
    if (index->drops) return true;
    if (!is_word(s, "ON")) return false;
    next(s);
    if (is_word(s, "ONLY")) next(s);
    return read_name(s, index->table, sizeof index->table);
}

static enum mb_rc check_bare(const char *file, struct mb_str text, struct mb_script_index *index,
                             struct mb_err *err)
{
    struct mb_script_index unused;
    struct scan s = {.p = text.ptr, .end = text.ptr + text.len};
    next(&s);
    bool is_index = read_index(&s, index != NULL ? index : &unused);
    skip_statement(&s);
    while (s.kind == SEMICOLON) next(&s);
    if (!is_index || s.kind != END)
        return mb_fail(err, MB_E_CONFIG,
                       "%s: a file without transaction holds exactly one "
                       "CREATE or DROP INDEX CONCURRENTLY, without IF",
                       file);
    return MB_OK;
}

enum mb_rc mb_script_check(const char *file, struct mb_str text, struct mb_script_index *index,
                           struct mb_err *err)
{
    static const char *const control[] = {"BEGIN", "START",   "COMMIT",    "END",     "ROLLBACK",
                                          "ABORT", "PREPARE", "SAVEPOINT", "RELEASE", NULL};
    if (memchr(text.ptr, '\0', text.len) != NULL)
        return mb_fail(err, MB_E_CONFIG, "%s holds a NUL byte", file);
    if (mb_script_is_bare(text)) return check_bare(file, text, index, err);
    struct scan s = {.p = text.ptr, .end = text.ptr + text.len};
    while (next(&s) != END) {
        if (is_any(&s, control))
            return mb_fail(err, MB_E_CONFIG, "%s: %.*s is the runner's to say", file, (int)s.len,
                           s.at);
        skip_statement(&s);
    }
    return MB_OK;
}

int mb_script_line(struct mb_str text, int character)
{
    int line = 1, seen = 0;
    for (size_t i = 0; i < text.len && seen < character; i++) {
        seen += ((unsigned char)text.ptr[i] & 0xc0) != 0x80; /* characters, not bytes */
        if (seen < character && text.ptr[i] == '\n') line++;
    }
    return line;
}
