#pragma once
/* Internal to config*.c: the table of keys, how values of their types are read and printed. */
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

/* Names are shorter than that. */
enum { MB_CONFIG__MAX_NAME = 64, MB_CONFIG__MAX_HOST = 256 };

union mb_config__value {
    const char *text;
    bool flag;
    int64_t number;
};

/* Whether values of the key's type are kept as text. */
bool mb_config__is_text(const struct mb_config__key *k);
/* Reads a value of the key; a text is borrowed. MB_E_CONFIG begins with where it came from. */
MB_MUST_CHECK enum mb_rc mb_config__set(const struct mb_config__key *k, const char *origin,
                                        const char *value, union mb_config__value *out,
                                        struct mb_err *err);
MB_MUST_CHECK enum mb_rc mb_config__print(const struct mb_config__key *k,
                                          const union mb_config__value *v, struct mb_buf *out);
/* "10s" -> 10000 of a duration; false when it is no value of the type. Its range is not looked at. */
bool mb_config__read_scaled(const char *text, const struct mb_config__key *k, int64_t *out);

/* The key of that name; NULL when the program has none. */
const struct mb_config__key *mb_config__find(const char *name);
/* The variable's name, without MEDBOOKD_, and the key's agree: capitals, and '_' where the key has '.'. */
bool mb_config__is_variable_of(const char *variable, size_t len, const char *key);
/* What a misspelled name may have meant: at most three edits away. */
struct mb_config__nearest {
    const char *name; /* NULL = none */
    size_t distance;
};
struct mb_config__nearest mb_config__nearest(const char *wrong);
void mb_config__is_nearer(struct mb_config__nearest *near, const char *wrong, const char *name);

/* The units of a key's type from small to large; none for types without. */
const struct mb_config__unit *mb_config__units(const struct mb_config__key *k, size_t *count);
/* Whether a text may stand for a key of one of these types (config_judge.c). */
bool mb_config__is_text_of(const struct mb_config__key *k, const char *value);
/* What a value of the key must be, in words. */
const char *mb_config__expected(const struct mb_config__key *k);
/* A key as mb_config_sample writes it. */
MB_MUST_CHECK enum mb_rc mb_config__sample(const struct mb_config__key *k, struct mb_buf *out);
MB_MUST_CHECK enum mb_rc mb_config__print_scaled(int64_t v, const struct mb_config__key *k,
                                                 struct mb_buf *out);
