/*
 * Parsing the connection string with libpq's own parser. Knows no connection and no loop.
 */
#include "db/dsn.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

static const char *option(const struct mb_dsn *d, const char *keyword)
{
    for (const PQconninfoOption *o = d->options; o->keyword != NULL; o++)
        if (strcmp(o->keyword, keyword) == 0 && o->val != NULL) return o->val;
    return "";
}

static bool is_address(const char *host)
{
    unsigned char any[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, any) == 1 || inet_pton(AF_INET6, host, any) == 1;
}

static size_t count_items(const char *list)
{
    size_t n = 1;
    for (; *list != '\0'; list++) n += *list == ',';
    return n;
}

/* The i-th item of a list with commas; a list of one item stands for all. */
static char *item(const char *list, size_t i)
{
    if (count_items(list) == 1) i = 0;
    while (i > 0 && (list = strchr(list, ',')) != NULL) {
        list++;
        i--;
    }
    return list == NULL ? strdup("") : strndup(list, strcspn(list, ","));
}

static enum mb_rc split_hosts(struct mb_dsn *d, struct mb_err *err)
{
    const char *hosts = option(d, "host"), *ports = option(d, "port");
    bool has_addresses = option(d, "hostaddr")[0] != '\0';
    size_t n = count_items(hosts);
    d->hosts = calloc(n, sizeof *d->hosts);
    if (d->hosts == NULL) return mb_fail(err, MB_E_NOMEM, "could not read database.url");
    d->nhosts = n;
    for (size_t i = 0; i < n; i++) {
        struct mb_dsn_host *h = &d->hosts[i];
        h->name = item(hosts, i);
        h->port = item(ports, i);
        if (h->name == NULL || h->port == NULL)
            return mb_fail(err, MB_E_NOMEM, "could not read database.url");
        h->is_looked_up = !has_addresses && h->name[0] != '\0' && h->name[0] != '/' &&
                          h->name[0] != '@' && !is_address(h->name);
        d->needs_lookup |= h->is_looked_up;
    }
    return MB_OK;
}

static bool are_ports(const char *list)
{
    for (const char *at = list; *at != '\0'; at += *at == ',') {
        size_t len = strcspn(at, ",");
        unsigned long port = strtoul(at, NULL, 10);
        if (strspn(at, "0123456789") != len || len > 5 || (len > 0 && port < 1) || port > 65535)
            return false;
        at += len;
    }
    return true;
}

bool mb_dsn_is_valid(const char *url)
{
    const struct mb_dsn d = {.options = PQconninfoParse(url, NULL)};
    if (d.options == NULL) return false;
    const char *hosts = option(&d, "host"), *ports = option(&d, "port");
    if (hosts[0] == '\0') hosts = option(&d, "hostaddr");
    size_t n = count_items(ports);
    bool is_valid = are_ports(ports) && (n == 1 || n == count_items(hosts));
    PQconninfoFree(d.options);
    return is_valid;
}

void mb_dsn_settings(const struct mb_db_config *c, struct mb_dsn_setting out[MB_DSN_SETTINGS])
{
    static const struct mb_dsn_setting fixed[] = {{"client_encoding", "UTF8"},
                                                  {"TimeZone", "UTC"},
                                                  {"DateStyle", "ISO,MDY"},
                                                  {"IntervalStyle", "iso_8601"},
                                                  {"standard_conforming_strings", "on"},
                                                  {"plan_cache_mode", "force_generic_plan"},
                                                  {"client_min_messages", "error"},
                                                  {"client_connection_check_interval", "1000"}};
    const struct {
        const char *name;
        uint32_t value;
    } limits[] = {{"statement_timeout", c->statement_timeout},
                  {"lock_timeout", c->lock_timeout},
                  {"idle_in_transaction_session_timeout", c->idle_in_transaction_timeout},
                  {"work_mem", c->work_mem_kb}};
    enum { FIXED = sizeof fixed / sizeof *fixed, LIMITS = sizeof limits / sizeof *limits };
    _Static_assert((int)FIXED + (int)LIMITS == (int)MB_DSN_SETTINGS, "a setting has no place");
    memcpy(out, fixed, sizeof fixed);
    for (int i = 0; i < LIMITS; i++) {
        out[FIXED + i].name = limits[i].name;
        (void)snprintf(out[FIXED + i].value, sizeof out->value, "%u", limits[i].value);
    }
}

/* What a session of others begins with and returns to: the startup packet is stronger than its role. After the options
 * of the string, so that ours count. */
static char *startup_options(const struct mb_dsn *d, const struct mb_db_config *c)
{
    enum { ROOM = 640 };
    struct mb_dsn_setting settings[MB_DSN_SETTINGS];
    const char *given = option(d, "options");
    size_t size = strlen(given) + ROOM;
    char *text = malloc(size);
    size_t n = text != NULL ? (size_t)snprintf(text, size, "%s", given) : 0;
    mb_dsn_settings(c, settings);
    for (int i = 0; text != NULL && i < MB_DSN_SETTINGS; i++)
        n += (size_t)snprintf(text + n, size - n, " -c %s=%s", settings[i].name, settings[i].value);
    return text;
}

enum mb_rc mb_dsn_init(struct mb_dsn *d, const struct mb_db_config *config, struct mb_err *err)
{
    char *why = NULL;
    *d = (struct mb_dsn){0};
    d->options = PQconninfoParse(config->url, &why);
    if (d->options == NULL) {
        mb_fail(err, MB_E_CONFIG, "database.url: %s", why != NULL ? why : "cannot be read");
        PQfreemem(why);
        return MB_E_CONFIG;
    }
    d->url = strdup(config->url);
    d->application_name =
        strdup(config->application_name != NULL ? config->application_name : "medbookd");
    d->user = strdup(config->user != NULL ? config->user : "");
    d->password = strdup(config->password != NULL ? config->password : "");
    d->settings = config->is_foreign && config->pooler == MB_POOLER_NONE
                      ? startup_options(d, config) /* a pooler takes none */
                      : strdup("");
    snprintf(d->tcp_user_timeout, sizeof d->tcp_user_timeout, "%u", config->tcp_user_timeout);
    enum mb_rc rc = MB_E_NOMEM;
    if (d->url == NULL || d->application_name == NULL || d->user == NULL || d->password == NULL ||
        d->settings == NULL)
        mb_fail(err, rc, "could not read database.url");
    else
        rc = split_hosts(d, err);
    if (rc != MB_OK) mb_dsn_reset(d);
    return rc;
}

void mb_dsn_reset(struct mb_dsn *d)
{
    for (size_t i = 0; i < d->nhosts; i++) {
        free(d->hosts[i].name);
        free(d->hosts[i].port);
    }
    free(d->hosts);
    PQconninfoFree(d->options);
    free(d->url);
    free(d->application_name);
    free(d->user);
    free(d->password);
    free(d->settings);
    *d = (struct mb_dsn){0};
}

static void add(struct mb_dsn_params *p, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0' || p->n == MB_DSN_PARAMS) return;
    p->names[p->n] = name;
    p->values[p->n++] = value;
    p->names[p->n] = p->values[p->n] = NULL;
}

void mb_dsn_fill(const struct mb_dsn *d, struct mb_dsn_params *p, const char *host,
                 const char *hostaddr, const char *port)
{
    /* Of two entries of one name libpq takes the later: ours that the string may override come
     * first, ours that it may not come last. */
    p->n = 0;
    add(p, "application_name", d->application_name);
    add(p, "tcp_user_timeout", d->tcp_user_timeout);
    add(p, "keepalives", "1");
    add(p, "keepalives_idle", "30");
    add(p, "keepalives_interval", "5");
    add(p, "keepalives_count", "3");
    add(p, "gssencmode", "disable");
    for (const PQconninfoOption *o = d->options; o->keyword != NULL; o++)
        add(p, o->keyword, o->val);
    add(p, "client_encoding", "UTF8");
    add(p, "user", d->user);
    add(p, "password", d->password);
    add(p, "options", d->settings);
    add(p, "host", host);
    add(p, "hostaddr", hostaddr);
    add(p, "port", port);
}
