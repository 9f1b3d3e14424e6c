#include "kernel/money.h"

#include <stdlib.h>

enum { MINOR = 100, MINOR_DIGITS = 2, CODE = 3 };

/* Those of ISO 4217 with two minor digits, in order. */
static const char currencies[][CODE + 1] = {
    "AED", "AFN", "ALL", "AMD", "ANG", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT",
    "BGN", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF",
    "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR",
    "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF",
    "IDR", "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD", "KZT", "LAK", "LBP",
    "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR",
    "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK",
    "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD",
    "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TOP",
    "TRY", "TTD", "TWD", "TZS", "UAH", "USD", "UYU", "UZS", "VED", "VES", "WST", "XCD", "XCG",
    "YER", "ZAR", "ZMW", "ZWG",
};

static enum mb_rc too_large(struct mb_err *err)
{
    return mb_fail(err, MB_E_LIMIT, "an amount is over 99999999.99");
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

enum mb_rc mb_money_read(struct mb_str text, int64_t *amount, struct mb_err *err)
{
    size_t i = text.len > 0 && text.ptr[0] == '-', first = i, decimals = 0;
    int64_t v = 0;
    for (; i < text.len && is_digit(text.ptr[i]); i++) {
        if (v <= MB_MONEY_MOST) v = v * 10 + (text.ptr[i] - '0');
    }
    if (i == first) return mb_fail(err, MB_E_INVALID, "an amount is written 5 or 5.00");
    if (i < text.len && text.ptr[i] == '.') {
        size_t point = i++;
        for (; i < text.len && is_digit(text.ptr[i]); i++) {
            if (v <= MB_MONEY_MOST) v = v * 10 + (text.ptr[i] - '0');
        }
        decimals = i - point - 1;
        if (decimals == 0 || decimals > MINOR_DIGITS)
            return mb_fail(err, MB_E_INVALID, "an amount has one or two digits behind its point");
    }
    if (i < text.len && (text.ptr[i] == 'e' || text.ptr[i] == 'E'))
        return mb_fail(err, MB_E_INVALID, "an amount is written without an exponent");
    if (i < text.len) return mb_fail(err, MB_E_INVALID, "an amount is written 5 or 5.00");
    for (; decimals < MINOR_DIGITS && v <= MB_MONEY_MOST; decimals++) v *= 10;
    if (v > MB_MONEY_MOST) return too_large(err);
    *amount = first > 0 ? -v : v;
    return MB_OK;
}

size_t mb_money_write(int64_t amount, char out[MB_MONEY_TEXT])
{
    char digits[MB_MONEY_TEXT];
    size_t n = 0, len = 0;
    int64_t left = amount < 0 ? -amount : amount;
    for (; left > 0 || n <= MINOR_DIGITS; left /= 10) digits[n++] = (char)('0' + left % 10);
    if (amount < 0) out[len++] = '-';
    while (n > 0) {
        if (n == MINOR_DIGITS) out[len++] = '.';
        out[len++] = digits[--n];
    }
    out[len] = '\0';
    return len;
}

static bool is_amount(int64_t v) { return v <= MB_MONEY_MOST && v >= -MB_MONEY_MOST; }

enum mb_rc mb_money_add(int64_t a, int64_t b, int64_t *sum, struct mb_err *err)
{
    int64_t v;
    if (__builtin_add_overflow(a, b, &v) || !is_amount(v)) return too_large(err);
    *sum = v;
    return MB_OK;
}

enum mb_rc mb_money_times(int64_t amount, int64_t count, int64_t *product, struct mb_err *err)
{
    int64_t v;
    if (__builtin_mul_overflow(amount, count, &v) || !is_amount(v)) return too_large(err);
    *product = v;
    return MB_OK;
}

enum mb_rc mb_money_share(int64_t amount, int64_t part, int64_t whole, int64_t *out,
                          struct mb_err *err)
{
    if (whole < 1 || whole > MB_MONEY_MOST_PARTS || part < 0 || part > whole)
        return mb_fail(err, MB_E_INVALID, "a share has 0 to all parts of 1 to %d",
                       (int)MB_MONEY_MOST_PARTS);
    if (!is_amount(amount)) return too_large(err);
    int64_t product = amount * part; /* below 10^18 */
    int64_t half = product < 0 ? -(whole / 2) : whole / 2;
    /* Of an odd whole no part is half, so that its half may be cut. */
    *out = (product + half) / whole;
    return MB_OK;
}

static int compare(const void *code, const void *entry) { return memcmp(code, entry, CODE); }

bool mb_money_has_cents(struct mb_str currency)
{
    return currency.len == CODE && bsearch(currency.ptr, currencies, sizeof currencies / sizeof currencies[0],
                                           sizeof currencies[0], compare) != NULL;
}
