#include "base/line.h"

#include <stdlib.h>
#include <utf8proc.h>

/* Shown as a blank, though it counts as a symbol and nothing in Unicode's tables says so. */
enum { BRAILLE_BLANK = 0x2800 };

static bool is_ascii_line(struct mb_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < ' ' || s.ptr[i] > '~')
            return false; /* char may be signed: then > 127 is < ' ' */
    return true;
}

static bool is_blank(const utf8proc_property_t *p)
{
    return p->bidi_class == UTF8PROC_BIDI_CLASS_WS || p->bidi_class == UTF8PROC_BIDI_CLASS_B ||
           p->bidi_class == UTF8PROC_BIDI_CLASS_S || p->category == UTF8PROC_CATEGORY_ZS;
}

static bool turns_direction(const utf8proc_property_t *p)
{
    switch (p->bidi_class) {
    case UTF8PROC_BIDI_CLASS_LRE:
    case UTF8PROC_BIDI_CLASS_LRO:
    case UTF8PROC_BIDI_CLASS_RLE:
    case UTF8PROC_BIDI_CLASS_RLO:
    case UTF8PROC_BIDI_CLASS_PDF:
    case UTF8PROC_BIDI_CLASS_LRI:
    case UTF8PROC_BIDI_CLASS_RLI:
    case UTF8PROC_BIDI_CLASS_FSI:
    case UTF8PROC_BIDI_CLASS_PDI: return true;
    default: return false;
    }
}

/* Letters, digits, signs: no blanks, no marks without anything to stand on, nothing that is drawn as nothing. */
static bool is_visible(utf8proc_int32_t c, const utf8proc_property_t *p)
{
    bool is_drawn = p->category >= UTF8PROC_CATEGORY_LU && p->category <= UTF8PROC_CATEGORY_LO;
    is_drawn =
        is_drawn || (p->category >= UTF8PROC_CATEGORY_ND && p->category <= UTF8PROC_CATEGORY_SO);
    return is_drawn && !p->ignorable && c != BRAILLE_BLANK;
}

static bool is_refused_control(utf8proc_int32_t c, const utf8proc_property_t *p,
                               enum mb_line_kind kind)
{
    bool ends_line = p->category == UTF8PROC_CATEGORY_ZL || p->category == UTF8PROC_CATEGORY_ZP;
    bool may_stand = kind == MB_LINE_MANY && (c == '\n' || c == '\t' || ends_line);
    return !may_stand && (p->category == UTF8PROC_CATEGORY_CC || ends_line);
}

/* Of a text in form C: the fault, or where what is kept begins and ends. */
static enum mb_line_fault judge(const utf8proc_uint8_t *s, utf8proc_ssize_t n,
                                enum mb_line_kind kind, size_t *first, size_t *end)
{
    bool shows = false, has_begun = false;
    *first = *end = 0;
    utf8proc_ssize_t control_at = -1;
    for (utf8proc_ssize_t at = 0; at < n;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t step = utf8proc_iterate(s + at, n - at, &c);
        if (step <= 0) return MB_LINE_NOT_UTF8;
        const utf8proc_property_t *p = utf8proc_get_property(c);
        if (turns_direction(p)) return MB_LINE_DIRECTION;
        /* A line end at either end of a line is a blank like others: it came with what was pasted. */
        if (is_refused_control(c, p, kind) && control_at < 0 && (has_begun || !is_blank(p)))
            control_at = at;
        if (!is_blank(p)) {
            if (!has_begun) *first = (size_t)at;
            has_begun = true;
            *end = (size_t)(at + step);
        }
        shows = shows || is_visible(c, p);
        at += step;
    }
    if (control_at >= 0 && (size_t)control_at < *end) return MB_LINE_CONTROL;
    return kind == MB_LINE_ONE && !shows ? MB_LINE_NOTHING_VISIBLE : MB_LINE_SOUND;
}

/* Nearly every text there is. */
static enum mb_line_fault clean_ascii(struct mb_str s, enum mb_line_kind kind, char *out,
                                      size_t *len)
{
    while (s.len > 0 && s.ptr[0] == ' ') s.ptr++, s.len--;
    while (s.len > 0 && s.ptr[s.len - 1] == ' ') s.len--;
    if (s.len > 0) memcpy(out, s.ptr, s.len);
    *len = s.len;
    return s.len == 0 && kind == MB_LINE_ONE ? MB_LINE_NOTHING_VISIBLE : MB_LINE_SOUND;
}

enum mb_line_fault mb_line_clean(struct mb_str s, enum mb_line_kind kind, char *out, size_t *len)
{
    if (is_ascii_line(s)) return clean_ascii(s, kind, out, len);
    utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    if (kind == MB_LINE_MANY) options |= UTF8PROC_NLF2LF;
    utf8proc_uint8_t *form = NULL;
    utf8proc_ssize_t n =
        utf8proc_map((const utf8proc_uint8_t *)s.ptr, (utf8proc_ssize_t)s.len, &form, options);
    if (n < 0) return n == UTF8PROC_ERROR_NOMEM ? MB_LINE_NO_MEMORY : MB_LINE_NOT_UTF8;
    size_t first, end;
    enum mb_line_fault fault = judge(form, n, kind, &first, &end);
    if (fault == MB_LINE_SOUND && end - first < MB_LINE_ROOM(s.len)) {
        memcpy(out, form + first, end - first);
        *len = end - first;
    }
    free(form);
    return fault;
}

const char *mb_line_words(enum mb_line_fault fault)
{
    switch (fault) {
    case MB_LINE_NOT_UTF8: return "must be UTF-8";
    case MB_LINE_NOTHING_VISIBLE: return "must show something: leave it out, or send null";
    case MB_LINE_CONTROL: return "must not hold control characters";
    case MB_LINE_DIRECTION: return "must not hold characters that turn the direction of writing";
    case MB_LINE_NO_MEMORY: return "is too much for the memory that is left";
    case MB_LINE_SOUND: break;
    }
    return "is sound";
}
