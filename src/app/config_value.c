/* One reader per type of key, and the printers of their values; and keys found by name. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "app/config_keys.h"

/* "10s" -> 10000. A number without unit is taken as bytes, but never as a duration (of what?). */
bool mb_config__read_scaled(const char *text, const struct mb_config__key *k, int64_t *out)
{
    if (!isdigit((unsigned char)*text) && *text != '-') return false;
    char *end = NULL;
    errno = 0;
    int64_t n = strtoll(text, &end, 10);
    if (errno != 0 || end == text) return false;
    while (*end == ' ') end++;

    size_t count = 0;
    const struct mb_config__unit *units = mb_config__units(k, &count);
    if (*end == '\0') {
        *out = n;
        return k->type != MB_CFG_MS || n == 0;
    }
    for (size_t i = 0; i < count; i++)
        if (strcmp(end, units[i].name) == 0)
            return !__builtin_mul_overflow(n, units[i].factor, out);
    return false;
}

static bool read_bool(const char *value, bool *out)
{
    *out = strcmp(value, "true") == 0;
    return *out || strcmp(value, "false") == 0;
}

static enum mb_rc check_range(const struct mb_config__key *k, const char *origin, int64_t v,
                              struct mb_err *err)
{
    if (v >= k->least && v <= k->most) return MB_OK;
    struct mb_buf range;
    mb_buf_init(&range, 128);
    enum mb_rc rc = MB_OK;
    if (k->type == MB_CFG_INT) {
        rc = mb_buf_addf(&range, "%lld to %lld", (long long)k->least, (long long)k->most);
    } else {
        rc = mb_config__print_scaled(k->least, k, &range);
        if (rc == MB_OK) rc = mb_buf_addz(&range, " to ");
        if (rc == MB_OK) rc = mb_config__print_scaled(k->most, k, &range);
    }
    if (rc == MB_OK)
        rc = mb_fail(err, MB_E_CONFIG, "%s: %s is out of range; it must be %.*s", origin, k->name,
                     (int)range.len, range.data);
    mb_buf_reset(&range);
    return rc;
}

bool mb_config__is_text(const struct mb_config__key *k)
{
    return k->type != MB_CFG_BOOL && k->type != MB_CFG_INT && k->type != MB_CFG_MS &&
           k->type != MB_CFG_BYTES;
}

enum mb_rc mb_config__set(const struct mb_config__key *k, const char *origin, const char *value,
                          union mb_config__value *out, struct mb_err *err)
{
    bool fits;
    if (mb_config__is_text(k)) {
        fits = mb_config__is_text_of(k, value);
        out->text = value;
    } else if (k->type == MB_CFG_BOOL) {
        fits = read_bool(value, &out->flag);
    } else {
        fits = mb_config__read_scaled(value, k, &out->number);
        if (fits) return check_range(k, origin, out->number, err);
    }
    if (fits) return MB_OK;
    if (k->type == MB_CFG_DSN) /* not shown: it may hold a password */
        return mb_fail(err, MB_E_CONFIG, "%s: %s cannot be read; it must be %s", origin, k->name,
                       mb_config__expected(k));
    return mb_fail(err, MB_E_CONFIG, "%s: %s cannot be \"%.60s\"; it must be %s", origin, k->name,
                   value, mb_config__expected(k));
}

enum mb_rc mb_config__print(const struct mb_config__key *k, const union mb_config__value *v,
                            struct mb_buf *out)
{
    if (mb_config__is_text(k)) return mb_buf_addz(out, v->text);
    if (k->type == MB_CFG_BOOL) return mb_buf_addz(out, v->flag ? "true" : "false");
    if (k->type == MB_CFG_INT) return mb_buf_i64(out, v->number);
    return mb_config__print_scaled(v->number, k, out);
}

/* ---- names ---- */

const struct mb_config__key *mb_config__find(const char *name)
{
    for (size_t i = 0; i < MB_CONFIG__COUNT; i++)
        if (strcmp(mb_config__keys[i].name, name) == 0) return &mb_config__keys[i];
    return NULL;
}

/* The variable's name and the key's agree: capitals, and '_' where the key has '.'. */
bool mb_config__is_variable_of(const char *variable, size_t len, const char *key)
{
    if (strlen(key) != len) return false;
    for (size_t i = 0; i < len; i++) {
        char want = key[i] == '.' ? '_' : (char)toupper((unsigned char)key[i]);
        if (variable[i] != want) return false;
    }
    return true;
}

/* Edits (insert, delete, replace) that turn a into b; names longer than the row are far apart. */
static size_t distance(const char *a, const char *b)
{
    enum { ROW = 64 };
    size_t row[ROW], n = strlen(b);
    if (n >= ROW) return SIZE_MAX;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; *a != '\0'; a++, i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t replace = diagonal + (*a != b[j - 1]);
            diagonal = row[j];
            size_t edge = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = replace < edge ? replace : edge;
        }
    }
    return row[n];
}

void mb_config__is_nearer(struct mb_config__nearest *near, const char *wrong, const char *name)
{
    size_t d = distance(wrong, name);
    if (d >= near->distance) return;
    near->distance = d;
    near->name = name;
}

struct mb_config__nearest mb_config__nearest(const char *wrong)
{
    enum { FAR = 4 };
    struct mb_config__nearest near = {NULL, FAR};
    for (size_t i = 0; i < MB_CONFIG__COUNT; i++)
        mb_config__is_nearer(&near, wrong, mb_config__keys[i].name);
    return near;
}
