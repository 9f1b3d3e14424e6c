#pragma once
/* Internal to config*.c: the table of keys and what its types are called and printed like. */
#include "app/config.h"

struct mb_config__key {
    const char *name;
    enum mb_config_type type;
    const char *dflt;
    int64_t least, most;
    const char *words;
    const char *help;
    size_t offset;
};

#define MB_X(member, key, type, dflt, least, most, words, help) +1
enum { MB_CONFIG__COUNT = 0 MB_CONFIG_MAP(MB_X) };
#undef MB_X

extern const struct mb_config__key mb_config__keys[MB_CONFIG__COUNT];

struct mb_config__unit {
    const char *name;
    int64_t factor;
};

/* The units of a key's type from small to large; none for types without. */
const struct mb_config__unit *mb_config__units(const struct mb_config__key *k, size_t *count);
/* For the types whose values are kept as text. */
bool mb_config__is_text_of(const struct mb_config__key *k, const char *value);
/* What a value of the key must be, in words. */
const char *mb_config__expected(const struct mb_config__key *k);
MB_MUST_CHECK enum mb_rc mb_config__print_scaled(int64_t v, const struct mb_config__key *k,
                                                 struct mb_buf *out);
