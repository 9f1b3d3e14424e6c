/* The table of keys, and everything that prints keys and values. */
#include "app/config_keys.h"

const struct mb_config__key mb_config__keys[MB_CONFIG__COUNT] = {
#define MB_X(member, key, type, dflt, least, most, words, help)                                    \
    {key, MB_CFG_##type, dflt, least, most, words, help, offsetof(struct mb_config, member)},
    MB_CONFIG_MAP(MB_X)
#undef MB_X
};

static const struct mb_config__unit ms_units[] = {
    {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct mb_config__unit byte_units[] = {
    {"B", 1}, {"KB", 1 << 10}, {"MB", 1 << 20}, {"GB", 1 << 30}};
enum {
    N_MS = sizeof ms_units / sizeof ms_units[0],
    N_BYTES = sizeof byte_units / sizeof byte_units[0]
};

const struct mb_config__unit *mb_config__units(const struct mb_config__key *k, size_t *count)
{
    *count = k->type == MB_CFG_MS ? N_MS : k->type == MB_CFG_BYTES ? N_BYTES : 0;
    return k->type == MB_CFG_MS ? ms_units : byte_units;
}

const char *mb_config__expected(const struct mb_config__key *k)
{
    static const char port[] = "an address such as 127.0.0.1:8080, [::1]:8080 or *:8080";
    static const char port_or_off[] = "an address such as 127.0.0.1:8081, or off";
    switch (k->type) {
    case MB_CFG_INT: return "a whole number";
    case MB_CFG_BOOL: return "true or false";
    case MB_CFG_MS: return "a duration such as 500ms, 10s, 5min, 2h or 1d";
    case MB_CFG_BYTES: return "a size such as 512B, 64KB, 1MB or 2GB";
    case MB_CFG_WORD: return k->words;
    case MB_CFG_NETWORKS: return "addresses or networks such as 127.0.0.1, 10.0.0.0/8, ::1";
    case MB_CFG_ORIGINS: return "origins such as https://clinic.example, or *";
    case MB_CFG_TYPES: return "media types such as text/*, application/json, *+json";
    case MB_CFG_HOSTS: return "host names without port, such as medbookd.internal";
    case MB_CFG_URL: return "https:// or http:// and a host, such as https://clinic.example, or empty";
    case MB_CFG_HOST: return "a host name or an address, without port, such as mail.clinic.example";
    case MB_CFG_ADDRESS: return "an address such as no-reply@clinic.example, without a name";
    case MB_CFG_TEXT: return "a text without control characters";
    case MB_CFG_PLACE: return k->words[0] != '\0' ? port_or_off : port;
    case MB_CFG_DSN: return "a URI such as postgresql://user@host:5432/name, or host=… dbname=…";
    case MB_CFG_USER: return "a user that exists and is not root; useradd --system NAME makes one";
    case MB_CFG_PORTS: return "ports and ranges of them, such as 80,443,8000-8099";
    case MB_CFG_FILE: return "a file that exists, or empty";
    case MB_CFG_FOLDER: return "a folder, or where one can be made";
    case MB_CFG_HOME: return "a folder with lua/ and migrations/";
    case MB_CFG_ZONE: return "an IANA time zone such as Africa/Johannesburg";
    case MB_CFG_COUNTRIES: return "country codes of telephone numbers, such as 27, 264; or empty";
    }
    return "";
}

/* In the largest unit that divides the value. */
enum mb_rc mb_config__print_scaled(int64_t v, const struct mb_config__key *k, struct mb_buf *out)
{
    size_t best = 0, count = 0;
    const struct mb_config__unit *units = mb_config__units(k, &count);
    for (size_t i = 1; i < count && v != 0; i++)
        if (v % units[i].factor == 0) best = i;
    return mb_buf_addf(out, "%lld%s", (long long)(v / units[best].factor), units[best].name);
}

size_t mb_config_count(void) { return MB_CONFIG__COUNT; }

const char *mb_config_key(size_t i)
{
    return i < MB_CONFIG__COUNT ? mb_config__keys[i].name : NULL;
}

enum mb_rc mb_config_text(const struct mb_config *c, size_t i, struct mb_buf *out)
{
    if (i >= MB_CONFIG__COUNT) return MB_E_INVALID;
    const struct mb_config__key *k = &mb_config__keys[i];
    const char *field = (const char *)c + k->offset;
    union mb_config__value v;
    if (mb_config__is_text(k))
        v.text = *(const char *const *)(const void *)field;
    else if (k->type == MB_CFG_BOOL)
        v.flag = *(const bool *)field;
    else
        v.number = *(const int64_t *)(const void *)field;
    return mb_config__print(k, &v, out);
}

enum mb_rc mb_config__sample(const struct mb_config__key *k, struct mb_buf *out)
{
    enum mb_rc rc = mb_buf_addf(out, "\n# %s\n", k->help);
    if (rc == MB_OK) rc = mb_buf_addf(out, "# %s", mb_config__expected(k));
    if (rc == MB_OK && k->type == MB_CFG_INT)
        rc = mb_buf_addf(out, ", %lld to %lld", (long long)k->least, (long long)k->most);
    if (rc == MB_OK && (k->type == MB_CFG_MS || k->type == MB_CFG_BYTES)) {
        rc = mb_buf_addz(out, ", ");
        if (rc == MB_OK) rc = mb_config__print_scaled(k->least, k, out);
        if (rc == MB_OK) rc = mb_buf_addz(out, " to ");
        if (rc == MB_OK) rc = mb_config__print_scaled(k->most, k, out);
    }
    if (rc == MB_OK) rc = mb_buf_addf(out, "\n#%s =", k->name);
    if (rc == MB_OK && k->dflt[0] != '\0') rc = mb_buf_addf(out, " %s", k->dflt);
    return rc == MB_OK ? mb_buf_addz(out, "\n") : rc;
}

enum mb_rc mb_config_sample(struct mb_buf *out)
{
    enum mb_rc rc = mb_buf_addz(
        out, "# medbookd.conf: every key at its default. Remove the # before a key to set it.\n"
             "# Stronger than this file: the environment (MEDBOOKD_HTTP_MAX_BODY=2MB sets\n"
             "# http.max_body), and stronger still --set http.max_body=2MB on the command line.\n"
             "# A # starts a comment only at the beginning of a line.\n");
    for (size_t i = 0; rc == MB_OK && i < MB_CONFIG__COUNT; i++)
        rc = mb_config__sample(&mb_config__keys[i], out);
    return rc;
}
