/*
 * A server on the real HTTP layer whose answers show what arrived, for the tests of src/net.
 *
 *   http_probe [key=value ...]     limits by their names in http.h, and cors, trusted, forwarded, log, timing,
 *                                  backlog; prints "port N" when it listens, drains on SIGTERM
 *
 * /json      a small answer, at once         /hang      no answer
 * /slow?ms   the same, ms later              /early     403 before the body is read
 * /big?n     n bytes of text, weakly tagged  /late?ms   decides about the body ms later
 * /strong?n  the same with the ETag "3"
 * /out?n     n bytes streamed                /sink      the body streamed in, its size out
 * /drip      the body streamed in, each piece held up for a moment
 * /broken    a stream that is cut            /bad       an answer with a forged header
 * /stats     counters                        all else   what was asked, as JSON
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "net/http.h"
#include "net/tally.h"

struct probe {
    uv_loop_t loop;
    uv_signal_t term;
    uv_prepare_t log_flush;
    struct mb_http_server *server;
    struct mb_http_stats stats;
    unsigned long heads, readies, ends, aborts, pieces, body_ends;
};

/* What one request is waiting for. */
struct work {
    uv_timer_t timer;
    struct probe *probe;
    struct mb_http_request *req;
    void (*then)(struct work *w);
    uint64_t bytes; /* to be sent, or received so far */
    bool timed;
};

static bool path_is(const struct mb_http_request *r, const char *path)
{
    return mb_str_eq(mb_http_path(r), mb_str_z(path));
}

static uint64_t number(const struct mb_http_request *r)
{
    struct mb_str q = mb_http_query(r);
    uint64_t n = 0;
    for (size_t i = 0; i < q.len && q.ptr[i] >= '0' && q.ptr[i] <= '9'; i++)
        n = n * 10 + (uint64_t)(q.ptr[i] - '0');
    return n;
}

static void free_work(uv_handle_t *handle)
{
    free(handle);
}

static void on_timer(uv_timer_t *timer)
{
    struct work *w = (struct work *)(void *)timer;
    if (w->req)
        w->then(w);
}

static void later(struct work *w, uint64_t ms, void (*then)(struct work *))
{
    w->then = then;
    uv_timer_start(&w->timer, on_timer, ms, 0);
}

static void reply_text(struct mb_http_request *r, const struct mb_buf *b)
{
    mb_http_reply(r, 200, "application/json", NULL, 0, mb_buf_str(b));
}

static void must(enum mb_rc rc)
{
    if (rc != MB_OK)
        abort();
}

static void reply_echo(struct work *w)
{
    struct mb_http_request *r = w->req;
    struct mb_str path = mb_http_path(r), query = mb_http_query(r);
    struct mb_buf b;
    mb_buf_init(&b, 1 << 20);
    must(mb_buf_addf(&b, "{\"method\":\"%s\",\"path\":", mb_method_name(mb_http_method(r))));
    must(mb_json_str(&b, path.ptr, path.len));
    must(mb_buf_addz(&b, ",\"query\":"));
    must(mb_json_str(&b, query.ptr, query.len));
    must(mb_buf_addf(&b, ",\"body\":%zu,\"client\":\"%s\",\"traced\":%s}\n", mb_http_body(r).len,
                     mb_http_client(r), mb_http_traceparent(r).len > 0 ? "true" : "false"));
    reply_text(r, &b);
    mb_buf_reset(&b);
}

static void reply_size(struct work *w)
{
    struct mb_buf b;
    mb_buf_init(&b, 256);
    must(mb_buf_addf(&b, "{\"received\":%llu}\n", (unsigned long long)w->bytes));
    reply_text(w->req, &b);
    mb_buf_reset(&b);
}

static void reply_json(struct work *w)
{
    static const char text[] =
        "{\"data\":[{\"id\":\"c0000000000000000000000001\",\"name\":\"Dr N. Example\",\"city\":\"Durban\"},"
        "{\"id\":\"c0000000000000000000000002\"}],\"nextCursor\":null}\n";
    mb_http_reply(w->req, 200, "application/json", NULL, 0, (struct mb_str){text, sizeof text - 1});
}

static const struct mb_http_header tagged = {{"ETag", 4}, {"W/\"a,b\"", 7}};
static const struct mb_http_header strongly_tagged = {{"ETag", 4}, {"\"3\"", 3}};

static void reply_big(struct work *w)
{
    size_t n = (size_t)number(w->req);
    char *text = malloc(n + 1);
    if (!text)
        abort();
    for (size_t i = 0; i < n; i++)
        text[i] = (char)('a' + i % 26);
    mb_http_reply(w->req, 200, "text/plain",
                  path_is(w->req, "/strong") ? &strongly_tagged : &tagged, 1,
                  (struct mb_str){text, n});
    free(text);
}

static void reply_stats(struct work *w)
{
    struct probe *p = w->probe;
    struct mb_buf b;
    mb_buf_init(&b, 4096);
#define FIGURE(name)                                                                              \
    must(mb_buf_addf(&b, "\"" #name "\":%llu,", (unsigned long long)atomic_load(&p->stats.name)))
    must(mb_buf_addz(&b, "{"));
    FIGURE(accepted);
    FIGURE(refused);
    FIGURE(closed);
    FIGURE(requests);
    FIGURE(bad_requests);
    FIGURE(timeouts);
    FIGURE(open);
    FIGURE(in_flight);
    FIGURE(bytes_in);
    FIGURE(bytes_out);
#undef FIGURE
    must(mb_buf_addf(&b, "\"heads\":%lu,\"readies\":%lu,\"ends\":%lu,\"aborts\":%lu,"
                         "\"pieces\":%lu,\"body_ends\":%lu}\n",
                     p->heads, p->readies, p->ends, p->aborts, p->pieces, p->body_ends));
    reply_text(w->req, &b);
    mb_buf_reset(&b);
}

static void stream_on(struct work *w)
{
    static char text[4096];
    memset(text, 'x', sizeof text);
    while (w->bytes > 0) {
        size_t n = w->bytes < sizeof text ? (size_t)w->bytes : sizeof text;
        w->bytes -= n;
        if (!mb_http_write(w->req, (struct mb_str){text, n}))
            return;
    }
    mb_http_end(w->req);
}

static void cut_stream(struct work *w)
{
    mb_http_abort(w->req);
}

static void accept_buffer(struct work *w)
{
    mb_http_accept_body(w->req, MB_BODY_BUFFER, UINT64_MAX);
}

static void resume_body(struct work *w)
{
    mb_http_body_resume(w->req);
}

static struct work *begin_work(struct probe *p, struct mb_http_request *r)
{
    struct work *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    uv_timer_init(&p->loop, &w->timer);
    w->probe = p;
    w->req = r;
    mb_http_set_data(r, w);
    mb_http_set_route(r, "probe");
    return w;
}

static void on_head(void *ctx, struct mb_http_request *r)
{
    struct work *w = begin_work(ctx, r);
    w->probe->heads++;
    if (path_is(r, "/early"))
        mb_http_problem(r, 403, "forbidden", "not for you", (struct mb_str){NULL, 0}, -1, NULL, 0);
    else if (path_is(r, "/late"))
        later(w, number(r), accept_buffer);
    else if (path_is(r, "/sink") || path_is(r, "/drip"))
        mb_http_accept_body(r, MB_BODY_STREAM, UINT64_MAX);
    else if (path_is(r, "/small"))
        mb_http_accept_body(r, MB_BODY_BUFFER, 10);
    else if (path_is(r, "/none"))
        mb_http_accept_body(r, MB_BODY_NONE, 0);
    else
        mb_http_accept_body(r, MB_BODY_BUFFER, UINT64_MAX);
}

static bool on_body(void *ctx, struct mb_http_request *r, struct mb_str piece)
{
    struct probe *p = ctx;
    struct work *w = mb_http_data(r);
    p->pieces++;
    w->bytes += piece.len;
    if (!path_is(r, "/drip"))
        return true;
    later(w, 1, resume_body);
    return false;
}

static void on_body_end(void *ctx, struct mb_http_request *r)
{
    struct probe *p = ctx;
    p->body_ends++;
    reply_size(mb_http_data(r));
}

static void begin_stream(struct work *w)
{
    mb_http_begin(w->req, 200, "text/plain", &tagged, 1);
    w->bytes = number(w->req);
    if (path_is(w->req, "/broken")) {
        (void)mb_http_write(w->req, MB_STR("half of it"));
        later(w, 20, cut_stream);
    } else {
        stream_on(w);
    }
}

static void reply_bad(struct work *w)
{
    static const struct mb_http_header forged = {{"X-Name", 6}, {"a\r\nSet-Cookie: b=c", 18}};
    mb_http_reply(w->req, 200, "text/plain", &forged, 1, MB_STR("never sent"));
}

static void on_ready(void *ctx, struct mb_http_request *r)
{
    struct probe *p = ctx;
    struct work *w = mb_http_data(r);
    p->readies++;
    if (path_is(r, "/json"))
        reply_json(w);
    else if (path_is(r, "/slow"))
        later(w, number(r), reply_echo);
    else if (path_is(r, "/big") || path_is(r, "/strong"))
        reply_big(w);
    else if (path_is(r, "/stats"))
        reply_stats(w);
    else if (path_is(r, "/out") || path_is(r, "/broken"))
        begin_stream(w);
    else if (path_is(r, "/bad"))
        reply_bad(w);
    else if (path_is(r, "/sink") || path_is(r, "/drip"))
        mb_http_body_want(r);
    else if (!path_is(r, "/hang"))
        reply_echo(w);
}

static void on_writable(void *ctx, struct mb_http_request *r)
{
    (void)ctx;
    stream_on(mb_http_data(r));
}

static void on_abort(void *ctx, struct mb_http_request *r)
{
    struct probe *p = ctx;
    (void)r;
    p->aborts++;
}

static void on_end(void *ctx, struct mb_http_request *r)
{
    struct probe *p = ctx;
    struct work *w = mb_http_data(r);
    p->ends++;
    w->req = NULL;
    uv_close((uv_handle_t *)&w->timer, free_work);
}

/* ---- command line ---- */

struct option {
    const char *key;
    size_t offset;
    bool wide;
};

static const struct option options[] = {
#define LIMIT(name) {#name, offsetof(struct mb_http_limits, name), sizeof(((struct mb_http_limits *)0)->name) == 8}
    LIMIT(max_connections), LIMIT(max_connections_per_address), LIMIT(max_header_bytes),
    LIMIT(max_header_line), LIMIT(max_headers), LIMIT(max_target),
    LIMIT(max_chunk_extensions), LIMIT(max_body),
    LIMIT(max_pipeline_bytes), LIMIT(max_output_bytes), LIMIT(head_timeout), LIMIT(body_timeout),
    LIMIT(body_min_rate), LIMIT(write_timeout), LIMIT(idle_timeout), LIMIT(request_timeout),
    LIMIT(linger_timeout), LIMIT(linger_bytes), LIMIT(max_connection_requests),
    LIMIT(max_connection_age), LIMIT(tcp_keepalive), LIMIT(gzip_min_bytes), LIMIT(gzip_level),
    LIMIT(cors_max_age),
#undef LIMIT
};

static const struct mb_http_limits defaults = {
    .max_connections = 16384, .max_header_bytes = 32768, .max_header_line = 8192,
    .max_headers = 64, .max_target = 8192,
    .max_chunk_extensions = 16384, .max_body = 1048576, .max_pipeline_bytes = 65536,
    .max_output_bytes = 262144, .head_timeout = 10000, .body_timeout = 20000,
    .body_min_rate = 1024, .write_timeout = 20000, .idle_timeout = 60000,
    .request_timeout = 30000, .linger_timeout = 5000, .linger_bytes = 33554432,
    .gzip_min_bytes = 1024, .gzip_level = 4, .cors_max_age = 600000,
};

static bool set_limit(struct mb_http_limits *limits, struct mb_str key, const char *value)
{
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        uint64_t wide = strtoull(value, NULL, 10);
        uint32_t narrow = (uint32_t)wide;
        char *at = (char *)limits + options[i].offset;
        if (!mb_str_eq(key, mb_str_z(options[i].key)))
            continue;
        memcpy(at, options[i].wide ? (void *)&wide : (void *)&narrow, options[i].wide ? 8 : 4);
        return true;
    }
    return false;
}

static bool set(struct mb_http_config *config, const char *arg)
{
    const char *equals = strchr(arg, '=');
    struct mb_str key = {arg, equals ? (size_t)(equals - arg) : 0};
    if (!equals)
        return false;
    if (mb_str_eq(key, MB_STR("cors")))
        config->cors_origins = equals + 1;
    else if (mb_str_eq(key, MB_STR("trusted")))
        config->trusted_proxies = equals + 1;
    else if (mb_str_eq(key, MB_STR("forwarded")))
        config->reads_forwarded = true;
    else if (mb_str_eq(key, MB_STR("log")))
        config->access_log = equals[1] == '1';
    else if (mb_str_eq(key, MB_STR("timing")))
        config->server_timing = equals[1] == '1';
    else
        return set_limit(&config->limits, key, equals + 1);
    return true;
}

static int listen_somewhere(unsigned *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((in_port_t)*port);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, size) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0)
        return -1;
    *port = ntohs(at.sin_port);
    return fd;
}

static void on_drained(void *ctx, bool clean)
{
    struct probe *p = ctx;
    printf("drained %s\n", clean ? "clean" : "cut");
    fflush(stdout);
    uv_close((uv_handle_t *)&p->term, NULL);
    uv_close((uv_handle_t *)&p->log_flush, NULL);
}

static void on_term(uv_signal_t *signal, int number_of)
{
    struct probe *p = signal->data;
    (void)number_of;
    mb_http_drain(p->server, 2000, on_drained, p);
}

static void on_flush(uv_prepare_t *handle)
{
    (void)handle;
    mb_log_flush();
}

static void start_handles(struct probe *p)
{
    uv_signal_init(&p->loop, &p->term);
    p->term.data = p;
    uv_signal_start(&p->term, on_term, SIGTERM);
    uv_prepare_init(&p->loop, &p->log_flush);
    uv_prepare_start(&p->log_flush, on_flush);
}

int main(int argc, char **argv)
{
    static struct probe p;
    struct mb_http_config config = {.limits = defaults, .trusted_proxies = "", .cors_origins = "",
                                    .gzip_types = "text/*, *json"};
    const struct mb_http_handler handler = {&p, on_head, on_body, on_ready, on_body_end,
                                            on_writable, on_abort, on_end};
    struct mb_err err = {0};
    unsigned port = 0;
    int fd, index;
    void *tally;
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "port=", 5) == 0) {
            port = (unsigned)atoi(argv[i] + 5);
        } else if (!set(&config, argv[i])) {
            fprintf(stderr, "unknown option %s\n", argv[i]);
            return 2;
        }
    }
    mb_log_init(2, MB_LOG_INFO, "probe");
    fd = listen_somewhere(&port);
    if (fd < 0 || !mb_http_parser_is_strict() || uv_loop_init(&p.loop) != 0)
        return 1;
    start_handles(&p);
    tally = calloc(1, mb_tally_size(1, config.limits.max_connections));
    if (!tally)
        return 1;
    config.tally = mb_tally_init(tally, 1, config.limits.max_connections);
    if (mb_http_server_new(&p.server, &p.loop, &config, &handler, &p.stats, &err) != MB_OK ||
        mb_http_listen(p.server, fd, 7, &index, &err) != MB_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    mb_http_accept(p.server, index, true);
    printf("port %u\n", port);
    fflush(stdout);
    uv_run(&p.loop, UV_RUN_DEFAULT);
    mb_http_server_free(p.server);
    free(tally);
    close(fd);
    return uv_loop_close(&p.loop) == 0 ? 0 : 3;
}
