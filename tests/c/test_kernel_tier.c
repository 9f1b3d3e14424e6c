/*
 * Facts about kernel/tier.h: the vectors of the specification, what is refused and where, and random plans against an
 * oracle. MB_PLANS=<n> tries so many plans instead of 1000.
 */
#include "kernel/tier.h"

#include "plans.h"
#include "tap.h"

static const char seed_tiers[] = "{\"31-100\": 5.00, \"101-300\": 4.00, \"301+\": 3.00}";
static struct mb_tiers tiers;
static struct mb_tier_fault fault;

static enum mb_rc read_tiers(const char *text, int64_t included)
{
    return mb_tiers_read(mb_str_z(text), 30000, included, &tiers, &fault);
}

static void vectors(void)
{
    static const struct {
        int64_t slots, total;
    } prices[] = {{0, 30000},    {30, 30000},   {31, 30500},   {100, 65000},   {101, 65400},
                  {300, 145000}, {301, 145300}, {350, 160000}, {1000, 355000}, {1000000, 300055000}};
    static const struct {
        int64_t n, price;
        size_t tier;
    } nth[] = {{1, 0, 0}, {30, 0, 0}, {31, 500, 1}, {100, 500, 1}, {101, 400, 2}, {300, 400, 2}, {301, 300, 3}};
    ok(read_tiers(seed_tiers, 30) == MB_OK && tiers.count == 3, "reads the plan of the seed");
    for (size_t i = 0; i < sizeof prices / sizeof prices[0]; i++) {
        struct mb_quote q;
        bool held = mb_tiers_quote(&tiers, prices[i].slots, &q, NULL) == MB_OK;
        int64_t slots = tiers.included, sum = tiers.base;
        for (size_t k = 0; held && k < tiers.count; k++) slots += q.line[k].slots, sum += q.line[k].amount;
        bool is_whole = slots == prices[i].slots || (slots == 30 && prices[i].slots < 30);
        ok(held && q.total == prices[i].total && sum == q.total && is_whole, "%lld slots cost %lld",
           (long long)prices[i].slots, (long long)q.total);
    }
    for (size_t i = 0; i < sizeof nth / sizeof nth[0]; i++) {
        size_t tier = 17;
        int64_t price = -1;
        bool held = mb_tiers_nth(&tiers, nth[i].n, &tier, &price, NULL) == MB_OK;
        ok(held && tier == nth[i].tier && price == nth[i].price, "slot %lld is of tier %zu",
           (long long)nth[i].n, tier);
    }
}

static void refuses(const char *text, const char *range, const char *word)
{
    memset(&fault, 0, sizeof fault);
    enum mb_rc rc = read_tiers(text, 30);
    ok(rc == MB_E_INVALID && strcmp(fault.range, range) == 0 && strstr(fault.text, word) != NULL,
       "refuses %.60s: '%s' %s", text, fault.range, fault.text);
}

static void refusals(void)
{
    refuses("{\"31-100\":5,\"102-300\":4,\"301+\":3}", "102-300", "slot 101 without a price");
    refuses("{\"40-100\":5,\"101+\":4}", "40-100", "slot 31 without a price");
    refuses("{\"31-100\":5,\"100-300\":4,\"301+\":3}", "100-300", "within the range before");
    refuses("{\"31-100\":5}", "31-100", "no open end");
    refuses("{\"31+\":5,\"101+\":4}", "101+", "second open end");
    refuses("{\"31+\":5,\"101-300\":4}", "101-300", "within the open range");
    refuses("{\"100-31\":5,\"101+\":4}", "100-31", "ends before it begins");
    refuses("{\"30-100\":5,\"101+\":4}", "30-100", "within the included");
    refuses("{\"31-100\":5,\"101+\":4,\"31-100\":5}", "31-100", "twice");
    refuses("{\"101+\":4,\"31-100\":5,\"101+\":4}", "101+", "twice");
    refuses("{}", "", "no range");
    refuses("{\"31+\":-5}", "31+", "below zero");
    refuses("{\"31+\":\"5.00\"}", "31+", "a text");
    refuses("{\"31+\":5.005}", "31+", "one or two digits");
    refuses("{\"31+\":5.000}", "31+", "one or two digits");
    refuses("{\"31+\":1e1}", "31+", "exponent");
    refuses("{\"31+\":1.5E1}", "31+", "exponent");
    refuses("{\"31+\":100000000}", "31+", "over 99999999.99");
    refuses("{\"31+\":null}", "31+", "no number");
    refuses("{\"31+\":[5]}", "31+", "no number");
    static const char *const keys[] = {"031-100", "31 - 100", "31-", "+301", "", "-", "0+", "31-100+",
                                       "31--100", "31", "31\\u002b", "3000000000+", "31-3000000000"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "{\"%s\":5}", keys[i]);
        refuses(text, keys[i], "is written 31-100 or 301+");
    }
    static const char *const texts[] = {"", "[]", "5", "{", "{\"31+\":5", "{\"31+\":5,}", "{\"31+\":5}}", "{\"31+\" 5}",
                                        "{\"31+\":05}", "{\"31+\t\":5}", "{31:5}", "{\"31+\":5} x", "{\"31", "{\"31\\"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) refuses(texts[i], "", "must be a JSON object");
    refuses("{\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
            "\xc3\xa9\xc3\xa9\xc3\xa9 \xc3\xa9\xc3\xa9\":5}",
            "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
            "\xc3\xa9\xc3\xa9\xc3\xa9 ",
            "is written");
}

static void many(void)
{
    char text[1024];
    size_t n = (size_t)snprintf(text, sizeof text, "{");
    for (int i = 1; i <= MB_TIER_MOST; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "\"%d-%d\":1,", i, i);
    (void)snprintf(text + n, sizeof text - n, "\"%d+\":1}", MB_TIER_MOST + 1);
    enum mb_rc rc = read_tiers(text, 0);
    ok(rc == MB_E_INVALID && strstr(fault.text, "more than 32"), "refuses 33 ranges: %s", fault.text);
    ok(read_tiers("{\"1+\": 0.00}", 0) == MB_OK, "takes a flat plan");
    ok(read_tiers("{\"1+\": 0.00}", -1) == MB_E_INVALID && strstr(fault.text, "number of included") != NULL &&
           read_tiers("{\"1+\":0}", MB_TIER_MOST_SLOTS) == MB_E_INVALID &&
           strstr(fault.text, "number of included") != NULL,
       "includes no number below zero, nor all");
    ok(mb_tiers_read(MB_STR("{\"1+\":0}"), -1, 0, &tiers, &fault) == MB_E_INVALID, "has no base below zero");
}

static enum mb_rc quote(int64_t slots, int64_t *total)
{
    struct mb_quote q = {.total = *total};
    enum mb_rc rc = mb_tiers_quote(&tiers, slots, &q, NULL);
    *total = q.total;
    return rc;
}

static void limits(void)
{
    int64_t v = 17;
    size_t tier = 17;
    ok(read_tiers(" { \"101+\" :3 ,\n\"31-100\": 99999999.99 } ", 30) == MB_OK, "reads blanks, and ranges in any order");
    ok(quote(31, &v) == MB_E_LIMIT && v == 17, "gives no total over 99999999.99");
    ok(quote(200, &v) == MB_E_LIMIT && v == 17, "in no later tier either");
    ok(quote(30, &v) == MB_OK && v == 30000, "though those before it have theirs");
    ok(read_tiers("{\"31+\": 99999699.99}", 30) == MB_OK && quote(31, &v) == MB_OK && v == MB_MONEY_MOST,
       "gives one of 99999999.99");
    ok(read_tiers("{\"31+\": 99999700.00}", 30) == MB_OK && quote(31, &v) == MB_E_LIMIT, "and none of a cent more");
    ok(read_tiers("{\"1-999999998\": 99999999.99,\"999999999+\":99999999.99}", 0) == MB_OK &&
           quote(MB_TIER_MOST_SLOTS, &v) == MB_E_LIMIT && quote(MB_TIER_MOST_SLOTS - 1, &v) == MB_E_LIMIT,
       "nor one that no signed integer holds");
    for (int64_t slots = 922337201; slots < 922337211; slots++) /* the total passes 2^63 */
        ok(quote(slots, &v) == MB_E_LIMIT, "nor around the largest of these");
    ok(quote(-1, &v) == MB_E_INVALID && quote(1000000000, &v) == MB_E_INVALID, "prices 0 to 999999999 slots");
    ok(mb_tiers_nth(&tiers, 0, &tier, &v, NULL) == MB_E_INVALID && tier == 17, "has no slot 0");
    ok(mb_tiers_nth(&tiers, MB_TIER_MOST_SLOTS, &tier, &v, NULL) == MB_OK && tier == 2, "has a last one");
}

/* What the kernel says of a plan and a count is what the oracle says. */
static bool agrees(const struct plan *p, long long slots)
{
    int64_t base;
    char text[MB_MONEY_TEXT], wanted[DECIMAL + 2];
    struct mb_quote q;
    oracle_total(p, slots, wanted);
    if (mb_money_read(mb_str_z(p->base), &base, NULL) != MB_OK) return false;
    if (mb_tiers_read(mb_str_z(p->tiers), base, p->included, &tiers, &fault) != MB_OK) return false;
    enum mb_rc rc = mb_tiers_quote(&tiers, slots, &q, NULL);
    if (strlen(wanted) > strlen("99999999.99")) return rc == MB_E_LIMIT;
    if (rc != MB_OK) return false;
    mb_money_write(q.total, text);
    return strcmp(text, wanted) == 0;
}

static void random_plans(void)
{
    const char *given = getenv("MB_PLANS");
    int plans = given != NULL ? atoi(given) : 1000;
    bool all = true;
    for (int i = 0; i < plans && all; i++) {
        struct plan p = random_plan();
        long long slots = random_slots(&p);
        all = agrees(&p, slots);
        if (!all) printf("# %s and %lld included, base %s: %lld slots\n", p.tiers, p.included, p.base, slots);
    }
    ok(all, "agrees with adding slot by slot on %d random plans", plans);
    tell_seed();
}

static void broken_plans(void)
{
#define MB_X(name, word) word,
    static const char *const words[] = {BROKEN_PLANS(MB_X)};
#undef MB_X
    for (int kind = 0; kind < BROKEN_COUNT; kind++) {
        bool all = true;
        for (int i = 0; i < 100 && all; i++) {
            struct plan p = broken_plan((enum broken)kind);
            all = mb_tiers_read(mb_str_z(p.tiers), 0, p.included, &tiers, &fault) == MB_E_INVALID;
            if (!all) printf("# %s and %lld included\n", p.tiers, p.included);
        }
        ok(all, "refuses plans with %s", words[kind]);
    }
    tell_seed();
}

int main(void)
{
    seed_random();
    vectors();
    refusals();
    many();
    limits();
    random_plans();
    broken_plans();
    return done();
}
