#include "client/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "client/address.h"
#include "client/sockets.h"

/*
 * Transfers. Everything that libcurl would take from the environment is off. Redirects are followed
 * here, one request each, so that each is judged like the first and what was meant for one host
 * does not reach another.
 */

enum { MAX_HOST = 256, MAX_RANGES = 64, PORT_MAX = 65535 };

struct ports {
    unsigned from, to;
};

struct mb_client {
    struct mb_client_limits limits;
    struct mb_client_stats *stats;
    struct mb_addresses *addresses;
    struct ports port[MAX_RANGES];
    unsigned nports;
    struct mb_sockets sockets;
    CURLM *multi; /* NULL before the first request */
    struct mb_transfer *first;
    unsigned active;
    bool is_closed;
    mb_client_stand_in stand_in; /* NULL = requests go to the network */
    void *stand_in_ctx;
};

struct mb_transfer {
    struct mb_client *client;
    struct mb_transfer *prev, *next;
    CURL *easy;
    struct curl_slist *headers;
    mb_client_done done;
    void *ctx;
    struct mb_buf sent, head, body;
    size_t max_body;
    uint64_t until; /* loop time in ms */
    unsigned redirects;
    struct mb_client_answer answer; /* code is set as soon as it is known why it fails */
    uv_timer_t *due;                /* of a stand-in's answer; NULL = libcurl is at work */
    char url_host[MAX_HOST];
};

static bool fail(struct mb_client_answer *a, const char *code, const char *detail)
{
    a->code = code;
    (void)snprintf(a->detail, sizeof a->detail, "%s", detail);
    return false;
}

/* ---- what may be called ---- */

static bool has_port(const struct mb_client *c, unsigned port)
{
    for (unsigned i = 0; i < c->nports; i++)
        if (port >= c->port[i].from && port <= c->port[i].to) return true;
    return false;
}

/* The next of "80,443,8000-8099", and *at behind it. */
static bool read_range(const char **at, struct ports *range)
{
    unsigned long n[2] = {0, 0};
    char *end = NULL;
    for (int i = 0; i < 2; i++) {
        if (**at < '0' || **at > '9') return false;
        n[i] = n[1] = strtoul(*at, &end, 10);
        *at = end;
        if (i == 0 && *end != '-') break;
        if (i == 0) ++*at;
    }
    if (n[0] == 0 || n[0] > n[1] || n[1] > PORT_MAX || (**at != ',' && **at != '\0')) return false;
    *range = (struct ports){(unsigned)n[0], (unsigned)n[1]};
    *at += **at == ',';
    return true;
}

/* How many ranges there are; 0 when the text is no list of at most MAX_RANGES. */
static unsigned read_ports(const char *text, struct ports *list)
{
    unsigned n = 0;
    while (*text != '\0')
        if (n == MAX_RANGES || !read_range(&text, &list[n++])) return 0;
    return n;
}

bool mb_client_is_ports(const char *text)
{
    struct ports list[MAX_RANGES];
    return read_ports(text, list) > 0;
}

/* The parts of a URL that is one for http or https; false otherwise, with the reason in *code. */
static bool read_url(const char *url, char *host, size_t size, unsigned *port, bool *is_tls,
                     const char **code)
{
    char *scheme = NULL, *name = NULL, *number = NULL, *user = NULL;
    CURLU *u = curl_url();
    *code = "url_invalid";
    bool ok = u != NULL && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK;
    if (ok && strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0) {
        *code = "protocol_forbidden";
        ok = false;
    }
    ok = ok && curl_url_get(u, CURLUPART_HOST, &name, 0) == CURLUE_OK &&
         curl_url_get(u, CURLUPART_PORT, &number, CURLU_DEFAULT_PORT) == CURLUE_OK &&
         curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_NO_USER && strlen(name) < size;
    if (ok) {
        *port = (unsigned)strtoul(number, NULL, 10);
        *is_tls = strcmp(scheme, "https") == 0;
        for (size_t i = 0; i <= strlen(name); i++)
            host[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 'a' - 'A') : name[i];
    }
    curl_free(scheme);
    curl_free(name);
    curl_free(number);
    curl_free(user);
    curl_url_cleanup(u);
    return ok;
}

bool mb_client_host(const char *url, char *host, size_t size)
{
    unsigned port;
    bool is_tls;
    const char *code;
    return read_url(url, host, size, &port, &is_tls, &code);
}

static bool is_token(struct mb_str s)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_word && (c == '\0' || strchr(marks, c) == NULL)) return false;
    }
    return s.len > 0;
}

bool mb_client_is_header(struct mb_str name, struct mb_str value)
{
    static const char *const ours[] = {
        "host",   "content-length", "transfer-encoding", "te", "connection", "trailer", "upgrade",
        "expect", "keep-alive",     "proxy-connection"};
    if (!is_token(name)) return false;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (mb_str_ieq(name, mb_str_z(ours[i]))) return false;
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.ptr[i] < ' ' ? value.ptr[i] != '\t' : value.ptr[i] == 0x7f)
            return false;
    return true;
}

/* ---- libcurl's callbacks ---- */

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct mb_transfer *t = ctx;
    struct mb_addr address;
    char text[MB_ADDR_TEXT], detail[128];
    (void)purpose;
    if (to->family != AF_INET && to->family != AF_INET6) return CURL_SOCKET_BAD;
    mb_addr_from_socket(&to->addr, &address);
    if (mb_addresses_allow(t->client->addresses, &address))
        return socket(to->family, to->socktype, to->protocol);
    mb_addr_text(&address, text);
    (void)snprintf(detail, sizeof detail, "%s is no public address (client.allow)", text);
    (void)fail(&t->answer, "address_forbidden", detail);
    return CURL_SOCKET_BAD;
}

static size_t take_body(char *data, size_t one, size_t n, void *ctx)
{
    struct mb_transfer *t = ctx;
    (void)one;
    if (t->body.len + n <= t->max_body && mb_buf_add(&t->body, data, n) == MB_OK) return n;
    (void)fail(&t->answer, "answer_too_large", "its body is over max_body (client.max_body)");
    return 0;
}

/* Keeps "name\0value\0" of the last response. */
static size_t take_header(char *data, size_t one, size_t n, void *ctx)
{
    struct mb_transfer *t = ctx;
    (void)one;
    if (n > 5 && memcmp(data, "HTTP/", 5) == 0) mb_buf_clear(&t->head);
    const char *colon = memchr(data, ':', n);
    if (colon == NULL) return n;
    struct mb_str value = {colon + 1, (size_t)(data + n - colon - 1)};
    while (value.len > 0 && (*value.ptr == ' ' || *value.ptr == '\t')) value.ptr++, value.len--;
    while (value.len > 0 && strchr(" \t\r\n", value.ptr[value.len - 1]) != NULL) value.len--;
    size_t length = (size_t)(colon - data);
    for (size_t i = 0; i < length; i++)
        if (data[i] >= 'A' && data[i] <= 'Z') data[i] = (char)(data[i] + 'a' - 'A');
    if (mb_buf_add(&t->head, data, length) == MB_OK && mb_buf_add(&t->head, "", 1) == MB_OK &&
        mb_buf_add(&t->head, value.ptr, value.len) == MB_OK && mb_buf_add(&t->head, "", 1) == MB_OK)
        return n;
    (void)fail(&t->answer, "answer_too_large", "its headers are over their limit (client.max_header_bytes)");
    return 0;
}

/* ---- the end of a transfer ---- */

static void free_due(uv_handle_t *handle) { free(handle); }

static void free_transfer(struct mb_transfer *t)
{
    struct mb_client *c = t->client;
    if (t->prev)
        t->prev->next = t->next;
    else
        c->first = t->next;
    if (t->next) t->next->prev = t->prev;
    if (t->due) uv_close((uv_handle_t *)t->due, free_due);
    c->active--;
    atomic_fetch_sub_explicit(&c->stats->in_flight, 1, memory_order_relaxed);
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    mb_buf_reset(&t->sent);
    mb_buf_reset(&t->head);
    mb_buf_reset(&t->body);
    free(t);
}

void mb_client_cancel(struct mb_transfer *t)
{
    (void)curl_multi_remove_handle(t->client->multi, t->easy);
    free_transfer(t);
}

static const char *code_of(CURLcode rc)
{
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT: return "timeout";
    case CURLE_COULDNT_RESOLVE_HOST: return "resolve_failed";
    case CURLE_COULDNT_CONNECT: return "connect_failed";
    case CURLE_URL_MALFORMAT: return "url_invalid";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER: return "tls_failed";
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING: return "connection_lost";
    default: return "answer_invalid";
    }
}

/* Judges the URL and gives it to the handle. Headers go only where the first request went. */
static bool aim(struct mb_transfer *t, const char *url, struct mb_client_answer *a)
{
    char host[MAX_HOST];
    unsigned port;
    bool is_tls;
    const char *code;
    if (!read_url(url, host, sizeof host - 8, &port, &is_tls, &code))
        return fail(a, code, "a URL is written https://host/path, without user and password");
    if (!has_port(t->client, port)) return fail(a, "port_forbidden", "client.ports");
    size_t n = strlen(host);
    (void)snprintf(host + n, sizeof host - n, "%s%u", is_tls ? "+" : ":", port);
    if (t->url_host[0] == '\0') (void)snprintf(t->url_host, sizeof t->url_host, "%s", host);
    if (strcmp(t->url_host, host) != 0) curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
    return curl_easy_setopt(t->easy, CURLOPT_URL, url) == CURLE_OK ||
           fail(a, "url_invalid", "not enough memory for the URL");
}

static uint64_t left_ms(const struct mb_transfer *t)
{
    uint64_t now = uv_now(t->client->sockets.loop);
    return t->until > now ? t->until - now : 1;
}

/* Whether another request begins in place of the one that was answered by a redirect. */
static bool follow(struct mb_transfer *t)
{
    char *url = NULL;
    if (t->redirects == 0 || t->answer.code != NULL) return false;
    (void)curl_easy_getinfo(t->easy, CURLINFO_REDIRECT_URL, &url);
    if (url == NULL) return false;
    struct mb_buf copy;
    mb_buf_init(&copy, 65536);
    bool ok = mb_buf_add(&copy, url, strlen(url) + 1) == MB_OK && aim(t, copy.data, &t->answer);
    mb_buf_reset(&copy);
    if (!ok) return false;
    t->redirects--;
    mb_buf_clear(&t->body);
    mb_buf_clear(&t->head);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)left_ms(t));
    return curl_multi_add_handle(t->client->multi, t->easy) == CURLM_OK;
}

static void deliver(struct mb_transfer *t)
{
    struct mb_client_stats *stats = t->client->stats;
    _Atomic uint64_t *counter = t->answer.code == NULL ? &stats->answered : &stats->failed;
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
    t->done(t->ctx, &t->answer);
    free_transfer(t);
}

static void finish(struct mb_transfer *t, CURLcode rc)
{
    struct mb_client_answer *a = &t->answer;
    (void)curl_multi_remove_handle(t->client->multi, t->easy);
    if (rc == CURLE_OK) a->code = NULL; /* another address of the host was a public one */
    if (rc == CURLE_OK && follow(t)) return;
    if (rc != CURLE_OK && a->code == NULL) (void)fail(a, code_of(rc), curl_easy_strerror(rc));
    if (a->code == NULL) {
        long status = 0;
        (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        a->status = (int)status;
        a->headers = mb_buf_str(&t->head);
        a->body = mb_buf_str(&t->body);
    }
    deliver(t);
}

static void on_turn(void *ctx)
{
    struct mb_client *c = ctx;
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(c->multi, &left)) != NULL) {
        struct mb_transfer *t = NULL;
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode rc = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
        finish(t, rc);
    }
}

/* ---- starting ---- */

static bool open_multi(struct mb_client *c)
{
    if (c->multi != NULL) return true;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return false;
    c->multi = curl_multi_init();
    if (c->multi == NULL) return false;
    c->sockets.multi = c->multi;
    c->sockets.on_turn = on_turn;
    c->sockets.ctx = c;
    curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)c->limits.max_connections);
    curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)c->limits.max_per_host);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->limits.max_connections);
    if (mb_sockets_open(&c->sockets) == MB_OK) return true;
    (void)curl_multi_cleanup(c->multi);
    c->multi = NULL;
    return false;
}

static bool set_headers(struct mb_transfer *t, const struct mb_client_request *request)
{
    bool has_type = false;
    static const char *const none[] = {"Expect:", "Content-Type:"};
    for (size_t i = 0; i < request->nheaders; i++) {
        struct curl_slist *list = curl_slist_append(t->headers, request->headers[i]);
        if (list == NULL) return false;
        t->headers = list;
        has_type = has_type || strncasecmp(request->headers[i], "content-type:", 13) == 0;
    }
    for (size_t i = 0; i < (has_type ? 1u : 2u); i++) {
        struct curl_slist *list = curl_slist_append(t->headers, none[i]);
        if (list == NULL) return false;
        t->headers = list;
    }
    return curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK;
}

static bool set_body(struct mb_transfer *t, const struct mb_client_request *request)
{
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, request->method);
    if (strcmp(request->method, "HEAD") == 0) curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
    if (!request->has_body) return true;
    if (mb_buf_add(&t->sent, request->body.ptr, request->body.len) != MB_OK) return false;
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->sent.len);
    return curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->sent.data ? t->sent.data : "") ==
           CURLE_OK;
}

static long whole_seconds(uint32_t ms) { return ((long)ms + 999) / 1000; }

static void set_limits(struct mb_transfer *t)
{
    const struct mb_client_limits *limits = &t->client->limits;
    curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 1L); /* a cancel does not wait for the resolver */
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(t->easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(t->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(t->easy, CURLOPT_USERAGENT, "medbookd/" MB_VERSION);
    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)left_ms(t));
    curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_timeout);
    curl_easy_setopt(t->easy, CURLOPT_DNS_CACHE_TIMEOUT, whole_seconds(limits->dns_cache));
    curl_easy_setopt(t->easy, CURLOPT_MAXAGE_CONN, whole_seconds(limits->idle_timeout));
    curl_easy_setopt(t->easy, CURLOPT_SSLVERSION,
                     (long)(limits->needs_tls_1_3 ? CURL_SSLVERSION_TLSv1_3
                                                  : CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (limits->ca_file[0] != '\0') curl_easy_setopt(t->easy, CURLOPT_CAINFO, limits->ca_file);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
}

static struct mb_transfer *new_transfer(struct mb_client *c,
                                        const struct mb_client_request *request)
{
    struct mb_transfer *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    uint32_t timeout = request->timeout;
    if (timeout == 0 || timeout > c->limits.timeout) timeout = c->limits.timeout;
    t->client = c;
    t->max_body = request->max_body;
    if (t->max_body == 0 || t->max_body > c->limits.max_body) t->max_body = c->limits.max_body;
    t->until = uv_now(c->sockets.loop) + timeout;
    t->redirects = request->redirects;
    mb_buf_init(&t->sent, SIZE_MAX);
    mb_buf_init(&t->head, c->limits.max_headers);
    mb_buf_init(&t->body, t->max_body);
    t->next = c->first;
    if (c->first) c->first->prev = t;
    c->first = t;
    c->active++;
    atomic_fetch_add_explicit(&c->stats->in_flight, 1, memory_order_relaxed);
    return t;
}

static bool begin(struct mb_transfer *t, const struct mb_client_request *request,
                  struct mb_client_answer *a)
{
    t->easy = curl_easy_init();
    if (t->easy == NULL) return fail(a, "busy", "not enough memory");
    set_limits(t);
    if (!set_headers(t, request) || !set_body(t, request))
        return fail(a, "busy", "not enough memory");
    if (!aim(t, request->url, a)) return false;
    return curl_multi_add_handle(t->client->multi, t->easy) == CURLM_OK ||
           fail(a, "busy", "not enough memory");
}

static void on_due(uv_timer_t *due) { deliver(due->data); }

/* The stand-in's answer meets the same ceilings as one from the network. */
static bool rehearse(struct mb_transfer *t, const struct mb_client_request *request,
                     struct mb_client_answer *failure)
{
    struct mb_client *c = t->client;
    struct mb_client_answer *a = &t->answer;
    char host[MAX_HOST];
    if (!mb_client_host(request->url, host, sizeof host))
        return fail(failure, "url_invalid", "a URL is written https://host/path");
    c->stand_in(c->stand_in_ctx, request, a);
    if (mb_buf_add(&t->head, a->headers.ptr, a->headers.len) != MB_OK ||
        mb_buf_add(&t->body, a->body.ptr, a->body.len) != MB_OK)
        (void)fail(a, "answer_too_large", "it is over max_body (client.max_body)");
    a->headers = mb_buf_str(&t->head);
    a->body = mb_buf_str(&t->body);
    t->due = calloc(1, sizeof *t->due);
    if (t->due == NULL) return fail(failure, "busy", "not enough memory");
    (void)uv_timer_init(c->sockets.loop, t->due);
    t->due->data = t;
    return uv_timer_start(t->due, on_due, 0, 0) == 0;
}

void mb_client_rehearse(struct mb_client *c, mb_client_stand_in stand_in, void *ctx)
{
    c->stand_in = stand_in;
    c->stand_in_ctx = ctx;
}

bool mb_client_start(struct mb_client *c, const struct mb_client_request *request,
                     mb_client_done done, void *ctx, struct mb_transfer **out,
                     struct mb_client_answer *answer)
{
    struct mb_transfer *t = NULL;
    bool ok = false;
    if (c->is_closed)
        (void)fail(answer, "cancelled", "the server stops");
    else if (c->active >= c->limits.max_connections + c->limits.max_waiting)
        (void)fail(answer, "busy", "too many requests to others (client.max_waiting)");
    else if ((c->stand_in == NULL && !open_multi(c)) || (t = new_transfer(c, request)) == NULL)
        (void)fail(answer, "busy", "not enough memory");
    else
        ok = c->stand_in != NULL ? rehearse(t, request, answer) : begin(t, request, answer);
    if (ok) {
        t->done = done;
        t->ctx = ctx;
        *out = t;
        return true;
    }
    if (t != NULL) free_transfer(t);
    atomic_fetch_add_explicit(&c->stats->refused, 1, memory_order_relaxed);
    return false;
}

/* ---- life ---- */

enum mb_rc mb_client_new(struct mb_client **out, uv_loop_t *loop,
                         const struct mb_client_limits *limits, struct mb_client_stats *stats,
                         struct mb_err *err)
{
    struct mb_client *c = calloc(1, sizeof *c);
    if (c == NULL) return mb_fail(err, MB_E_NOMEM, "no memory for the HTTP client");
    c->limits = *limits;
    c->stats = stats;
    c->sockets.loop = loop;
    c->nports = read_ports(limits->ports, c->port);
    enum mb_rc rc = mb_addresses_new(&c->addresses, limits->allow, err);
    if (rc == MB_OK)
        *out = c;
    else
        mb_client_free(c);
    return rc;
}

void mb_client_close(struct mb_client *c)
{
    c->is_closed = true;
    while (c->first != NULL) {
        struct mb_transfer *t = c->first;
        (void)fail(&t->answer, "cancelled", "the server stops");
        t->done(t->ctx, &t->answer);
        mb_client_cancel(t);
    }
    if (c->multi == NULL) return;
    (void)curl_multi_cleanup(c->multi);
    mb_sockets_close(&c->sockets);
    c->multi = NULL;
}

void mb_client_free(struct mb_client *c)
{
    if (c == NULL) return;
    mb_addresses_free(c->addresses);
    free(c);
}
