/* Facts about kernel/money.h. */
#include "kernel/money.h"

#include "random.h"
#include "tap.h"

static void reads(const char *text, int64_t wanted)
{
    int64_t got = -1;
    struct mb_err err;
    enum mb_rc rc = mb_money_read(mb_str_z(text), &got, &err);
    ok(rc == MB_OK && got == wanted, "reads %s as %lld", text, (long long)wanted);
}

static void refuses(const char *text, enum mb_rc wanted)
{
    int64_t got = 17;
    struct mb_err err = {0};
    enum mb_rc rc = mb_money_read(mb_str_z(text), &got, &err);
    ok(rc == wanted && got == 17, "refuses '%s': %s", text, err.text);
}

static void shares(int64_t amount, int64_t part, int64_t whole, int64_t wanted)
{
    int64_t got = -1;
    bool held = mb_money_share(amount, part, whole, &got, NULL) == MB_OK && got == wanted;
    ok(held, "%lld for %lld of %lld is %lld", (long long)amount, (long long)part, (long long)whole,
       (long long)got);
}

static void texts(void)
{
    reads("0.1", 10);
    reads("0.29", 29);
    reads("5", 500);
    reads("5.0", 500);
    reads("5.00", 500);
    reads("-12.34", -1234);
    reads("-0", 0);
    reads("99999999.99", MB_MONEY_MOST);
    reads("-99999999.99", -MB_MONEY_MOST);
    static const char *const wrong[] = {"",    "-",    ".5",  "5.",   "5.005", "1e1", "5.0e0", "+5", " 5",
                                        "5 ", "5,00", "0x5", "5..0", "--5",   "NaN", "5.-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) refuses(wrong[i], MB_E_INVALID);
    refuses("100000000", MB_E_LIMIT);
    refuses("100000000.00", MB_E_LIMIT);
    refuses("-100000000.00", MB_E_LIMIT);
    refuses("9223372036854775808.00", MB_E_LIMIT);
    refuses("184467440737095516160000000000000000", MB_E_LIMIT);
}

/* Every amount to 10000.00, then samples up to the largest. */
static void round_trips(void)
{
    char text[MB_MONEY_TEXT], wanted[32];
    bool all = true;
    for (int64_t v = 0; v <= MB_MONEY_MOST; v += v < 1000000 ? 1 : random_between(1, 20000)) {
        int64_t back = -1;
        size_t n = mb_money_write(v, text);
        int len = snprintf(wanted, sizeof wanted, "%lld.%lld%lld", (long long)(v / 100),
                           (long long)(v / 10 % 10), (long long)(v % 10));
        all = all && n == (size_t)len && memcmp(text, wanted, n + 1) == 0 &&
              mb_money_read((struct mb_str){text, n}, &back, NULL) == MB_OK && back == v;
        n = mb_money_write(-v, text);
        all = all && mb_money_read((struct mb_str){text, n}, &back, NULL) == MB_OK && back == -v;
    }
    ok(all, "writes and reads amounts up to 99999999.99, also below zero");
    tell_seed();
}

static void sums(void)
{
    int64_t v = 17;
    ok(mb_money_add(MB_MONEY_MOST, 0, &v, NULL) == MB_OK && v == MB_MONEY_MOST, "adds up to the most");
    v = 17;
    ok(mb_money_add(MB_MONEY_MOST, 1, &v, NULL) == MB_E_LIMIT && v == 17, "and not beyond");
    ok(mb_money_add(-MB_MONEY_MOST, -1, &v, NULL) == MB_E_LIMIT, "nor below");
    ok(mb_money_add(INT64_MAX, INT64_MAX, &v, NULL) == MB_E_LIMIT, "nor around");
    ok(mb_money_times(300, 999999999, &v, NULL) == MB_E_LIMIT, "multiplies not beyond");
    ok(mb_money_times(MB_MONEY_MOST, 999999999, &v, NULL) == MB_E_LIMIT, "nor around");
    ok(mb_money_times(333, 3, &v, NULL) == MB_OK && v == 999, "multiplies");
}

/* Against the definition: what is nearest, and of two that are as near the one farther from zero. */
static void rounding(void)
{
    bool all = true;
    for (int i = 0; i < 100000; i++) {
        int64_t amount = random_between(-100000, 100000), whole = random_between(1, 400), got = 0;
        int64_t part = random_between(0, whole);
        all = all && mb_money_share(amount, part, whole, &got, NULL) == MB_OK;
        int64_t exact = amount * part; /* in parts of whole */
        int64_t off = got * whole - exact, farther = exact < 0 ? -off : off;
        all = all && 2 * farther <= whole && 2 * farther > -whole;
    }
    ok(all, "rounds to the nearest, half away from zero");
    tell_seed();
}

int main(void)
{
    seed_random();
    texts();
    round_trips();
    sums();
    shares(30000, 29, 30, 29000);
    shares(20000, 29, 30, 19333);
    shares(30000, 17, 31, 16452);
    shares(30000, 1, 28, 1071);
    shares(1, 1, 2, 1);
    shares(-1, 1, 2, -1);
    shares(MB_MONEY_MOST, MB_MONEY_MOST_PARTS, MB_MONEY_MOST_PARTS, MB_MONEY_MOST);
    rounding();
    int64_t v = 17;
    ok(mb_money_share(1, 2, 1, &v, NULL) == MB_E_INVALID && mb_money_share(1, 0, 0, &v, NULL) == MB_E_INVALID &&
           mb_money_share(1, -1, 1, &v, NULL) == MB_E_INVALID && v == 17,
       "takes no more parts than the whole has");
    ok(mb_money_share(MB_MONEY_MOST + 1, 1, 1, &v, NULL) == MB_E_LIMIT, "nor an amount that is none");
    ok(mb_money_has_cents(MB_STR("ZAR")) && mb_money_has_cents(MB_STR("AED")) &&
           mb_money_has_cents(MB_STR("ZWG")) && mb_money_has_cents(MB_STR("EUR")),
       "knows currencies with cents");
    ok(!mb_money_has_cents(MB_STR("JPY")) && !mb_money_has_cents(MB_STR("KWD")) &&
           !mb_money_has_cents(MB_STR("CLF")) && !mb_money_has_cents(MB_STR("zar")) &&
           !mb_money_has_cents(MB_STR("ZA")) && !mb_money_has_cents(MB_STR("ZARX")) && !mb_money_has_cents(MB_STR("")) && !mb_money_has_cents(MB_STR("ABC")),
       "and refuses those with none, three or four digits, and words that are none");
    return done();
}
