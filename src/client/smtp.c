#include "client/smtp.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/sockets.h"

/*
 * One handle of libcurl for each mail. libcurl says goodbye (QUIT) when it closes a connection, and waits for the
 * answer without giving the loop back. So no connection is kept, and as soon as the last answer that matters is here
 * the socket is closed for reading: QUIT is sent, and its answer is the end of the stream, at once.
 */

enum { MAX_ADDRESS = 254, MAX_NAME = 64, MAX_SOCKETS = 8, MAX_TEXT = 768, MAX_URL = 1024 };

struct mb_smtp {
    struct mb_smtp_limits limits;
    struct mb_sockets sockets;
    CURLM *multi; /* NULL before the first mail */
    struct mb_delivery *first;
    bool is_closed;
};

struct mb_delivery {
    struct mb_smtp *smtp;
    struct mb_delivery *prev, *next;
    CURL *easy;
    struct curl_slist *to;
    mb_smtp_done done;
    void *ctx;
    struct mb_buf text;
    size_t sent;                       /* bytes of it */
    curl_socket_t socket[MAX_SOCKETS]; /* open ones; several addresses of a host are tried at once */
    int status;                        /* of the server's last answer */
    bool is_continued;                 /* that answer has more lines */
    bool is_answered;                  /* what follows, as to QUIT, is of no interest */
    char answer[MAX_TEXT];             /* its text */
    char why[CURL_ERROR_SIZE];
    struct mb_smtp_result result;
};

static bool fail(struct mb_smtp_result *r, const char *code, const char *detail)
{
    r->code = code;
    (void)snprintf(r->detail, sizeof r->detail, "%s", detail);
    return false;
}

bool mb_smtp_is_address(struct mb_str address)
{
    static const char never[] = "<>()[],;:\\\"@";
    const char *at = address.len > 0 ? memchr(address.ptr, '@', address.len) : NULL;
    if (at == NULL || address.len > MAX_ADDRESS) return false;
    size_t name = (size_t)(at - address.ptr);
    for (size_t i = 0; i < address.len; i++) {
        char c = address.ptr[i];
        if (i != name && (c <= ' ' || c > '~' || strchr(never, c) != NULL)) return false;
    }
    return name > 0 && name <= MAX_NAME && name + 1 < address.len;
}

/* ---- libcurl's callbacks ---- */

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct mb_delivery *d = ctx;
    (void)purpose;
    for (int i = 0; i < MAX_SOCKETS; i++)
        if (d->socket[i] == CURL_SOCKET_BAD)
            return d->socket[i] = socket(to->family, to->socktype, to->protocol);
    return CURL_SOCKET_BAD;
}

static int close_socket(void *ctx, curl_socket_t fd)
{
    struct mb_delivery *d = ctx;
    for (int i = 0; i < MAX_SOCKETS; i++)
        if (d->socket[i] == fd) d->socket[i] = CURL_SOCKET_BAD;
    return close(fd);
}

static void stop_listening(const struct mb_delivery *d)
{
    for (int i = 0; i < MAX_SOCKETS; i++)
        if (d->socket[i] != CURL_SOCKET_BAD) (void)shutdown(d->socket[i], SHUT_RD);
}

static size_t give_text(char *to, size_t one, size_t n, void *ctx)
{
    struct mb_delivery *d = ctx;
    size_t left = d->text.len - d->sent, given = n * one < left ? n * one : left;
    memcpy(to, d->text.data + d->sent, given);
    d->sent += given;
    return given;
}

static size_t ignore(char *data, size_t one, size_t n, void *ctx)
{
    (void)data, (void)ctx;
    return one * n;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Adds a line of an answer to its text, as ASCII. */
static void add_text(struct mb_delivery *d, const char *text, size_t n)
{
    size_t len = strlen(d->answer);
    if (len > 0 && len + 1 < sizeof d->answer) d->answer[len++] = ' ';
    for (size_t i = 0; i < n && len + 1 < sizeof d->answer; i++)
        if (text[i] != '\r' && text[i] != '\n')
            d->answer[len++] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
    d->answer[len] = '\0';
}

/* A line of an answer: "250-text", or the last, "250 text". */
static size_t take_line(char *data, size_t one, size_t n, void *ctx)
{
    struct mb_delivery *d = ctx;
    n *= one;
    if (d->is_answered || n < 3 || !is_digit(data[0]) || !is_digit(data[1]) || !is_digit(data[2])) return n;
    if (!d->is_continued) d->answer[0] = '\0';
    d->status = (data[0] - '0') * 100 + (data[1] - '0') * 10 + data[2] - '0';
    d->is_continued = n > 3 && data[3] == '-';
    if (n > 4) add_text(d, data + 4, n - 4);
    d->is_answered = !d->is_continued && (d->status >= 400 || d->sent == d->text.len);
    if (d->is_answered) stop_listening(d);
    return n;
}

/* ---- the end of a delivery ---- */

static void free_delivery(struct mb_delivery *d)
{
    if (d->prev)
        d->prev->next = d->next;
    else
        d->smtp->first = d->next;
    if (d->next) d->next->prev = d->prev;
    curl_easy_cleanup(d->easy);
    curl_slist_free_all(d->to);
    mb_buf_reset(&d->text);
    free(d);
}

void mb_smtp_cancel(struct mb_delivery *d)
{
    (void)curl_multi_remove_handle(d->smtp->multi, d->easy);
    free_delivery(d);
}

/* Into text a copy of from without words that hold an @: answers repeat addresses, which no log is to have. */
static void hide_addresses(const char *from, char *text, size_t size)
{
    size_t len = 0;
    while (*from != '\0' && len + 1 < size) {
        size_t word = strcspn(from, " "), blanks = strspn(from + word, " ");
        bool is_address = memchr(from, '@', word) != NULL;
        int n = snprintf(text + len, size - len, "%.*s%.*s", is_address ? 9 : (int)word,
                         is_address ? "[address]" : from, (int)blanks, from + word);
        len += n > 0 ? (size_t)n : 0;
        from += word + blanks;
    }
}

static const char *code_of(CURLcode rc)
{
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT: return "timeout";
    case CURLE_COULDNT_RESOLVE_HOST: return "resolve_failed";
    case CURLE_COULDNT_CONNECT: return "connect_failed";
    case CURLE_USE_SSL_FAILED: return "tls_missing";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER: return "tls_failed";
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE: return "connection_lost";
    case CURLE_OUT_OF_MEMORY: return "busy";
    default: return "answer_invalid";
    }
}

/* Codes of RFC 4954, whatever command they answer. */
static bool is_about_login(int status)
{
    return status == 530 || status == 534 || status == 535 || status == 538;
}

/* What was refused before a mail was begun says nothing of the mail: a greeting, or EHLO. libcurl has an error of its
 * own for those, and CURLE_SEND_ERROR for MAIL, RCPT and DATA. */
static void judge(struct mb_delivery *d, CURLcode rc)
{
    struct mb_smtp_result *r = &d->result;
    char text[MAX_TEXT + 8];
    r->status = d->status;
    bool is_refused = d->status >= 400 && rc != CURLE_OPERATION_TIMEDOUT;
    bool is_of_mail = rc == CURLE_SEND_ERROR || d->sent == d->text.len;
    if (rc == CURLE_USE_SSL_FAILED)
        r->code = "tls_missing";
    else if (rc == CURLE_LOGIN_DENIED || (is_refused && is_about_login(d->status)))
        r->code = "login_failed";
    else if (rc != CURLE_OK)
        r->code = is_refused ? "refused" : code_of(rc);
    r->is_permanent = rc != CURLE_OK && is_refused && is_of_mail && d->status >= 500 &&
                      !is_about_login(d->status) && rc != CURLE_USE_SSL_FAILED;
    if (rc == CURLE_OK || is_refused)
        (void)snprintf(text, sizeof text, "%d %s", d->status, d->answer);
    else
        (void)snprintf(text, sizeof text, "%s", d->why[0] ? d->why : curl_easy_strerror(rc));
    hide_addresses(text, r->detail, sizeof r->detail);
}

static void on_turn(void *ctx)
{
    struct mb_smtp *s = ctx;
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(s->multi, &left)) != NULL) {
        struct mb_delivery *d = NULL;
        if (message->msg != CURLMSG_DONE) continue;
        CURLcode rc = message->data.result;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &d);
        (void)curl_multi_remove_handle(s->multi, d->easy);
        judge(d, rc);
        d->done(d->ctx, &d->result);
        free_delivery(d);
    }
}

/* ---- starting ---- */

static bool open_multi(struct mb_smtp *s)
{
    if (s->multi != NULL) return true;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return false;
    s->multi = curl_multi_init();
    if (s->multi == NULL) return false;
    s->sockets.multi = s->multi;
    s->sockets.on_turn = on_turn;
    s->sockets.ctx = s;
    if (mb_sockets_open(&s->sockets) == MB_OK) return true;
    (void)curl_multi_cleanup(s->multi);
    s->multi = NULL;
    return false;
}

/* smtp://host:port/name: by the name we greet, an address in brackets (RFC 5321 section 4.1.3). */
static bool aim(struct mb_delivery *d)
{
    const struct mb_smtp_limits *l = &d->smtp->limits;
    char url[MAX_URL], greeting[256];
    bool is_v6 = strchr(l->host, ':') != NULL;
    if (l->name[0] == '[')
        (void)snprintf(greeting, sizeof greeting, "[IPv6:%s", l->name + 1);
    else if (strspn(l->name, "0123456789.") == strlen(l->name))
        (void)snprintf(greeting, sizeof greeting, "[%s]", l->name);
    else
        (void)snprintf(greeting, sizeof greeting, "%s", l->name);
    char *path = curl_easy_escape(d->easy, greeting, 0);
    if (path == NULL) return false;
    int n = snprintf(url, sizeof url, "%s://%s%s%s:%u/%s",
                     l->security == MB_SMTP_TLS ? "smtps" : "smtp", is_v6 ? "[" : "", l->host,
                     is_v6 ? "]" : "", l->port, path);
    curl_free(path);
    return n < (int)sizeof url && curl_easy_setopt(d->easy, CURLOPT_URL, url) == CURLE_OK;
}

static bool set_mail(struct mb_delivery *d, const struct mb_smtp_mail *mail)
{
    d->to = curl_slist_append(NULL, mail->to);
    if (d->to == NULL || mb_buf_add(&d->text, mail->text.ptr, mail->text.len) != MB_OK)
        return false;
    curl_easy_setopt(d->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(d->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)d->text.len);
    curl_easy_setopt(d->easy, CURLOPT_READFUNCTION, give_text);
    curl_easy_setopt(d->easy, CURLOPT_READDATA, d);
    curl_easy_setopt(d->easy, CURLOPT_MAIL_RCPT, d->to);
    return curl_easy_setopt(d->easy, CURLOPT_MAIL_FROM, mail->from) == CURLE_OK;
}

/* PLAIN and LOGIN alone, which are safe within TLS: no other needs a library that asks the network. */
static bool set_login(struct mb_delivery *d)
{
    const struct mb_smtp_limits *l = &d->smtp->limits;
    if (l->user[0] == '\0') return true;
    return curl_easy_setopt(d->easy, CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN") == CURLE_OK &&
           curl_easy_setopt(d->easy, CURLOPT_USERNAME, l->user) == CURLE_OK &&
           curl_easy_setopt(d->easy, CURLOPT_PASSWORD, l->password) == CURLE_OK;
}

static void set_tls(struct mb_delivery *d)
{
    const struct mb_smtp_limits *l = &d->smtp->limits;
    curl_easy_setopt(d->easy, CURLOPT_USE_SSL,
                     (long)(l->security == MB_SMTP_NONE ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(d->easy, CURLOPT_SSLVERSION,
                     (long)(l->needs_tls_1_3 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2));
    curl_easy_setopt(d->easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(d->easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (l->ca_file[0] != '\0') curl_easy_setopt(d->easy, CURLOPT_CAINFO, l->ca_file);
}

static void set_limits(struct mb_delivery *d, uint32_t timeout)
{
    const struct mb_smtp_limits *l = &d->smtp->limits;
    if (timeout == 0 || timeout > l->timeout) timeout = l->timeout;
    curl_easy_setopt(d->easy, CURLOPT_PRIVATE, d);
    curl_easy_setopt(d->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(d->easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(d->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(d->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(d->easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(d->easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(d->easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(d->easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(d->easy, CURLOPT_TIMEOUT_MS, (long)timeout);
    curl_easy_setopt(d->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout);
    curl_easy_setopt(d->easy, CURLOPT_ERRORBUFFER, d->why);
    curl_easy_setopt(d->easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(d->easy, CURLOPT_OPENSOCKETDATA, d);
    curl_easy_setopt(d->easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(d->easy, CURLOPT_CLOSESOCKETDATA, d);
    curl_easy_setopt(d->easy, CURLOPT_HEADERFUNCTION, take_line);
    curl_easy_setopt(d->easy, CURLOPT_HEADERDATA, d);
    curl_easy_setopt(d->easy, CURLOPT_WRITEFUNCTION, ignore);
}

static struct mb_delivery *new_delivery(struct mb_smtp *s)
{
    struct mb_delivery *d = calloc(1, sizeof *d);
    if (d == NULL) return NULL;
    d->smtp = s;
    mb_buf_init(&d->text, SIZE_MAX);
    for (int i = 0; i < MAX_SOCKETS; i++) d->socket[i] = CURL_SOCKET_BAD;
    d->next = s->first;
    if (s->first) s->first->prev = d;
    s->first = d;
    return d;
}

static bool begin(struct mb_delivery *d, const struct mb_smtp_mail *mail)
{
    d->easy = curl_easy_init();
    if (d->easy == NULL) return false;
    set_limits(d, mail->timeout);
    set_tls(d);
    return aim(d) && set_login(d) && set_mail(d, mail) &&
           curl_multi_add_handle(d->smtp->multi, d->easy) == CURLM_OK;
}

bool mb_smtp_start(struct mb_smtp *s, const struct mb_smtp_mail *mail, mb_smtp_done done, void *ctx,
                   struct mb_delivery **out, struct mb_smtp_result *result)
{
    if (s->is_closed) return fail(result, "cancelled", "the server stops");
    if (!mb_smtp_is_address(mb_str_z(mail->from)) || !mb_smtp_is_address(mb_str_z(mail->to))) {
        result->is_permanent = true;
        return fail(result, "address_invalid", "that is no address for mail");
    }
    struct mb_delivery *d = open_multi(s) ? new_delivery(s) : NULL;
    if (d == NULL || !begin(d, mail)) {
        if (d != NULL) free_delivery(d);
        return fail(result, "busy", "not enough memory");
    }
    d->done = done;
    d->ctx = ctx;
    *out = d;
    return true;
}

/* ---- life ---- */

enum mb_rc mb_smtp_new(struct mb_smtp **out, uv_loop_t *loop, const struct mb_smtp_limits *limits,
                       struct mb_err *err)
{
    struct mb_smtp *s = calloc(1, sizeof *s);
    if (s == NULL) return mb_fail(err, MB_E_NOMEM, "no memory for mails");
    s->limits = *limits;
    s->sockets.loop = loop;
    *out = s;
    return MB_OK;
}

void mb_smtp_close(struct mb_smtp *s)
{
    s->is_closed = true;
    while (s->first != NULL) {
        struct mb_delivery *d = s->first;
        (void)fail(&d->result, "cancelled", "the server stops");
        d->done(d->ctx, &d->result);
        mb_smtp_cancel(d);
    }
    if (s->multi == NULL) return;
    (void)curl_multi_cleanup(s->multi);
    mb_sockets_close(&s->sockets);
    s->multi = NULL;
}

void mb_smtp_free(struct mb_smtp *s) { free(s); }
