#pragma once
/*
 * For what is said of kernel/tier.h: random plans, sound and broken, and an oracle that adds decimal texts slot by
 * slot, digit by digit, and knows nothing of minor units.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "random.h"

enum { PLAN_RANGES = 5, PLAN_TEXT = 1024, DECIMAL = 24 };

struct plan {
    struct plan_range {
        long long first, last; /* 0 = open */
        char key[40], price[24];
    } range[PLAN_RANGES];
    int count;
    long long included;
    char base[16];
    char tiers[PLAN_TEXT]; /* as JSON */
};

/* A price in one of the forms in which it may be written. */
static inline void write_price(char *out, size_t size)
{
    static const int64_t most[] = {9, 99, 999};
    int64_t limit = random_between(0, 19) > 0 ? most[random_between(0, 2)] : 99999999;
    long long whole = random_between(0, limit);
    int form = (int)random_between(0, 2), cents = (int)random_between(0, 99);
    if (form == 0)
        (void)snprintf(out, size, "%lld", whole);
    else if (form == 1)
        (void)snprintf(out, size, "%lld.%d", whole, cents / 10);
    else
        (void)snprintf(out, size, "%lld.%02d", whole, cents);
}

static inline void write_key(struct plan_range *r)
{
    if (r->last == 0)
        (void)snprintf(r->key, sizeof r->key, "%lld+", r->first);
    else
        (void)snprintf(r->key, sizeof r->key, "%lld-%lld", r->first, r->last);
}

/* The object, its members in any order and with blanks here and there. */
static inline void write_tiers(struct plan *p)
{
    size_t n = (size_t)snprintf(p->tiers, sizeof p->tiers, "{");
    int at = (int)random_between(0, PLAN_RANGES);
    for (int i = 0; i < p->count; i++) {
        const struct plan_range *r = &p->range[(i + at) % p->count];
        n += (size_t)snprintf(p->tiers + n, sizeof p->tiers - n, "%s\"%s\":%s%s", i > 0 ? "," : "",
                              r->key, random_between(0, 1) ? " " : "", r->price);
    }
    (void)snprintf(p->tiers + n, sizeof p->tiers - n, "}");
}

static inline struct plan random_plan(void)
{
    struct plan p = {.count = (int)random_between(1, PLAN_RANGES), .included = random_between(0, 60)};
    long long next = p.included + 1;
    write_price(p.base, sizeof p.base);
    for (int i = 0; i < p.count; i++) {
        struct plan_range *r = &p.range[i];
        r->first = next;
        r->last = i == p.count - 1 ? 0 : next + random_between(0, 200);
        next = r->last + 1;
        write_price(r->price, sizeof r->price);
        write_key(r);
    }
    write_tiers(&p);
    return p;
}

#define BROKEN_PLANS(X)                                                                            \
    X(BROKEN_GAP, "a gap")                                                                         \
    X(BROKEN_WITHIN, "a range that begins too early")                                              \
    X(BROKEN_CLOSED, "no open end")                                                                \
    X(BROKEN_TWO_OPEN, "two open ends")                                                            \
    X(BROKEN_REVERSED, "a range that ends before it begins")                                       \
    X(BROKEN_NEGATIVE, "a price below zero")                                                       \
    X(BROKEN_PRICE_TEXT, "a price as text")                                                        \
    X(BROKEN_DECIMALS, "a price with three decimals")                                              \
    X(BROKEN_DIGITS, "a price of nine digits")                                                     \
    X(BROKEN_KEY, "a key that is no range")                                                        \
    X(BROKEN_EMPTY, "no range")

#define MB_X(name, word) name,
enum broken { BROKEN_PLANS(MB_X) BROKEN_COUNT };
#undef MB_X

/* A plan with one thing wrong. */
static inline struct plan broken_plan(enum broken kind)
{
    static const char *const keys[] = {"031-100", "31 - 100", "31-", "+301", "all", "", "0-30", "31-1000000000"};
    struct plan p = random_plan();
    while (kind == BROKEN_TWO_OPEN && p.count < 2) p = random_plan();
    struct plan_range *r = &p.range[random_between(0, p.count - 1)];
    switch (kind) {
    case BROKEN_GAP: r->first++, write_key(r); break; /* of one slot alone it is reversed then */
    case BROKEN_WITHIN: r->first--, write_key(r); break;
    case BROKEN_CLOSED: r = &p.range[p.count - 1], r->last = r->first + 9, write_key(r); break;
    case BROKEN_TWO_OPEN: p.range[0].last = 0, write_key(&p.range[0]); break;
    case BROKEN_REVERSED: r->last = r->first, r->first++, write_key(r); break;
    case BROKEN_NEGATIVE: (void)snprintf(r->price, sizeof r->price, "-0.01"); break;
    case BROKEN_PRICE_TEXT: (void)snprintf(r->price, sizeof r->price, "\"5.00\""); break;
    case BROKEN_DECIMALS: (void)snprintf(r->price, sizeof r->price, "5.00%d", (int)random_between(0, 9)); break;
    case BROKEN_DIGITS: (void)snprintf(r->price, sizeof r->price, "100000000.00"); break;
    case BROKEN_KEY:
        (void)snprintf(r->key, sizeof r->key, "%s", keys[random_between(0, sizeof keys / sizeof keys[0] - 1)]);
        break;
    case BROKEN_EMPTY: p.count = 0; break;
    case BROKEN_COUNT: break;
    }
    write_tiers(&p);
    return p;
}

/* ---- the oracle ---- */

/* Digits of a decimal text, the last two behind the point. */
static inline void decimal_of(const char *text, char out[DECIMAL])
{
    int behind = -1; /* digits behind the point that were seen */
    memset(out, '0', DECIMAL);
    for (const char *c = text; *c != '\0'; c++) {
        if (behind >= 0) out[DECIMAL - 2 + behind++] = *c;
        if (behind < 0 && *c == '.') behind = 0;
        if (behind >= 0) continue;
        memmove(out, out + 1, DECIMAL - 3);
        out[DECIMAL - 3] = *c;
    }
}

static inline void decimal_add(char sum[DECIMAL], const char other[DECIMAL])
{
    int carry = 0;
    for (int i = DECIMAL - 1; i >= 0; i--) {
        int digit = sum[i] - '0' + (other[i] - '0') + carry;
        carry = digit > 9;
        sum[i] = (char)('0' + (carry ? digit - 10 : digit));
    }
}

/* What so many slots cost, as "1600.00". */
static inline void oracle_total(const struct plan *p, long long slots, char out[DECIMAL + 2])
{
    char sum[DECIMAL], price[PLAN_RANGES][DECIMAL];
    decimal_of(p->base, sum);
    for (int i = 0; i < p->count; i++) decimal_of(p->range[i].price, price[i]);
    for (long long n = 1; n <= slots; n++) {
        for (int i = 0; i < p->count; i++) {
            const struct plan_range *r = &p->range[i];
            if (n >= r->first && (r->last == 0 || n <= r->last)) decimal_add(sum, price[i]);
        }
    }
    size_t skip = 0;
    while (skip < DECIMAL - 3 && sum[skip] == '0') skip++;
    (void)snprintf(out, DECIMAL + 2, "%.*s.%.2s", (int)(DECIMAL - 2 - skip), sum + skip, sum + DECIMAL - 2);
}

/* A count at an edge of the plan or anywhere. */
static inline long long random_slots(const struct plan *p)
{
    const struct plan_range *r = &p->range[random_between(0, p->count > 0 ? p->count - 1 : 0)];
    long long edge = r->first - 1 + random_between(0, 1);
    return random_between(0, 1) && edge >= 0 ? edge : random_between(0, 1500);
}
