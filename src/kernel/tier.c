/*
 * The text is read by hand: a reader of JSON would fold a key that stands there twice, make a double of a price and
 * forget how it was written. Ranges go to their place as they are read, so that what follows sees them in order.
 */
#include "kernel/tier.h"

#include <stdio.h>

struct reader {
    const char *p, *end;
    bool is_open[MB_TIER_MOST]; /* of out, in its order */
    struct mb_tiers *out;
    struct mb_tier_fault *fault;
};

#define FORM "a range is written 31-100 or 301+"

/* ---- faults ---- */

/* Cut before a character that does not fit. */
static enum mb_rc refuse(const struct reader *r, struct mb_str range, const char *text)
{
    size_t n = range.len < MB_TIER_RANGE ? range.len : MB_TIER_RANGE;
    while (n < range.len && n > 0 && ((unsigned char)range.ptr[n] & 0xc0) == 0x80) n--;
    if (n > 0) memcpy(r->fault->range, range.ptr, n);
    r->fault->range[n] = '\0';
    (void)snprintf(r->fault->text, sizeof r->fault->text, "%s", text);
    return MB_E_INVALID;
}

static enum mb_rc refuse_all(const struct reader *r, const char *text)
{
    return refuse(r, (struct mb_str){"", 0}, text);
}

static enum mb_rc refuse_tier(const struct reader *r, size_t i, const char *text)
{
    const struct mb_tier *t = &r->out->tier[i];
    char range[MB_TIER_RANGE];
    int n = r->is_open[i] ? snprintf(range, sizeof range, "%lld+", (long long)t->first)
                          : snprintf(range, sizeof range, "%lld-%lld", (long long)t->first, (long long)t->last);
    return refuse(r, (struct mb_str){range, (size_t)n}, text);
}

/* ---- reading ---- */

static void skip_blank(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r')) r->p++;
}

static bool take(struct reader *r, char c)
{
    skip_blank(r);
    if (r->p == r->end || *r->p != c) return false;
    r->p++;
    return true;
}

/* One to nine digits without a zero before them; 0 = it is none. */
static int64_t take_count(const char **p, const char *end)
{
    int64_t v = 0;
    if (*p == end || **p == '0') return 0;
    for (; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
        v = v * 10 + (**p - '0');
        if (v > MB_TIER_MOST_SLOTS) return 0;
    }
    return v;
}

static bool read_range(struct mb_str key, struct mb_tier *t, bool *is_open)
{
    const char *p = key.ptr, *end = key.ptr + key.len;
    t->first = take_count(&p, end);
    if (t->first == 0 || p == end) return false;
    *is_open = *p == '+';
    if (!*is_open && *p != '-') return false;
    p++;
    t->last = *is_open ? MB_TIER_MOST_SLOTS : take_count(&p, end);
    return t->last > 0 && p == end;
}

/* What stands between the quotes, as it stands there: no range has an escape. */
static bool take_key(struct reader *r, struct mb_str *key)
{
    if (!take(r, '"')) return false;
    key->ptr = r->p;
    while (r->p < r->end && *r->p != '"' && (unsigned char)*r->p >= ' ')
        r->p += *r->p == '\\' && r->end - r->p > 1 ? 2 : 1;
    key->len = (size_t)(r->p - key->ptr);
    return r->p < r->end && *r->p++ == '"';
}

static bool is_of_number(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static enum mb_rc take_price(struct reader *r, struct mb_str key, int64_t *price)
{
    struct mb_err err = {0};
    skip_blank(r);
    struct mb_str text = {r->p, 0};
    while (r->p < r->end && is_of_number(*r->p)) r->p++;
    text.len = (size_t)(r->p - text.ptr);
    if (text.len == 0)
        return refuse(r, key, r->p < r->end && *r->p == '"' ? "its price is a text, not a number"
                                                            : "its price is no number");
    enum mb_rc rc = mb_money_read(text, price, &err);
    if (rc != MB_OK) return refuse(r, key, err.text);
    size_t sign = text.ptr[0] == '-';
    if (text.len > sign + 1 && text.ptr[sign] == '0' && text.ptr[sign + 1] != '.')
        return refuse_all(r, "must be a JSON object");
    return *price < 0 ? refuse(r, key, "its price is below zero") : MB_OK;
}

/* By their first slots, and where these are the same an open one last. */
static enum mb_rc insert(struct reader *r, struct mb_tier t, bool is_open)
{
    struct mb_tiers *out = r->out;
    if (out->count == MB_TIER_MOST) return refuse_all(r, "has more than 32 ranges");
    size_t i = out->count++;
    for (; i > 0; i--) {
        const struct mb_tier *below = &out->tier[i - 1];
        if (below->first < t.first || (below->first == t.first && (is_open || below->last <= t.last)))
            break;
        out->tier[i] = *below;
        r->is_open[i] = r->is_open[i - 1];
    }
    out->tier[i] = t;
    r->is_open[i] = is_open;
    bool is_twice = i > 0 && out->tier[i - 1].first == t.first && out->tier[i - 1].last == t.last &&
                    r->is_open[i - 1] == is_open;
    return is_twice ? refuse_tier(r, i, "stands there twice") : MB_OK;
}

static enum mb_rc take_member(struct reader *r)
{
    struct mb_str key;
    struct mb_tier t = {0};
    bool is_open;
    if (!take_key(r, &key)) return refuse_all(r, "must be a JSON object");
    if (!read_range(key, &t, &is_open)) return refuse(r, key, FORM);
    if (t.last < t.first) return refuse(r, key, "ends before it begins");
    if (!take(r, ':')) return refuse_all(r, "must be a JSON object");
    enum mb_rc rc = take_price(r, key, &t.price);
    return rc == MB_OK ? insert(r, t, is_open) : rc;
}

static enum mb_rc take_object(struct reader *r)
{
    if (!take(r, '{')) return refuse_all(r, "must be a JSON object");
    if (take(r, '}'))
        return refuse_all(r, "has no range: a flat plan writes {\"1+\": 0.00} and includes 0 slots");
    do {
        enum mb_rc rc = take_member(r);
        if (rc != MB_OK) return rc;
    } while (take(r, ','));
    bool is_whole = take(r, '}');
    skip_blank(r);
    return is_whole && r->p == r->end ? MB_OK : refuse_all(r, "must be a JSON object");
}

/* Every slot has one price. */
static enum mb_rc join(const struct reader *r)
{
    struct mb_tiers *out = r->out;
    int64_t next = out->included + 1;
    char text[sizeof r->fault->text];
    for (size_t i = 0; i < out->count; i++) {
        const struct mb_tier *t = &out->tier[i];
        if (t->first <= out->included) return refuse_tier(r, i, "begins within the included slots");
        if (i > 0 && r->is_open[i - 1])
            return refuse_tier(r, i, r->is_open[i] ? "is a second open end" : "begins within the open range");
        if (t->first < next) return refuse_tier(r, i, "begins within the range before it");
        if (t->first > next) {
            (void)snprintf(text, sizeof text, "leaves slot %lld without a price", (long long)next);
            return refuse_tier(r, i, text);
        }
        next = t->last + 1;
    }
    if (!r->is_open[out->count - 1])
        return refuse_tier(r, out->count - 1, "is the last and has no open end, such as 301+");
    return MB_OK;
}

enum mb_rc mb_tiers_read(struct mb_str text, int64_t base, int64_t included, struct mb_tiers *out,
                         struct mb_tier_fault *fault)
{
    struct reader r = {.p = text.ptr, .end = text.ptr + text.len, .out = out, .fault = fault};
    out->base = base;
    out->included = included;
    out->count = 0;
    if (base < 0 || base > MB_MONEY_MOST) return refuse_all(&r, "stands beside no base price");
    if (included < 0 || included >= MB_TIER_MOST_SLOTS)
        return refuse_all(&r, "stands beside no number of included slots");
    enum mb_rc rc = take_object(&r);
    return rc == MB_OK ? join(&r) : rc;
}

/* ---- prices ---- */

static enum mb_rc check_slots(int64_t slots, int64_t least, struct mb_err *err)
{
    if (slots >= least && slots <= MB_TIER_MOST_SLOTS) return MB_OK;
    return mb_fail(err, MB_E_INVALID, "slots are counted from %d to %d", (int)least, (int)MB_TIER_MOST_SLOTS);
}

/* How many of the slots fall into a tier. */
static int64_t within(const struct mb_tier *t, int64_t slots)
{
    int64_t n = (slots < t->last ? slots : t->last) - t->first + 1;
    return n > 0 ? n : 0;
}

/* No sum overflows: 999999999 slots at 99999999.99 each, and a base, are below 2^64 hundredths. */
enum mb_rc mb_tiers_quote(const struct mb_tiers *t, int64_t slots, struct mb_quote *out,
                          struct mb_err *err)
{
    enum mb_rc rc = check_slots(slots, 0, err);
    if (rc != MB_OK) return rc;
    uint64_t total = (uint64_t)t->base;
    for (size_t i = 0; i < t->count; i++) {
        int64_t n = within(&t->tier[i], slots);
        uint64_t amount = (uint64_t)n * (uint64_t)t->tier[i].price;
        out->line[i] = (struct mb_quote_line){n, (int64_t)amount};
        total += amount;
    }
    if (total > (uint64_t)MB_MONEY_MOST)
        return mb_fail(err, MB_E_LIMIT, "so many slots cost over 99999999.99");
    out->total = (int64_t)total;
    return MB_OK;
}

enum mb_rc mb_tiers_nth(const struct mb_tiers *t, int64_t n, size_t *tier, int64_t *price,
                        struct mb_err *err)
{
    enum mb_rc rc = check_slots(n, 1, err);
    if (rc != MB_OK) return rc;
    size_t i = 0;
    while (n > t->tier[i].last) i++;
    bool is_included = n <= t->included;
    *tier = is_included ? 0 : i + 1;
    *price = is_included ? 0 : t->tier[i].price;
    return MB_OK;
}
