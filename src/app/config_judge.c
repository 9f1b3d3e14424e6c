/*
 * Whether a text may stand for a key of its type, judged when it is read: so that a refusal can
 * name the file and the line.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "app/config_keys.h"
#include "app/home.h"
#include "app/place.h"
#include "app/tzdata.h"
#include "app/user.h"
#include "bind/text.h"
#include "client/client.h"
#include "db/dsn.h"
#include "net/gzip.h"
#include "net/peer.h"

static bool is_word(const char *words, const char *value)
{
    size_t n = strlen(value);
    for (const char *at = words; n > 0 && *at != '\0'; at++) {
        size_t len = strcspn(at, "|");
        if (len == n && memcmp(at, value, n) == 0) return true;
        at += len;
        if (*at == '\0') break;
    }
    return false;
}

static bool is_networks(const char *value)
{
    struct mb_networks *list = NULL;
    enum mb_rc rc = mb_networks_new(&list, value, NULL);
    mb_networks_free(list);
    return rc == MB_OK;
}

/* "https://clinic.example:8443": scheme, host, perhaps a port, nothing behind. */
static bool is_origin(struct mb_str s)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]";
    size_t scheme = s.len > 8 && memcmp(s.ptr, "https://", 8) == 0  ? 8
                    : s.len > 7 && memcmp(s.ptr, "http://", 7) == 0 ? 7
                                                                    : 0;
    for (size_t i = scheme; i < s.len; i++)
        if (strchr(allowed, s.ptr[i]) == NULL) return false;
    return scheme > 0;
}

static bool is_origins(const char *value)
{
    static const char between[] = ", \t";
    if (strcmp(value, "*") == 0) return true;
    for (const char *at = value + strspn(value, between); *at != '\0'; at += strspn(at, between)) {
        struct mb_str origin = {at, strcspn(at, between)};
        if (!is_origin(origin)) return false;
        at += origin.len;
    }
    return true;
}

/* An origin, perhaps with a slash behind it. */
static bool is_url(const char *value)
{
    char host[MB_CONFIG__MAX_HOST];
    size_t n = strlen(value);
    struct mb_str origin = {value, n > 0 && value[n - 1] == '/' ? n - 1 : n};
    return is_origin(origin) && mb_client_host(value, host, sizeof host);
}

static bool is_host(const char *value)
{
    char url[2 * MB_CONFIG__MAX_HOST], host[MB_CONFIG__MAX_HOST];
    bool is_v6 = strchr(value, ':') != NULL;
    if (strlen(value) >= sizeof host || strpbrk(value, "/?#@[]%") != NULL) return false;
    (void)snprintf(url, sizeof url, is_v6 ? "https://[%s]/" : "https://%s/", value);
    return mb_client_host(url, host, sizeof host);
}

static bool is_text(const char *value)
{
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++)
        if (*c < ' ' || *c == 0x7f) return false;
    return true;
}

static bool is_hosts(const char *value)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_., \t";
    return value[strspn(value, allowed)] == '\0';
}

static bool is_place(const char *words, const char *value)
{
    struct mb_place place;
    return is_word(words, value) || mb_place_parse(&place, value);
}

/* Whether the user may use it is seen when it is opened; here, that nothing else is in its place. */
static bool is_folder(const char *value)
{
    struct stat st;
    if (value[0] == '\0' || strlen(value) >= MB_PATH_MAX) return false;
    if (stat(value, &st) == 0) return S_ISDIR(st.st_mode);
    return errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG;
}

static bool is_file(const char *value)
{
    struct stat st;
    return strlen(value) < MB_PATH_MAX && stat(value, &st) == 0 && S_ISREG(st.st_mode);
}

/* Offsets and abbreviations are files too, but no places: as "Provider_timeZone_check" has it. */
static bool is_zone(const char *value)
{
    struct mb_tzdata zones = {0};
    const struct mb_zone *zone;
    bool is = (strcmp(value, "UTC") == 0 || strchr(value, '/') != NULL) &&
              mb_tzdata_find(&zones, value, &zone, NULL) == MB_OK;
    mb_tzdata_reset(&zones);
    return is;
}

/* "27, 264": one to three digits each, none of them 0 at first (ITU-T E.164). */
static bool is_countries(const char *value)
{
    static const char digits[] = "0123456789", between[] = ", \t";
    for (const char *at = value + strspn(value, between); *at != '\0'; at += strspn(at, between)) {
        size_t n = strspn(at, digits);
        if (n < 1 || n > 3 || *at == '0') return false;
        at += n;
        if (*at != '\0' && strchr(between, *at) == NULL) return false;
    }
    return true;
}

bool mb_config__is_text_of(const struct mb_config__key *k, const char *value)
{
    bool is_empty = value[0] == '\0';
    switch (k->type) {
    case MB_CFG_WORD: return is_word(k->words, value);
    case MB_CFG_NETWORKS: return is_networks(value);
    case MB_CFG_ORIGINS: return is_origins(value);
    case MB_CFG_TYPES: return mb_gzip_is_types(value);
    case MB_CFG_HOSTS: return is_hosts(value);
    case MB_CFG_URL: return is_empty || is_url(value);
    case MB_CFG_HOST: return is_empty || is_host(value);
    case MB_CFG_ADDRESS: return is_empty || mb_text_is_email(mb_str_z(value));
    case MB_CFG_TEXT: return is_text(value);
    case MB_CFG_PLACE: return is_place(k->words, value);
    case MB_CFG_DSN: return is_empty || mb_dsn_is_valid(value);
    case MB_CFG_USER: return is_empty || mb_user_is_unprivileged(value);
    case MB_CFG_PORTS: return mb_client_is_ports(value);
    case MB_CFG_FILE: return is_empty || is_file(value);
    case MB_CFG_FOLDER: return is_folder(value);
    case MB_CFG_HOME: return is_empty || mb_home_is(value);
    case MB_CFG_ZONE: return is_zone(value);
    case MB_CFG_COUNTRIES: return is_countries(value);
    default: return true;
    }
}
