/* Strings and numbers of JSON, one at a time. */
#include <stdlib.h>

#include "base/json_parts.h"

enum { NUMBER_BYTES = 512 }; /* longer than any number that a double or numeric(1000) needs */

enum mb_rc mb_json_pull_string(const char **p, const char *end, size_t most, struct mb_buf *scratch,
                               struct mb_str *out, const char **wrong)
{
    const char *begin = *p + 1, *close;
    bool escaped;
    *wrong = mb_json__scan(begin, end, &close, &escaped);
    if (*wrong != NULL) {
        *p = close;
        return MB_E_JSON;
    }
    *out = (struct mb_str){begin, (size_t)(close - begin)};
    /* An escape takes up to six bytes per byte of text: what is longer cannot fit. */
    if (out->len / 6 > most) return MB_E_LIMIT;
    if (escaped) {
        size_t before = scratch->len;
        enum mb_rc rc = mb_json__decode(scratch, begin, close);
        *wrong = "a string finds no memory";
        if (rc != MB_OK) return MB_E_NOMEM;
        *out = (struct mb_str){scratch->data + before, scratch->len - before};
        scratch->len = before; /* borrowed until scratch is used again */
    }
    if (out->len > most) return MB_E_LIMIT;
    *p = close + 1;
    return MB_OK;
}

static size_t skip_digits(const char **p, const char *end)
{
    const char *begin = *p;
    while (*p < end && **p >= '0' && **p <= '9') ++*p;
    return (size_t)(*p - begin);
}

/* The grammar of a number; *whole tells that there is neither fraction nor exponent. */
static const char *scan_number(const char **p, const char *end, bool *whole)
{
    if (*p < end && **p == '-') ++*p;
    const char *first = *p;
    size_t digits = skip_digits(p, end);
    if (digits == 0) return "a digit is missing";
    if (digits > 1 && *first == '0') return "a number must not begin with 0";
    *whole = true;
    if (*p < end && **p == '.') {
        *whole = false;
        ++*p;
        if (skip_digits(p, end) == 0) return "a digit is missing";
    }
    if (*p < end && (**p == 'e' || **p == 'E')) {
        *whole = false;
        ++*p;
        if (*p < end && (**p == '+' || **p == '-')) ++*p;
        if (skip_digits(p, end) == 0) return "a digit is missing";
    }
    return NULL;
}

/* The value of a whole number's text if int64 can hold it exactly. */
static bool to_int64(struct mb_str text, int64_t *out)
{
    bool negative = text.ptr[0] == '-';
    uint64_t most = (uint64_t)INT64_MAX + negative, v = 0;
    for (size_t i = negative; i < text.len; i++) {
        uint64_t digit = (uint64_t)(text.ptr[i] - '0');
        if (v > (most - digit) / 10) return false;
        v = v * 10 + digit;
    }
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* 1e400 is grammatical, but whoever reads it as a double gets an infinity. */
static bool fits_double(struct mb_str text)
{
    char copy[NUMBER_BYTES + 1];
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    double v = strtod(copy, NULL);
    return v - v == 0;
}

enum mb_rc mb_json_pull_number(const char **p, const char *end, struct mb_json_number *out,
                               const char **wrong)
{
    bool whole;
    const char *begin = *p;
    *wrong = scan_number(p, end, &whole);
    if (*wrong != NULL) return MB_E_JSON;
    out->text = (struct mb_str){begin, (size_t)(*p - begin)};
    out->integer = 0;
    out->is_integer = whole && to_int64(out->text, &out->integer);
    if (out->is_integer) return MB_OK;
    *wrong = "a number is too long";
    if (out->text.len > NUMBER_BYTES) return MB_E_LIMIT;
    *wrong = "a number is too great";
    return fits_double(out->text) ? MB_OK : MB_E_JSON;
}
