/*
 * libFuzzer target of the billing kernel: the input is a tier text, before which 16 bytes choose base, included slots,
 * a count and an amount. What is accepted prices every slot once; what is refused says why, in UTF-8 if the text is.
 * The amount goes to a text and back.
 */
#include <stdlib.h>

#include "base/json.h"
#include "kernel/tier.h"

enum { PREFIX = 16 };

static void must(bool held)
{
    if (!held) abort();
}

static void check_amount(uint32_t high, uint32_t low)
{
    char text[MB_MONEY_TEXT];
    int64_t amount = (int64_t)(((uint64_t)high << 32 | low) % ((uint64_t)MB_MONEY_MOST + 1)), back;
    if (high & 1) amount = -amount;
    size_t n = mb_money_write(amount, text);
    must(n < sizeof text && text[n - 3] == '.');
    must(mb_money_read((struct mb_str){text, n}, &back, NULL) == MB_OK && back == amount);
}

/* One slot more costs what the tier of that slot says. */
static void check_tiers(const struct mb_tiers *t, int64_t slots)
{
    struct mb_quote q;
    struct mb_quote next;
    int64_t price, sum = t->base, counted = t->included;
    size_t tier;
    for (size_t i = 0; i < t->count; i++) {
        must(t->tier[i].first == (i > 0 ? t->tier[i - 1].last : t->included) + 1);
        must(t->tier[i].price >= 0 && t->tier[i].price <= MB_MONEY_MOST);
    }
    must(t->tier[t->count - 1].last == MB_TIER_MOST_SLOTS);
    if (mb_tiers_quote(t, slots, &q, NULL) != MB_OK) return;
    for (size_t i = 0; i < t->count; i++) {
        sum += q.line[i].amount;
        counted += q.line[i].slots;
    }
    must(sum == q.total && (counted == slots || (slots < counted && counted == t->included)));
    must(mb_tiers_nth(t, slots + 1, &tier, &price, NULL) == MB_OK && tier <= t->count);
    if (mb_tiers_quote(t, slots + 1, &next, NULL) == MB_OK) must(next.total == q.total + price);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mb_tiers t;
    struct mb_tier_fault fault;
    uint32_t parts[4];
    if (size < PREFIX) return 0;
    memcpy(parts, data, sizeof parts);
    check_amount(parts[0], parts[1]);
    struct mb_str text = {(const char *)data + PREFIX, size - PREFIX};
    int64_t slots = parts[3] % MB_TIER_MOST_SLOTS;
    enum mb_rc rc = mb_tiers_read(text, parts[2] % 1000000, parts[2] >> 24, &t, &fault);
    if (rc == MB_OK) {
        check_tiers(&t, slots);
        check_tiers(&t, slots % 500);
    } else {
        must(rc == MB_E_INVALID && fault.text[0] != '\0');
        must(!mb_utf8_valid(text.ptr, text.len) || mb_utf8_valid(fault.range, strlen(fault.range)));
    }
    return 0;
}
