/* The inside of JSON strings: finding the end, and decoding escapes. */
#include "base/json_parts.h"
#include "base/utf8.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    char l = (char)(c | 0x20);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

/* The four digits at p, or -1. */
static int hex4(const char *p, const char *end)
{
    if (end - p < 4) return -1;
    int v = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_value(p[i]);
        if (digit < 0) return -1;
        v = v * 16 + digit;
    }
    return v;
}

static bool is_high(int unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
static bool is_low(int unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

/* *p stands behind "\u"; moves behind the digits, of both halves of a pair. */
static const char *scan_unit(const char **p, const char *end)
{
    int unit = hex4(*p, end);
    if (unit < 0) return "\\u needs four hexadecimal digits";
    if (unit == 0) return "\\u0000 is not accepted";
    if (is_low(unit)) return "a low surrogate stands alone";
    if (is_high(unit)) {
        const char *next = *p + 4;
        bool pair =
            end - next >= 6 && next[0] == '\\' && next[1] == 'u' && is_low(hex4(next + 2, end));
        if (!pair) return "a high surrogate stands alone";
        *p += 6;
    }
    *p += 4;
    return NULL;
}

static const char *scan_escape(const char **p, const char *end)
{
    if (end - *p < 2) return "the string does not end";
    char c = (*p)[1];
    if (c == 'u') {
        const char *at = *p + 2;
        const char *wrong = scan_unit(&at, end);
        if (!wrong) *p = at;
        return wrong;
    }
    if (c == '\0' || !strchr("\"\\/bfnrt", c)) return "unknown escape";
    *p += 2;
    return NULL;
}

const char *mb_json__scan(const char *p, const char *text_end, const char **end, bool *escaped)
{
    const char *wrong = NULL;
    *escaped = false;
    while (!wrong) {
        while (text_end - p >= 8) {
            uint64_t word = mb_word_load_first(p);
            uint64_t marks = mb_utf8__special(word) | (word & MB_WORD_HIGH);
            p += marks != 0 ? mb_word_first(marks) : 8;
            if (marks != 0) break;
        }
        if (p == text_end) {
            wrong = "the string does not end";
            break;
        }
        unsigned char c = (unsigned char)*p;
        if (c == '"') break;
        if (c == '\\') {
            *escaped = true;
            wrong = scan_escape(&p, text_end);
        } else if (c < 0x20) {
            wrong = "a control byte must be escaped";
        } else {
            size_t n = mb_utf8__step((const unsigned char *)p, (const unsigned char *)text_end);
            wrong = n ? NULL : "the text is not valid UTF-8";
            p += n;
        }
    }
    *end = p;
    return wrong;
}

static size_t encode(char out[4], unsigned c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* p stands on a backslash of a scanned string; returns what follows the escape. */
static const char *decode_escape(const char *p, const char *end, char out[4], size_t *n)
{
    static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
    if (p[1] != 'u') {
        const char *name = strchr(names, p[1]);
        out[0] = name ? values[name - names] : p[1];
        *n = 1;
        return p + 2;
    }
    unsigned unit = (unsigned)hex4(p + 2, end);
    p += 6;
    if (is_high((int)unit)) {
        unsigned low = (unsigned)hex4(p + 2, end);
        unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        p += 6;
    }
    *n = encode(out, unit);
    return p;
}

enum mb_rc mb_json__decode(struct mb_buf *b, const char *p, const char *end)
{
    enum mb_rc rc = MB_OK;
    while (rc == MB_OK && p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        const char *stop = slash ? slash : end;
        rc = mb_buf_add(b, p, (size_t)(stop - p));
        p = stop;
        if (rc == MB_OK && slash) {
            char out[4];
            size_t n;
            p = decode_escape(slash, end, out, &n);
            rc = mb_buf_add(b, out, n);
        }
    }
    return rc;
}
